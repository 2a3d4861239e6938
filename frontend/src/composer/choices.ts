// A menu of the composer's line, as all menus are made: to choose one of a few values, or to do one of a few things.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { closeMenu } from "../components/menu.ts";
import { PageElement } from "../elements/base.ts";
import { icon, type IconName } from "../icons.ts";

export interface Choice { value: string; label: string; detail?: string; icon?: IconName; keys?: string; isWarning?: boolean }

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

  private choose(choice: Choice): void {
    const menu = this.querySelector("details");
    if (menu) closeMenu(menu);
    if (choice.value !== this.value) this.dispatchEvent(new CustomEvent("slw-chosen", { detail: choice.value, bubbles: true }));
  }

  private readonly hold = (event: Event): void => {
    if (this.isDisabled) event.preventDefault();
  };

  override render(): unknown {
    const chosen = this.choices.find((one) => one.value === this.value);
    const shown = chosen?.label ?? this.value ?? "";
    const symbol = this.symbol || chosen?.icon;
    return html`<details class="menu up choices-menu">
      <summary class="button quiet choices-button ${chosen?.isWarning ? "is-warning" : ""} ${shown ? "" : "square"}" aria-label=${shown ? `${this.label}: ${shown}` : this.label} title=${this.hint || this.label}
        aria-busy=${this.isPending} aria-disabled=${this.isDisabled || nothing} @click=${this.hold}>${symbol ? icon(symbol) : nothing}${shown ? html`<span class="cut choices-word">${shown}</span><span class="choices-turn">${icon("collapse")}</span>` : nothing}</summary>
      <div class="menu-body">${this.choices.map((one) => this.item(one))}</div>
    </details>`;
  }

  private item(choice: Choice): TemplateResult {
    return html`<button class="menu-item ${choice.isWarning ? "is-warning" : ""}" type="button" aria-current=${this.value !== null && choice.value === this.value ? "true" : nothing} @click=${() => this.choose(choice)}>
      ${choice.icon ? icon(choice.icon) : nothing}<span class="grow"><span class="choices-label">${choice.label}</span>${choice.detail ? html`<span class="soft choices-detail">${choice.detail}</span>` : nothing}</span>
      ${choice.keys ? html`<kbd>${choice.keys}</kbd>` : nothing}</button>`;
  }
}
