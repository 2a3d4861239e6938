// Looks for words in the whole conversation: in what is shown, folded away, not in the page, and not loaded yet.

import { html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { PageElement } from "../elements/base.ts";
import { number } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Conversation } from "./conversation.ts";
import { find, type Match, MOST } from "./find.ts";
import type { Folds } from "./folds.ts";
import { mark, rangesIn, unmark } from "./found-marks.ts";
import type { History } from "./history.ts";
import type { Row } from "./rows.ts";

/** What is looked through, and can be scrolled. */
export interface Searched { readonly rows: readonly Row[]; readonly conversation: Conversation; readonly folds: Folds; readonly history: History | null; show(key: string, within?: number): void }

const PAUSE_MS = 150;
const LINES_AROUND = 20;
const SETTLES_MS = 60;
const TRIES = 8;

@customElement("slw-find")
export class FindBar extends PageElement {
  @property({ attribute: false }) searched!: Searched;
  @property({ type: Number }) version = 0;
  @state() private found: readonly Match[] = [];
  @state() private at = -1;
  @state() private isSearching = false;
  private wanted = "";
  private pause: ReturnType<typeof setTimeout> | undefined;
  private settling: ReturnType<typeof setTimeout> | undefined;
  /** What is about to be brought into view. */
  private coming: { match: Match; tries: number } | null = null;
  private stopped = new AbortController();
  private lookedAt: readonly Row[] = [];

  private get field(): HTMLInputElement {
    return this.querySelector("input") as HTMLInputElement;
  }

  override firstUpdated(): void {
    this.focusField();
  }

  focusField(): void {
    this.field.focus();
    this.field.select();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stopped.abort();
    clearTimeout(this.pause);
    clearTimeout(this.settling);
    unmark();
  }

  override updated(): void {
    if (!this.wanted) return unmark();
    if (this.searched.rows !== this.lookedAt && !this.isSearching) this.look();
    this.settleSoon();
  }

