// The search in what was asked before: a field and a list above the composer, opened with Ctrl+R or from the menu.

import { html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { PageElement } from "../elements/base.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { promptOptions } from "./prompt-options.ts";
import { MENU_ID, menuView, type Option, optionId } from "./menu.ts";
import { earlierPrompts, type KnownPrompt } from "./prompt-history.ts";

const PAUSE_MS = 150;
@customElement("slw-prompt-search")
export class PromptSearch extends PageElement {
  @property() projectId = "";
  /** The session's own prompts, the newest first. */
  @property({ attribute: false }) own: () => readonly string[] = () => [];
  @state() private isOpen = false;
  @state() private options: readonly Option[] = [];
  @state() private chosen = 0;
  @state() private hasFailed = false;
  @state() private isLoading = false;
  @query("input") private field!: HTMLInputElement | null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking: AbortController | null = null;
  private known: readonly KnownPrompt[] = [];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
    this.asking?.abort();
  }

  async open(): Promise<void> {
    this.isOpen = true;
    this.known = this.own().map((text) => ({ text }));
    this.show("");
    this.load("");
    await this.updateComplete;
    this.field?.focus();
  }

  private close(): void {
    this.isOpen = false;
    clearTimeout(this.timer);
    this.asking?.abort();
    this.dispatchEvent(new CustomEvent("slw-search-closed", { bubbles: true }));
  }

  private show(query: string): void {
    this.options = promptOptions(query, this.known);
    this.chosen = Math.min(this.chosen, Math.max(0, this.options.length - 1));
  }

  private readonly onInput = (): void => {
    const query = this.field?.value ?? "";
    this.chosen = 0;
    this.show(query);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(query), PAUSE_MS);
  };

  private load(query: string): void {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    this.isLoading = true;
    earlierPrompts(this.projectId, query.trim(), asking.signal).then((found) => this.add(found, asking), () => this.failed(asking));
  }

  private add(found: readonly KnownPrompt[], asking: AbortController): void {
    if (this.asking !== asking) return;
    const texts = new Set(found.map((one) => one.text.trim()));
    this.known = [...this.known.filter((one) => !texts.has(one.text.trim())), ...found];
    [this.isLoading, this.hasFailed] = [false, false];
    this.show(this.field?.value ?? "");
  }

  private failed(asking: AbortController): void {
    if (this.asking === asking) [this.isLoading, this.hasFailed] = [false, true];
  }

  private choose(index: number): void {
    const option = this.options[index];
    if (!option) return;
    this.close();
    this.dispatchEvent(new CustomEvent("slw-recall", { detail: option.insert, bubbles: true }));
  }

  private move(step: number): void {
    if (!this.options.length) return;
    this.chosen = (this.chosen + step + this.options.length) % this.options.length;
    void this.updateComplete.then(() => this.querySelector(`#${optionId(this.chosen)}`)?.scrollIntoView({ block: "nearest" }));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") this.move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "r" && event.ctrlKey) this.move(1);
    else if (event.key === "Enter") this.choose(this.chosen);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  private readonly onLeave = (event: FocusEvent): void => {
    if (this.isOpen && !this.contains(event.relatedTarget as Node | null)) this.close();
  };

  override render(): unknown {
    if (!this.isOpen) return nothing;
    const label = gettext("Earlier messages");
    const none = this.isLoading ? gettext("Looking…") : this.field?.value ? gettext("Nothing like this was asked before.") : gettext("Nothing was asked yet.");
    return html`<div class="prompt-search" @focusout=${this.onLeave}>
      ${this.options.length ? menuView({ label, options: this.options, chosen: this.chosen, choose: (index) => this.choose(index) }) : html`<p class="completion completion-foot soft">${none}</p>`}
      <label class="prompt-search-line">${icon("search")}<input class="grow" type="text" role="combobox" autocomplete="off" aria-label=${gettext("Search in earlier messages")} placeholder=${gettext("Search in earlier messages")}
        aria-expanded=${this.options.length > 0} aria-controls=${this.options.length ? MENU_ID : nothing} aria-activedescendant=${this.options.length ? optionId(this.chosen) : nothing}
        @input=${this.onInput} @keydown=${this.onKey} />
        <button class="button quiet square" type="button" aria-label=${gettext("Close")} @click=${() => this.close()}>${icon("cross")}</button></label>
      ${this.hasFailed ? html`<p class="completion-foot soft" role="status">${gettext("Only this session's messages: the others could not be read just now.")}</p>` : nothing}
      <span class="unseen" role="status">${ngettext("{count} earlier message", "{count} earlier messages", this.options.length)}</span>
    </div>`;
  }
}
