// The command palette: everything that can be done, every session and project, found by a few letters.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { PageElement } from "../elements/base.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { archivedChoices, type Choice, choices, find, type Found, type Section } from "./choices.ts";
import { marked } from "../fuzzy.ts";
import { caps } from "./key-caps.ts";
import { goTo } from "./navigate.ts";
import { actionsHere } from "./palette-actions.ts";
import { noteUse, recent } from "./recent.ts";
import { beginTree, store } from "./tree-store.ts";

const PAUSE_MS = 200;

@customElement("slw-palette")
export class Palette extends PageElement {
  @state() private sections: Section[] = [];
  @state() private chosen = 0;
  @state() private isOpen = false;
  @query("dialog") private dialog!: HTMLDialogElement;
  @query("input") private input!: HTMLInputElement;
  private all: Choice[] = [];
  private current = "";
  private asking = new AbortController();

  async open(): Promise<void> {
    if (this.isOpen) return;
    beginTree();
    this.all = choices(actionsHere());
    this.current = store.current;
    this.isOpen = true;
    this.look("");
    await this.updateComplete;
    this.dialog.showModal();
    this.input.focus();
  }

  private look(text: string): void {
    this.sections = find(this.all, text, recent(), this.current);
    this.chosen = 0;
    void this.lookFurther(text);
  }

  /** What the server finds comes below what is here already, so that nothing moves under the hand. */
  private async lookFurther(text: string): Promise<void> {
    this.asking.abort();
    const { signal } = (this.asking = new AbortController());
    try {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const archived = signal.aborted ? [] : await archivedChoices(text, store.organizationId, signal);
      if (archived.length && !signal.aborted) this.sections = [...this.sections, { name: archived[0]?.group ?? "", found: archived.map((choice) => ({ choice, positions: [] })) }];
    } catch {
      // What is here is found without the server, too.
    }
  }

  private get found(): Found[] {
    return this.sections.flatMap((section) => section.found);
  }

  private move(step: number): void {
    const { length } = this.found;
    if (length) this.choose((this.chosen + step + length) % length);
  }

  private choose(index: number): void {
    this.chosen = index;
    void this.updateComplete.then(() => this.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    const last = this.found.length - 1;
    const isHere = { ArrowDown: () => this.move(1), ArrowUp: () => this.move(-1), PageDown: () => this.choose(Math.min(last, this.chosen + 8)), PageUp: () => this.choose(Math.max(0, this.chosen - 8)) }[event.key];
    if (isHere) isHere();
    else if (event.key === "Enter") this.take(this.found[this.chosen]?.choice, event.ctrlKey || event.metaKey);
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") this.dialog.close();
    else return;
    event.preventDefault();
  };

  private take(choice: Choice | undefined, isInNewTab = false): void {
    if (!choice) return;
    noteUse(choice.id);
    if (isInNewTab && choice.href) return void window.open(choice.href, "_blank", "noopener");
    // What it does may open a dialog of its own, and gives the focus to where it belongs: after this one has given it back.
    this.dialog.addEventListener("close", () => (choice.href ? void goTo(choice.href) : choice.run?.()), { once: true });
    this.dialog.close();
  }

  override render(): TemplateResult {
    return html`<dialog class="palette" aria-label=${gettext("Command palette")} @close=${this.onClosed} @click=${this.onOutside}>${this.isOpen ? this.sheet() : nothing}</dialog>`;
  }

  private readonly onClosed = (): void => {
    this.isOpen = false;
    this.asking.abort();
  };

  private readonly onOutside = (event: Event): void => {
    if (event.target === this.dialog) this.dialog.close();
  };

  private sheet(): TemplateResult {
    const { length } = this.found;
    return html`<div class="palette-sheet">
      <div class="palette-field">${icon("search")}<input type="text" role="combobox" aria-expanded=${length > 0} aria-controls=${length ? "palette-list" : nothing} aria-autocomplete="list" autocomplete="off" spellcheck="false" enterkeyhint="go"
        aria-activedescendant=${length ? `palette-${this.chosen}` : nothing} aria-label=${gettext("Find a session or an action")} placeholder=${gettext("Find a session or an action")}
        @input=${(event: Event) => this.look((event.target as HTMLInputElement).value)} @keydown=${this.onKey} />
        <button class="button quiet square touch-only" type="button" aria-label=${gettext("Close")} @click=${() => this.dialog.close()}>${icon("cross")}</button></div>
      <p class="unseen" role="status">${ngettext("{count} result", "{count} results", length)}</p>
      ${length ? this.list() : html`<p class="palette-none soft">${gettext("No results for “{text}”.", { text: this.input.value })}</p>`}
      <p class="palette-keys" aria-hidden="true"><span>${caps("↑")}${caps("↓")} ${gettext("choose")}</span><span>${caps("Enter")} ${gettext("go")}</span><span>${caps("Ctrl+Enter")} ${gettext("in a new tab")}</span><span>${caps("Esc")} ${gettext("close")}</span></p>
    </div>`;
  }

  private list(): TemplateResult {
    let index = -1;
    return html`<div class="palette-list" id="palette-list" role="listbox" aria-label=${gettext("Results")} tabindex="-1">${this.sections.map((section, at) => html`
      <div role="group" aria-labelledby="palette-group-${at}"><h3 class="palette-group" id="palette-group-${at}" role="presentation">${section.name}</h3>
      ${section.found.map((one) => this.option(one, (index += 1)))}</div>`)}</div>`;
  }

  private option({ choice, positions }: Found, index: number): TemplateResult {
    return html`<div class="palette-option" role="option" id="palette-${index}" aria-selected=${index === this.chosen}
        @pointermove=${() => this.chosen !== index && (this.chosen = index)} @click=${(event: MouseEvent) => this.take(choice, event.ctrlKey || event.metaKey)} @auxclick=${() => this.take(choice, true)}>
      ${choice.meaning ? html`<span class="status ${choice.meaning}"></span>` : nothing}
      <span class="cut" title=${choice.title}>${marked(choice.title, positions).map((piece) => (piece.isMatched ? html`<mark>${piece.text}</mark>` : piece.text))}</span>
      ${choice.detail ? html`<span class="soft cut">${choice.detail}</span>` : nothing}<span class="grow"></span>
      ${choice.meaning && choice.words ? html`<span class="soft palette-word">${choice.words}</span>` : nothing}${choice.keys ? caps(choice.keys) : nothing}</div>`;
  }
}
