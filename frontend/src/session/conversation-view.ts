// The conversation: messages, turns, tool lines and what streams just now.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { PageElement, plain } from "../elements/base.ts";
import { clock, count, duration, exactTime, money } from "../format.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import "../markdown.ts";
import { blockKey, type CompactedItem, type Conversation, EMPTY, type FooterItem, type Item, type LiveBlock, type NoticeItem, type TextItem, type UserItem } from "./conversation.ts";
import { decisionView } from "./decision-view.ts";
import type { Unsent } from "./outbox.ts";
import { attachmentsView } from "./pictures.ts";
import { isAsked } from "./tool-view.ts";

const TOUCH_MS = 1000;
const LEAVE_MS = 400;

@customElement("slw-conversation")
export class ConversationView extends PageElement {
  @property() sessionId = "";
  @property({ attribute: false }) conversation: Conversation = EMPTY;
  @property({ attribute: false }) unsent: readonly Unsent[] = [];
  @property({ type: Boolean }) isWorking = false;
  @property({ type: Boolean }) areQueuedElsewhere = false;
  @property({ type: Boolean }) isInLine = false;
  @property({ type: Boolean }) isRestarting = false;
  @property({ type: Boolean }) canSend = false;
  @state() private isFollowing = true;

  private readonly sizes = new ResizeObserver(() => this.follow());
  /** What was shown when the end was left; anything else by now is news. */
  private leftAt: Conversation | null = null;
  private lastTop = 0;
  private lastSizes = "";
  private touchedAt = 0;
  private leaving: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("scroll", this.onScroll, { passive: true });
    for (const name of ["touchmove", "pointerdown"]) this.addEventListener(name, this.onTouched, { passive: true });
    this.addEventListener("wheel", (event) => event.deltaY < 0 && this.leave(), { passive: true });
    this.addEventListener("keydown", (event) => ["PageUp", "ArrowUp", "Home"].includes(event.key) && this.leave());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sizes.disconnect();
  }

  override firstUpdated(): void {
    this.sizes.observe(this);
    const turns = this.querySelector(".turns");
    if (turns) this.sizes.observe(turns);
  }

  private readonly onTouched = (): void => {
    this.touchedAt = performance.now();
  };

  /** Off the end at once: text that streams would pull back a wheel's first small steps before they were noticed. */
  private leave(): void {
    if (this.scrollTop <= 0) return;
    this.onTouched();
    this.isFollowing = false;
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => {
      this.leaving = undefined;
      if (this.isAtBottom) this.isFollowing = true;
    }, LEAVE_MS);
  }

  private get isAtBottom(): boolean {
    return this.scrollHeight - this.scrollTop - this.clientHeight < 48;
  }

  private get currentSizes(): string {
    return `${this.scrollHeight} ${this.clientHeight}`;
  }

  /** Moving up is a person's wish to read, unless the layout moved: a dock or a text that changes its height moves the view, too. */
  private readonly onScroll = (): void => {
    const isByHand = this.currentSizes === this.lastSizes || performance.now() - this.touchedAt < TOUCH_MS;
    const isUp = this.scrollTop < this.lastTop;
    this.lastTop = this.scrollTop;
    this.lastSizes = this.currentSizes;
    if (this.leaving !== undefined) return;
    if (this.isAtBottom) this.isFollowing = true;
    else if (isUp && isByHand) this.isFollowing = false;
    else this.follow();
  };

  private get hasNews(): boolean {
    return this.leftAt !== null && (this.leftAt.lastSeq !== this.conversation.lastSeq || this.leftAt.live !== this.conversation.live);
  }

  override willUpdate(): void {
    if (this.isFollowing) this.leftAt = null;
    else this.leftAt ??= this.conversation;
  }

  override updated(): void {
    this.follow();
  }

  private follow(): void {
    if (!this.isFollowing) return;
    this.scrollTop = this.scrollHeight;
    this.lastTop = this.scrollTop;
    this.lastSizes = this.currentSizes;
  }

  toBottom(): void {
    this.isFollowing = true;
    this.follow();
  }

  override render(): unknown {
    const { items, live, queued } = this.conversation;
    return html`<div class="turns">
        ${repeat<Item | LiveBlock>([...items, ...live.filter((block) => !block.parent)],
          (one) => "type" in one ? one.key : blockKey(one.block), (one) => "type" in one ? this.item(one) : this.live(one))}
        ${this.isWorking ? this.working() : nothing}
        ${this.areQueuedElsewhere ? nothing : repeat(queued, (item) => item.key, (item) => this.user(item))}
        ${this.unsent.map((message) => this.unsentView(message))}
      </div>
      ${this.isFollowing ? nothing : html`<button class="button new-output" type="button" @click=${() => this.toBottom()}>${icon("arrowDown")} ${this.hasNews ? gettext("New output") : gettext("To the end")}</button>`}`;
  }

  private working(): TemplateResult {
    const job = [...this.conversation.jobs.values()].findLast((one) => one.status === "PROCESSING" || one.status === "PENDING");
    const word = this.conversation.pending.length ? gettext("Waits for your answer") : this.isInLine ? gettext("Waits until others are through") : job?.message || gettext("Working");
    return html`<p class="working soft" role="status"><span class="pulse" aria-hidden="true"></span>${word}…</p>`;
  }

  item(item: Item): unknown {
    switch (item.type) {
      case "user": return this.user(item);
      case "text": return prose(item.text);
      case "thinking": return thinking(item);
      case "tool": return html`<slw-tool .item=${item} .result=${this.conversation.results.get(item.callId) ?? null}
        .inner=${this.conversation.children.get(item.callId) ?? null} .conversation=${this.conversation.children.has(item.callId) ? this.conversation : null} .isWaiting=${isAsked(this.conversation, item)} .isUnfinished=${this.conversation.unfinished.has(item.callId)}></slw-tool>`;
      case "decision": return decisionView(item.permission, this.conversation.resolutions.get(item.permission.id));
      case "notice": return item.messageId === undefined ? notice(item) : this.failure(item);
      case "footer": return this.footer(item);
      case "begun": return html`<p class="begun soft">${icon("bot")}<span>${gettext("The agent went on by itself: a background task ended.")}</span></p>`;
      case "compacted": return compacted(item);
    }
  }

  private user(item: UserItem): TemplateResult {
    const job = item.jobId ? this.conversation.jobs.get(item.jobId) : undefined;
    if (item.isWithdrawn) return withdrawn(item, job?.message ?? "");
    const word = { PENDING: gettext("Queued"), CANCELLED: gettext("Cancelled"), FAILED: gettext("Failed") }[job?.status ?? ""];
    return html`<article class="user-message" aria-label=${gettext("Message from {name}", { name: item.author || gettext("someone") })}>
      <header><b>${item.author || gettext("Someone")}</b><time class="soft" datetime=${item.at} title=${exactTime(item.at)}>${clock(item.at)}</time>${item.isEdited ? html`<span class="soft">${gettext("edited")}</span>` : nothing}${word ? html`<span class="badge">${word}</span>` : nothing}</header>
      <div class="said">${item.text}</div>${attachmentsView(this.sessionId, item.attachments)}
    </article>`;
  }

  private unsentView(message: Unsent): TemplateResult {
    return html`<article class="user-message unsent">
      <header><b>${gettext("You")}</b><span class="badge">${message.error ? gettext("Not sent") : gettext("Sending…")}</span></header>
      <div class="said">${message.text}</div>${attachmentsView(this.sessionId, message.attachments)}
      ${message.error ? html`<div class="note error">${icon("warning")}<span class="grow">${message.error}</span>
        <button class="link" type="button" @click=${() => this.emit("slw-retry", message.id)}>${gettext("Try again")}</button>
        <button class="link" type="button" @click=${() => this.emit("slw-discard", message.id)}>${gettext("Back to the draft")}</button></div>` : nothing}
    </article>`;
  }

  /** Why a turn failed, and, while nothing came after it, the way to go on. */
  private failure(item: NoticeItem): TemplateResult {
    const message = this.conversation.items.find((one) => one.type === "user" && one.messageId === item.messageId) as UserItem | undefined;
    const isLast = this.conversation.items.at(-1) === item && !this.conversation.queued.length && !this.unsent.length;
    const again = (): void => void this.dispatchEvent(new CustomEvent("slw-send", { detail: { text: message?.text ?? "", attachments: [] }, bubbles: true }));
    return html`<div class="note error">${icon("warning")}<div class="grow stack tight"><p>${plain(item.text || gettext("The turn failed."))}</p>
      ${item.detail ? html`<details><summary class="link">${gettext("Show what the agent said last")}</summary><slw-folded-text .text=${item.detail}></slw-folded-text></details>` : nothing}
      ${isLast && this.canSend ? html`<p class="soft">${gettext("The work so far is kept.")}</p>
        <p class="row wrap"><button class="button primary" type="button" ?disabled=${this.isRestarting} @click=${() => this.emit("slw-restart", "")}>${this.isRestarting ? gettext("Continuing…") : gettext("Continue")}</button>
          ${message && !message.attachments.length ? html`<button class="button" type="button" @click=${again}>${gettext("Send the message again")}</button>` : nothing}</p>` : nothing}
    </div></div>`;
  }

  private emit(name: string, detail: string): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  private live(block: LiveBlock): TemplateResult {
    if (block.kind === "thinking") return html`<details class="thinking" open><summary>${icon("brain")} ${gettext("Thinking…")}</summary><div class="thought">${block.text}</div></details>`;
    return prose(block.text);
  }

  private footer({ turn, jobId, at }: FooterItem): TemplateResult {
    const files = jobId ? this.conversation.filesChanged.get(jobId) : undefined;
    return html`${turn.isError ? html`<p class="note error">${icon("warning")}<span>${turn.error || gettext("The turn ended with an error.")}</span></p>` : nothing}
    <footer class="turn-footer soft" title=${exactTime(at)}>
      <span>${duration(turn.durationMs)}</span>
      <span title=${gettext("{in} tokens in, {out} tokens out", { in: turn.inputTokens, out: turn.outputTokens })}>${gettext("{n} tokens", { n: count(turn.inputTokens + turn.outputTokens) })}</span>
      ${turn.costUsd ? html`<span>${money(turn.costUsd)}</span>` : nothing}
      ${!files ? nothing : html`<span>${ngettext("{count} file changed", "{count} files changed", files)}</span>`}
    </footer>`;
  }
}