  /** What was unfolded and brought near is there a moment later. */
  private settleSoon(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      const { coming } = this;
      if (coming && this.rangeOf(coming.match) === null && coming.tries > 0) this.coming = { ...coming, tries: coming.tries - 1 };
      else this.coming = null;
      if (coming && !this.coming) this.bringToRange(coming.match);
      else if (this.coming) this.settleSoon();
      else this.markShown();
    }, SETTLES_MS);
  }

  private readonly onInput = (): void => {
    clearTimeout(this.pause);
    this.stopped.abort();
    this.pause = setTimeout(() => void this.search(), PAUSE_MS);
  };

  private async search(): Promise<void> {
    const stopped = (this.stopped = new AbortController());
    this.wanted = this.field.value;
    this.at = -1;
    this.look();
    if (this.found.length) this.go(this.found.length - 1);
    const { history } = this.searched;
    if (!this.wanted || !history) return;
    this.isSearching = true;
    while (history.hasEarlier && !stopped.signal.aborted && (await history.earlier(1000))) {
      if (!stopped.signal.aborted) this.look();
    }
    if (stopped !== this.stopped) return;
    this.isSearching = false;
    this.look();
    if (this.at < 0 && this.found.length) this.go(this.found.length - 1);
  }

  /** The place that is shown stays the same one, whatever is found before it. */
  private look(): void {
    const { rows, conversation } = this.searched;
    const current = this.found[this.at];
    this.lookedAt = rows;
    this.found = find(rows, conversation, this.wanted);
    if (!current) return;
    this.at = this.found.findIndex((one) => one.item === current.item && one.nth === current.nth && one.isInBody === current.isInBody);
  }

  private step(by: number): void {
    const { length } = this.found;
    if (length) this.go((Math.max(0, this.at) + by + length) % length);
  }

  /** Unfolds what hides it, and brings it into view. */
  private go(at: number): void {
    const match = this.found[at];
    if (!match) return;
    this.at = at;
    const { folds } = this.searched;
    const opened = match.isInBody ? [...match.within, match.item, `${match.item}:more`] : match.within;
    folds.setAll(opened, true);
    for (const key of match.within) folds.resize(`${key}:inner`, Number.MAX_SAFE_INTEGER);
    if (match.isInBody) for (const part of ["lines", "output", "prompt", "detail"]) {
      const key = `${match.item}:${part}`;
      if (match.line > folds.size(key, LINES_AROUND) - LINES_AROUND) folds.resize(key, match.line + LINES_AROUND);
    }
    this.searched.show(match.row);
    this.coming = { match, tries: TRIES };
    this.settleSoon();
  }

  private scopeOf(match: Match): Element | null {
    const entry = document.querySelector(`.entry[data-key="${CSS.escape(match.row)}"]`);
    const tools = [...(entry?.querySelectorAll("slw-tool") ?? [])] as (Element & { item?: { key: string } })[];
    const tool = tools.find((one) => one.item?.key === match.item);
    const part = match.isInBody ? tool?.querySelector(":scope > details > .tool-body, :scope > .nested > details > .tool-body") : tool?.querySelector(":scope > details > summary");
    return part ?? tool ?? entry;
  }

  private rangeOf(match: Match | undefined): Range | null {
    const scope = match && this.scopeOf(match);
    const ranges = scope ? rangesIn(scope, this.wanted) : [];
    return ranges[Math.min(match?.nth ?? 0, ranges.length - 1)] ?? null;
  }

  private bringToRange(match: Match): void {
    const range = this.rangeOf(match);
    const entry = document.querySelector(`.entry[data-key="${CSS.escape(match.row)}"]`);
    // First within what scrolls by itself, then the row.
    const frame = range?.startContainer.parentElement?.closest<HTMLElement>("pre, .patch, .found");
    if (range && frame) {
      const [inner, outer] = [range.getBoundingClientRect(), frame.getBoundingClientRect()];
      if (inner.top < outer.top || inner.bottom > outer.bottom) frame.scrollTop += inner.top - outer.top - outer.height / 2;
      if (inner.left < outer.left || inner.right > outer.right) frame.scrollLeft += inner.left - outer.left - outer.width / 2;
    }
    if (range && entry) this.searched.show(match.row, range.getBoundingClientRect().top - entry.getBoundingClientRect().top);
    this.markShown();
  }

  private markShown(): void {
    if (!this.isConnected || !this.wanted) return;
    const ranges = [...document.querySelectorAll(".turns > .entry")].flatMap((entry) => rangesIn(entry, this.wanted));
    mark(ranges, this.rangeOf(this.found[this.at]));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  private close(): void {
    this.dispatchEvent(new CustomEvent("slw-find-closed", { bubbles: true }));
  }

  override render(): unknown {
    const { conversation, history } = this.searched;
    const count = this.found.length;
    const words = !this.wanted ? "" : count ? (count < MOST ? gettext("{n} of {all}", { n: number(this.at + 1), all: number(count) }) : gettext("{n} of over {all}", { n: number(this.at + 1), all: number(count) })) : this.isSearching ? "" : gettext("Nothing found");
    const read = conversation.lastSeq - (history?.first ?? 1) + 1;
    return html`<div class="find-bar" role="search" @keydown=${this.onKey}>
      <input class="input" type="search" enterkeyhint="search" aria-label=${gettext("Find in the conversation")} placeholder=${gettext("Find in the conversation")} @input=${this.onInput} />
      <span class="find-count soft" role="status">${words}</span>
      <button class="row-action" type="button" aria-label=${gettext("Previous match")} title=${gettext("Previous match (Shift+Enter)")} ?disabled=${!count} @click=${() => this.step(-1)}>${icon("expand")}</button>
      <button class="row-action" type="button" aria-label=${gettext("Next match")} title=${gettext("Next match (Enter)")} ?disabled=${!count} @click=${() => this.step(1)}>${icon("collapse")}</button>
      <button class="row-action" type="button" aria-label=${gettext("Close")} title=${gettext("Close (Escape)")} @click=${() => this.close()}>${icon("cross")}</button>
      ${this.isSearching ? html`<span class="find-progress soft"><progress class="progress" max=${conversation.lastSeq} value=${read} aria-label=${gettext("Searching what was said before")}></progress>
        <span>${gettext("Searching what was said before…")}</span><button class="link" type="button" @click=${() => { this.stopped.abort(); this.isSearching = false; }}>${gettext("Stop searching")}</button></span>` : nothing}
    </div>`;
  }
}
