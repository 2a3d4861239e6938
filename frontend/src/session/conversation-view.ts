// The conversation: its rows, of which only those near the reader are in the page, and what streams just now.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { copyText } from "../copy.ts";
import { PageElement, plain } from "../elements/base.ts";
import { repeat } from "../elements/repeat.ts";
import { openMenu } from "../frame/menu.ts";
import { store } from "../frame/tree-store.ts";
import { gettext, ngettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import "../markdown.ts";
import type { BackgroundTask } from "../protocol.ts";
import { blockKey, type Conversation, EMPTY, type FooterItem, type Item, type LiveBlock, type NoticeItem, type RetriedItem, type UserItem } from "./conversation.ts";
import { decisionView } from "./decision-view.ts";
import { beginningView, endView } from "./edges-view.ts";
import { copyConversation, saveConversation } from "./export.ts";
import type { FindBar } from "./find-bar.ts";
import { Folds } from "./folds.ts";
import { groupView } from "./group-view.ts";
import type { History } from "./history.ts";
import { messageView, unsentView } from "./message-view.ts";
import { begunView, compactedView, dayView, failureView, movedView, noticeView, restoredView, retriedView, thinkingView } from "./notice-view.ts";
import type { Unsent } from "./outbox.ts";
import { offerReadingActions } from "./reading-actions.ts";
import type { RestoreDialog } from "./restore-dialog.ts";
import { nameOf } from "./row-names.ts";
import { byTurn, itemRows, itemsOf, keysOf, type Row } from "./rows.ts";
import { messageOf, toast } from "../toast.ts";
import { ScrollWindow } from "./scroll-window.ts";
import { sinceView } from "./since.ts";
import { isStarting, startingView } from "./starting.ts";
import { toolView } from "./tool-view.ts";
import { actionButton, footerView } from "./turn-footer.ts";
import { linkedTurn, linkTo } from "./turn-links.ts";
import { jobAtWork } from "./waiting.ts";

const LOAD_AHEAD = 2000;
const MARKED_MS = 2500;
const MOST_HEARD = 100;

@customElement("slw-conversation")
export class ConversationView extends PageElement {
  @property() sessionId = "";
  @property({ attribute: false }) conversation: Conversation = EMPTY;
  @property({ attribute: false }) history: History | null = null;
  @property({ attribute: false }) unsent: readonly Unsent[] = [];
  @property({ type: Boolean }) isWorking = false;
  @property({ type: Boolean }) areQueuedElsewhere = false;
  @property({ type: Boolean }) isInLine = false;
  @property({ type: Boolean }) isRestarting = false;
  @property({ type: Boolean }) canSend = false;
  @property({ attribute: false }) background: readonly BackgroundTask[] = [];
  @state() private marked = "";
  @state() private isFinding = false;
  @state() private isGoing = false;

  readonly folds = new Folds(() => this.requestUpdate());
  rows: readonly Row[] = [];
  private view: ScrollWindow | null = null;
  /** Answers that came while this page was open: they are read out when they are whole. */
  private readonly heard = new Set<string>();
  private withdraw: () => void = () => {};
  private marking: ReturnType<typeof setTimeout> | undefined;
  private rowsFor: Pick<Conversation, "items" | "pending"> = EMPTY;
  private kept: readonly Row[] = [];
  private turns: ReadonlyMap<string, readonly Row[]> = new Map();
  /** What was shown when the end was left; anything else by now is news. */
  private leftAt: Conversation | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.view = new ScrollWindow(this, () => this.requestUpdate());
    this.addEventListener("keydown", this.onKey);
    window.addEventListener("beforeprint", this.onPrint);
    window.addEventListener("afterprint", this.onPrint);
    window.addEventListener("hashchange", this.onLink);
    this.withdraw = offerReadingActions(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.view?.end();
    this.removeEventListener("keydown", this.onKey);
    window.removeEventListener("beforeprint", this.onPrint);
    window.removeEventListener("afterprint", this.onPrint);
    window.removeEventListener("hashchange", this.onLink);
    this.withdraw();
    clearTimeout(this.marking);
  }

  override firstUpdated(): void {
    this.onLink();
  }

  /** On paper everything that is loaded is there. */
  private readonly onPrint = ({ type }: Event): void => {
    if (!this.view) return;
    this.view.isPrinting = type === "beforeprint";
    this.requestUpdate();
    this.performUpdate();
  };

  private get isFollowing(): boolean {
    return this.view?.isFollowing ?? true;
  }

  /** What is read: the end, or a part far back. */
  private get read(): Conversation {
    return this.isAway ? (this.history?.conversation ?? this.conversation) : this.conversation;
  }

  private get isAway(): boolean {
    return this.history?.hasLater ?? false;
  }

  override willUpdate(): void {
    if (this.view) this.view.hasEnd = !this.isAway;
    if (this.isFollowing) this.leftAt = null;
    else this.leftAt ??= this.conversation;
    for (const block of this.conversation.live) if (block.kind === "text" && !block.parent) this.heard.add(blockKey(block.block));
    for (const key of this.heard) if (this.heard.size > MOST_HEARD) this.heard.delete(key);
    this.rows = this.currentRows();
  }

  private currentRows(): Row[] {
    const { items, pending, results } = this.read;
    if (this.rowsFor.items !== items || this.rowsFor.pending !== pending) {
      this.rowsFor = { items, pending };
      this.kept = itemRows({ items, pending, results });
      this.turns = byTurn(this.kept);
    }
    if (this.isAway) return [...this.kept];
    return [...(this.retrying ? this.kept.slice(0, -1) : this.kept), ...this.rowsAtEnd()];
  }

  /** The model is being asked again just now: that is what the agent is at, and no row of its own yet. */
  private get retrying(): RetriedItem | null {
    const last = this.conversation.items.at(-1);
    return last?.type === "retried" && this.isWorking && !this.conversation.live.length ? last : null;
  }

  /** What streams, and what waits. */
  private rowsAtEnd(): Row[] {
    const { live, queued } = this.conversation;
    const turn = this.kept.at(-1)?.turn ?? "";
    const more: Row[] = live.filter((block) => !block.parent).map((block) => ({ type: "live", key: blockKey(block.block), block, turn, estimate: 60 }));
    if (this.isWorking && !this.conversation.pending.length) more.push({ type: "working", key: "working", turn, estimate: 32 });
    if (!this.areQueuedElsewhere) more.push(...queued.map((item): Row => ({ type: "queued", key: item.key, item, turn: item.key, estimate: 90 })));
    more.push(...this.unsent.map((message): Row => ({ type: "unsent", key: `u${message.id}`, message, turn: "", estimate: 90 })));
    return more;
  }

  override updated(): void {
    this.view?.shown();
    this.look();
  }

  /** Loads what is before when the reader comes near; lets go of what is far when the end is read. */
  private look(): void {
    const { history, view } = this;
    if (!history || !view) return;
    const canLoad = !history.isLoading && !history.error && !this.isGoing;
    if (history.hasEarlier && canLoad && view.top < LOAD_AHEAD) void history.earlier();
    else if (history.hasLater && canLoad && view.below < LOAD_AHEAD) void history.later();
    if (this.isAtRest || history.hasLater) void history.shorten(() => this.isAtRest || history.hasLater);
    else if (!this.isFinding) void history.stay();
  }

  /** Only the end is read, and nothing else is looked for. */
  private get isAtRest(): boolean {
    return this.isFollowing && !this.isFinding && !this.isGoing;
  }

  toBottom(): void {
    this.history?.toEnd();
    this.view?.toBottom();
  }

  /** Brings a row, or a part of it, into view. */
  show(key: string, within = 0): void {
    this.view?.reveal(key, within);
  }

  /** The ends are those of the conversation, not of what is loaded. */
  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.target !== this || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.key === "Home") void this.goTo(1);
    else if (event.key === "End") this.toBottom();
    else return;
    event.preventDefault();
  };

  private readonly onLink = (): void => {
    const seq = linkedTurn(location.hash);
    if (seq) void this.goTo(seq);
  };

  /** Goes to the turn that begins with this event, however far back it is, and marks it for a moment. */
  async goTo(seq: number): Promise<void> {
    const { history } = this;
    this.isGoing = true;
    await history?.until(seq);
    await this.updateComplete;
    const row = this.rows.find((one) => itemsOf(one).some((item) => item.seq >= seq));
    if (row) this.show(row.key);
    this.isGoing = false;
    if (!row || seq === 1) return;
    this.marked = row.key;
    clearTimeout(this.marking);
    this.marking = setTimeout(() => (this.marked = ""), MARKED_MS);
  }

  /** Opens the find bar, or goes back to it. */
  find(): void {
    if (this.isFinding) this.querySelector<FindBar>("slw-find")?.focusField();
    this.history?.toEnd(); // it is looked for from there backwards
    this.isFinding = true;
    void import("./find-bar.ts");
  }

  get isInFindBar(): boolean {
    return document.activeElement?.closest("slw-find") != null;
  }

  /** Unfolds or folds all that is loaded. */
  foldAll(isOpen: boolean): void {
    this.folds.setAll(keysOf(this.rows), isOpen);
  }

  private async copyItems(items: readonly Item[]): Promise<void> {
    const { itemsMarkdown } = await import("./copy-markdown.ts");
    await copyText(itemsMarkdown(items, this.read));
  }

  copyAll(): Promise<void> {
    return copyConversation(this.sessionId);
  }

  saveAll(): void {
    saveConversation(this.sessionId);
  }

  override render(): unknown {
    const pieces = this.view?.pieces(this.rows) ?? [];
    const isBusy = this.history?.isLoading ?? false;
    return html`${this.isFinding ? html`<slw-find .searched=${this} .version=${this.conversation.lastSeq} @slw-find-closed=${this.closeFind}></slw-find>` : nothing}
      ${this.isGoing && this.history?.isLoading ? html`<p class="going" role="status">${gettext("Loading what was said before…")}</p>` : nothing}
      <div class="turns" role="feed" aria-label=${gettext("What was said and done")} aria-busy=${isBusy}>
        ${beginningView(this.history)}
        ${repeat(pieces, (piece) => ("gap" in piece ? piece.key : (this.rows[piece.index]?.key ?? "")), (piece) => ("gap" in piece ? html`<div class="gap" aria-hidden="true" data-gap=${piece.gap}></div>` : this.entry(piece.index)))}
        ${endView(this.history)}
      </div>
      ${this.isFollowing ? nothing : this.pill()}
      <slw-restore .sessionId=${this.sessionId} @slw-restoring=${() => this.toBottom()}></slw-restore>`;
  }

  private readonly closeFind = (): void => {
    this.isFinding = false;
    this.focus();
  };

  private pill(): TemplateResult {
    const since = this.leftAt?.lastSeq ?? 0;
    const count = this.rows.filter((row) => row.type === "item" && row.item.seq > since).length;
    const before = this.leftAt ?? this.conversation;
    const hasNews = before.lastSeq !== this.conversation.lastSeq || this.conversation.live.some((block) => !before.live.includes(block));
    const words = count ? ngettext("New output ({count})", "New output ({count})", count) : hasNews ? gettext("New output") : gettext("Jump to latest");
    return html`<button class="button new-output ${hasNews ? "has-news" : ""}" type="button" aria-label=${words} @click=${() => this.toBottom()}>${icon("arrowDown")}<span class="new-output-word">${words}</span></button>`;
  }

  private entry(index: number): TemplateResult {
    const row = this.rows[index] as Row;
    const size = this.history?.hasEarlier || this.isAway ? -1 : this.rows.length;
    return html`<div class="entry is-${row.type === "item" ? row.item.type : row.type} ${row.key === this.marked ? "is-marked" : ""}" role="article" data-key=${row.key} aria-posinset=${index + 1} aria-setsize=${size} aria-label=${nameOf(row)}>${this.row(row)}</div>`;
  }

  private row(row: Row): unknown {
    switch (row.type) {
      case "item": return this.item(row.item, row.turn);
      case "group": return groupView(row, this.read, this.folds);
      case "day": return dayView(row.at);
      case "live": return this.live(row.block);
      case "queued": return this.user(row.item);
      case "unsent": return unsentView(this.sessionId, row.message, () => this.emit("slw-retry", row.message.id), () => this.emit("slw-discard", row.message.id));
      case "working": return this.working();
    }
  }

  private item(item: Item, turn: string): unknown {
    switch (item.type) {
      case "user": return this.user(item);
      case "text": return this.prose(item.key, item.text, false, actionButton("copy", gettext("Copy as Markdown"), () => void copyText(item.text)));
      case "thinking": return thinkingView(item, this.folds);
      case "tool": return toolView(item, this.read, this.folds, this.background);
      case "decision": return decisionView(item.permission, this.read.resolutions.get(item.permission.id));
      case "notice": return item.messageId === undefined ? noticeView(item, this.folds) : this.failure(item);
      case "footer": return this.footer(item, turn);
      case "begun": return begunView();
      case "retried": return retriedView(item, this.folds);
      case "compacted": return compactedView(item);
      case "moved": return movedView(item);
      case "restored": return restoredView(item, this.canRestore && item.undoId && this.isLastRestored(item) ? () => void this.undoRestore(item.undoId) : null);
    }
  }

  private working(): TemplateResult {
    const job = this.conversation.jobs.get(jobAtWork(this.conversation) ?? "");
    if (job && isStarting(job)) return startingView(job, this.canSend ? () => this.emit("slw-act", "interrupt") : null);
    const { retrying } = this;
    const word = this.isInLine ? gettext("Waits until others are through…") : retrying ? told(retrying.text) : job?.message ? `${told(job.message)}…` : gettext("Working…");
    const at = retrying?.at ?? job?.at;
    return html`<p class="working soft"><span class="pulse" aria-hidden="true"></span><span role="status">${plain(word)}</span>${at ? sinceView(at) : nothing}</p>`;
  }

  private user(item: UserItem): TemplateResult {
    const acts = [{ icon: "copy", label: gettext("Copy as Markdown"), act: () => void copyText(item.text) }, { icon: "link", label: gettext("Copy a link to this turn"), act: () => void copyText(linkTo(item.seq)) }] as const;
    const menu = (event: Event): void => openMenu(nameOf({ type: "item", item } as Row), [...acts], (event.currentTarget as Element).getBoundingClientRect());
    // Icons where one points at the message, one button where nothing can hover.
    const actions = html`<span class="row-actions">${acts.map(({ icon: name, label, act }) => actionButton(name, label, act))}</span><button class="row-action message-more" type="button" aria-haspopup="menu" aria-label=${gettext("More")} @click=${menu}>${icon("more")}</button>`;
    return messageView(this.sessionId, item, item.jobId ? (this.read.jobs.get(item.jobId) ?? this.conversation.jobs.get(item.jobId)) : undefined, this.folds, actions);
  }

  private failure(item: NoticeItem): TemplateResult {
    const message = this.read.items.find((one) => one.type === "user" && one.messageId === item.messageId) as UserItem | undefined;
    const again = (): void => this.send(message?.text ?? "");
    return failureView(item, this.folds, !this.canGoOnFrom(item) ? nothing : html`<p>${gettext("The work so far is kept.")}</p>
      <p class="row wrap"><button class="button primary" type="button" ?disabled=${this.isRestarting} @click=${() => this.emit("slw-restart", "")}>${this.isRestarting ? gettext("Continuing…") : gettext("Continue")}</button>
        ${message && !message.attachments.length ? html`<button class="button" type="button" @click=${again}>${gettext("Send the message again")}</button>` : nothing}</p>`);
  }

  /** Nothing came after it. */
  private canGoOnFrom(item: Item): boolean {
    return this.canSend && !this.isAway && !this.isWorking && this.conversation.items.at(-1) === item && !this.conversation.queued.length && !this.unsent.length;
  }

  private send(text: string): void {
    this.dispatchEvent(new CustomEvent("slw-send", { detail: { text, attachments: [] }, bubbles: true }));
  }

  private readonly wayOut = (item: Item, isTooLong: boolean): unknown =>
    isTooLong && this.canGoOnFrom(item) ? html`<p class="row wrap"><button class="button primary" type="button" @click=${() => this.send("/compact")}>${gettext("Compact")}</button>
      <button class="button" type="button" data-open="new-session" data-project=${store.session(this.sessionId)?.project_id ?? nothing}>${gettext("New session")}</button></p>` : nothing;

  private live(block: LiveBlock): TemplateResult {
    if (block.kind === "thinking") return html`<details class="thinking" open><summary>${icon("brain")} ${gettext("Thinking…")}</summary><div class="thought">${block.text}</div></details>`;
    return this.prose(blockKey(block.block), block.text, true, nothing);
  }

  /** The same element while it streams and when it is finished, so that nothing jumps; what streams is busy, and said once it is not. */
  private prose(key: string, text: string, isStreaming: boolean, actions: unknown): TemplateResult {
    return html`<slw-markdown class="prose" aria-live=${this.heard.has(key) ? "polite" : "off"} aria-busy=${isStreaming} .content=${{ text, isStreaming }}></slw-markdown><span class="row-actions is-floating">${actions}</span>`;
  }

  private footer(item: FooterItem, turn: string): TemplateResult {
    const rows = this.turns.get(turn) ?? [];
    const keys = keysOf(rows);
    const isUnfolded = keys.length > 0 && keys.every((key) => this.folds.isOpen(key));
    const first = rows.flatMap(itemsOf)[0];
    const checkpoint = item.jobId ? this.read.checkpointIds.get(item.jobId) : undefined;
    return footerView(item, this.read, this.folds, {
      wayOut: (isTooLong) => this.wayOut(item, isTooLong),
      copy: () => void this.copyItems(rows.flatMap(itemsOf)),
      copyLink: () => void copyText(linkTo(first?.seq ?? item.seq)),
      toggleAll: () => this.folds.setAll(keys, !isUnfolded),
      isUnfolded,
      restore: checkpoint && this.canRestore ? () => void this.askToRestore(checkpoint) : null,
    });
  }

  private get canRestore(): boolean {
    return this.canSend && !this.isWorking;
  }

  /** A later change of the files would be lost with it. */
  private isLastRestored(item: Item): boolean {
    return !this.isAway && this.conversation.items.findLast((one) => one.type === "restored" || one.type === "footer") === item;
  }

  private async askToRestore(checkpointId: string): Promise<void> {
    await import("./restore-dialog.ts");
    await this.querySelector<RestoreDialog>("slw-restore")?.openFor(checkpointId);
  }

  private async undoRestore(checkpointId: string): Promise<void> {
    try {
      await (await import("./restore-dialog.ts")).restore(this.sessionId, checkpointId);
    } catch (error) {
      toast(messageOf(error), undefined, "error");
    }
  }

  private emit(name: string, detail: string): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}
