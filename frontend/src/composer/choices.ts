// A button that opens a small menu above it: to choose one of a few values, or to do one of a few things.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { PageElement } from "../elements/base.ts";
import { icon, type IconName } from "../icons.ts";

export interface Choice { value: string; label: string; detail?: string; icon?: IconName; keys?: string; isWarning?: boolean }

let menus = 0;

@customElement("slw-choices")
export class Choices extends PageElement {
  @property() label = "";
  /** The chosen one; null in a menu of things to do. */
  @property() value: string | null = null;
  @property({ attribute: false }) choices: readonly Choice[] = [];
  @property() symbol: IconName | "" = "";
  /** The label of the value that is on its way to the server. */
  @property({ type: Boolean }) isPending = false;
  @property({ type: Boolean }) isDisabled = false;
  @property() hint = "";
  @state() private isOpen = false;
  @state() private at = 0;
  private readonly menuId = `choices-${(menus += 1)}`;
  private typed = "";
  private typedAt = 0;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    if (this.isOpen) this.close(false);
  }

  private get button(): HTMLButtonElement | null {
    return this.querySelector("button");
  }

  open(last = false): void {
    if (this.isDisabled || !this.choices.length) return;
    const chosen = this.choices.findIndex((one) => one.value === this.value);
    this.at = chosen >= 0 ? chosen : last ? this.choices.length - 1 : 0;
    this.isOpen = true;
    document.addEventListener("pointerdown", this.onOutside, true);
  }

  private close(back: boolean): void {
    this.isOpen = false;
    document.removeEventListener("pointerdown", this.onOutside, true);
    if (back) this.button?.focus();
  }

  private readonly onOutside = (event: Event): void => {
    if (!this.contains(event.target as Node)) this.close(false);
  };

  override updated(changed: PropertyValues): void {
    if (this.isOpen && (changed.has("isOpen" as never) || changed.has("at" as never))) this.querySelectorAll<HTMLElement>("[role^=menuitem]")[this.at]?.focus();
  }

  private choose(choice: Choice): void {
    this.close(true);
    if (choice.value !== this.value) this.dispatchEvent(new CustomEvent("slw-chosen", { detail: choice.value, bubbles: true }));
  }

  private move(step: number): void {
    this.at = (this.at + step + this.choices.length) % this.choices.length;
  }

  /** Letters go to the next one that begins with them. */
  private seek(letter: string, now: number): void {
    this.typed = now - this.typedAt < 700 ? this.typed + letter.toLowerCase() : letter.toLowerCase();
    this.typedAt = now;
    const found = this.choices.findIndex((one) => one.label.toLowerCase().startsWith(this.typed));
    if (found >= 0) this.at = found;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const { key } = event;
    if (!this.isOpen) {
      if (key !== "ArrowDown" && key !== "ArrowUp") return;
      this.open(key === "ArrowUp");
    } else if (key === "ArrowDown" || key === "ArrowUp") this.move(key === "ArrowDown" ? 1 : -1);
    else if (key === "Home" || key === "End") this.at = key === "Home" ? 0 : this.choices.length - 1;
    else if (key === "Escape") this.close(true);
    else if (key === "Tab") return this.close(true);
    else if (key.length === 1 && key !== " " && !event.ctrlKey && !event.metaKey) this.seek(key, event.timeStamp);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  override render(): unknown {
    const chosen = this.choices.find((one) => one.value === this.value);
    const shown = chosen?.label ?? this.value ?? "";
    const symbol = this.symbol || chosen?.icon;
    return html`<div class="choices-anchor" @keydown=${this.onKey}>
      <button class="button quiet choices-button ${chosen?.isWarning ? "is-warning" : ""} ${shown ? "" : "square"}" type="button" aria-haspopup="menu" aria-expanded=${this.isOpen} aria-controls=${this.isOpen ? this.menuId : nothing}
        aria-label=${shown ? `${this.label}: ${shown}` : this.label} title=${this.hint || this.label} aria-busy=${this.isPending} ?disabled=${this.isDisabled}
        @click=${() => (this.isOpen ? this.close(true) : this.open())}>${symbol ? icon(symbol) : nothing}${shown ? html`<span class="cut choices-word">${shown}</span><span class="choices-turn">${icon("collapse")}</span>` : nothing}</button>
      ${this.isOpen ? html`<div class="pick-menu" id=${this.menuId} role="menu" aria-label=${this.label}>${this.choices.map((one, index) => this.item(one, index))}</div>` : nothing}
    </div>`;
  }

  private item(choice: Choice, index: number): TemplateResult {
    const isRadio = this.value !== null;
    const isChosen = choice.value === this.value;
    return html`<button class="choices-item ${isChosen ? "is-chosen" : ""} ${choice.isWarning ? "is-warning" : ""}" type="button" role=${isRadio ? "menuitemradio" : "menuitem"} aria-checked=${isRadio ? isChosen : nothing}
      tabindex="-1" @click=${() => this.choose(choice)} @pointermove=${() => (this.at = index)}>
      ${choice.icon ? icon(choice.icon) : nothing}<span class="grow"><span class="choices-label">${choice.label}</span>${choice.detail ? html`<span class="soft choices-detail">${choice.detail}</span>` : nothing}</span>
      ${choice.keys ? html`<kbd>${choice.keys}</kbd>` : nothing}${isRadio ? html`<span class="choices-mark">${isChosen ? icon("check") : nothing}</span>` : nothing}</button>`;
  }
}