const prose = (text: string): TemplateResult => html`<slw-markdown class="prose" .text=${text}></slw-markdown>`;

/** A message that was taken out of the queue: told in a line, its text kept below. */
const withdrawn = (item: UserItem, how: string): TemplateResult =>
  html`<details class="withdrawn soft"><summary>${icon("cross")}<span class="grow">${how ? plain(how) : gettext("A message was removed before the agent had it.")}</span><span class="icon-turn">${icon("chevron")}</span></summary><div class="said">${item.text}</div></details>`;

function compacted({ trigger, before, after }: CompactedItem): TemplateResult {
  const sizes = before && after ? gettext("{before} → {after} tokens", { before: count(before), after: count(after) }) : before ? gettext("{n} tokens before", { n: count(before) }) : "";
  return html`<p class="compacted soft">${icon("fold")}<span>${trigger === "manual" ? gettext("The conversation was shortened, as asked.") : gettext("The conversation was shortened to make room: the agent goes on with a summary.")} ${sizes}</span></p>`;
}


const thinking = (item: TextItem): TemplateResult =>
  html`<details class="thinking"><summary>${icon("brain")} ${gettext("Thought")}<span class="icon-turn">${icon("chevron")}</span></summary><div class="thought">${item.text}</div></details>`;

function notice(item: NoticeItem): TemplateResult {
  const level = item.level === "error" || item.level === "exited" ? "error" : item.level === "warning" ? "warning" : "";
  const text = item.level === "exited" ? gettext("The agent stopped unexpectedly ({how}). Send a message to go on.", { how: item.text }) : item.level === "raw" ? gettext("Output that is not understood") : item.text;
  const head = html`${icon(level ? "warning" : "info")}<span class="grow">${plain(text)}</span>`;
  if (!item.detail) return html`<p class="note ${level}">${head}</p>`;
  return html`<details class="notice"><summary class="note ${level}">${head}<span class="icon-turn">${icon("chevron")}</span></summary><slw-folded-text .text=${item.detail}></slw-folded-text></details>`;
}
