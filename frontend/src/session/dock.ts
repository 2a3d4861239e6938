// What is docked below the conversation: notes on the connection and the session, the queue, the card that asks, the composer.

import { html, nothing, type PropertyValues } from "lit";
import { customElement, property } from "lit/decorators.js";
import { watchKeyboard } from "../composer/screen-keyboard.ts";
import { errorNote, PageElement } from "../elements/base.ts";
import { ask } from "../frame/ask.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { str } from "../json.ts";
import { load, type PartName } from "../parts.ts";
import type { Permission, Session } from "../protocol.ts";
import { backgroundView } from "./chat-parts.ts";
import type { Composer } from "./composer.ts";
import "./composer.ts";
import { connectionNote, reloadNote } from "./connection-note.ts";
import { type Conversation, EMPTY } from "./conversation.ts";
import type { PageSession } from "./session-head.ts";
import { refusedNote, stateNote } from "./state-note.ts";
import type { ConnectionState } from "./surroundings.ts";
import { isPlainlyWaiting, type Places } from "./waiting.ts";

@customElement("slw-dock")
export class Dock extends PageElement {
  @property({ attribute: false }) page!: PageSession;
  @property({ attribute: false }) session: Session | null = null;
  @property({ attribute: false }) conversation: Conversation = EMPTY;
  @property({ attribute: false }) places: Places = {};
  @property({ attribute: false }) connection: ConnectionState = "connecting";
  @property({ attribute: false }) error: unknown = null;
  @property() status = "INITIALIZING";
  /** How a question that was shown here was answered elsewhere. */
  @property() answered = "";
  @property({ type: Boolean }) hasSettled = false;
  @property({ type: Boolean }) hasNewVersion = false;
  @property({ type: Boolean }) isWorking = false;

  private steady: Session | null = null;
  private hadCardFocus = false;
  private unwatch = (): void => {};

  /** Nothing more can be done here: the session is gone, or no longer this person's to see. */
  private get isOver(): boolean {
    return this.connection === "forbidden" || this.connection === "gone";
  }

  private readonly said = (): string[] => {
    const { items, queued } = this.conversation;
    return [...items, ...queued].flatMap((item) => (item.type === "user" && !item.isWithdrawn ? [item.text] : [])).reverse();
  };

  override connectedCallback(): void {
    super.connectedCallback();
    this.unwatch = watchKeyboard();
    // The first question is long in coming; the card is there before it, without keeping the conversation waiting.
    load("slw-permission").catch(() => undefined);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.unwatch();
  }

  /** The sub-agent that asks, in the words of its task. */
  private readonly asker = ({ parent }: Permission): string => {
    if (!parent) return "";
    const { items, children } = this.conversation;
    const call = [...items, ...[...children.values()].flat()].find((item) => item.type === "tool" && item.callId === parent);
    return (call?.type === "tool" && (str(call.input.description) || str(call.input.subagent_type))) || gettext("without a name");
  };

  /** The page makes a new one with each piece of the stream; what is below it is drawn anew only when something of it has changed. */
  override willUpdate(changed: PropertyValues<this>): void {
    this.hadCardFocus = this.querySelector("slw-permission")?.contains(document.activeElement) ?? false;
    if (changed.has("session") && !isSame(this.steady, this.session)) this.steady = this.session;
  }

  /** What is above has room for a scrollbar: this ends where that does, from the first picture on. */
  override firstUpdated(): void {
    const above = this.previousElementSibling;
    if (above instanceof HTMLElement) this.style.setProperty("--gutter", `${above.offsetWidth - above.clientWidth}px`);
  }

  private get composer(): Composer | null {
    return this.querySelector<Composer>("slw-composer");
  }

  /** When the last question is answered with the keyboard, that goes on in the message. */
  override updated(): void {
    if (this.conversation.pending.length) this.need("slw-permission");
    if (this.conversation.queued.length) this.need("slw-queue");
    if (this.hadCardFocus && !this.conversation.pending.length && matchMedia("(pointer: fine)").matches && document.activeElement === document.body) this.querySelector<HTMLElement>("slw-composer textarea")?.focus();
    this.hadCardFocus = false;
  }

  private need(part: PartName): void {
    if (!customElements.get(part)) load(part).catch((error: unknown) => (this.error = error));
  }

  private async force(): Promise<void> {
    const isMeant = await ask({
      title: gettext("Stop {name} without saving?", { name: this.session?.name ?? this.page.name }),
      text: gettext("Changes since the last checkpoint may be lost. The conversation and all checkpoints are kept."),
      yes: gettext("Stop without saving"),
    });
    if (isMeant) this.act("force-stop");
  }

  private act(verb: string): void {
    this.dispatchEvent(new CustomEvent("slw-act", { detail: verb, bubbles: true }));
  }

  override render(): unknown {
    const { steady: session, conversation, page, isOver } = this;
    const canWrite = page.can_write && !isOver;
    const waiting = isPlainlyWaiting(conversation, this.places) ? conversation.queued : [];
    return html`<div class="dock">
      ${connectionNote(this.connection, this.hasSettled)}${this.hasNewVersion ? reloadNote() : nothing}
      ${errorNote(this.error)}
      ${this.answered ? html`<p class="note" role="status">${icon("info")}<span>${this.answered}</span></p>` : nothing}
      ${backgroundView(session?.background ?? [])}
      ${this.isWorking || isOver ? nothing : this.status === "ERROR" && session?.stop_refused_at ? refusedNote(session.status_reason, canWrite ? { again: () => this.act("stop"), force: () => void this.force() } : null) : stateNote(conversation, this.status, conversation.status?.reason || session?.status_reason || "", page.organization_id)}
      <slw-queue .sessionId=${page.id} .items=${waiting} .jobs=${conversation.jobs} .places=${this.places} .canWrite=${canWrite}></slw-queue>
      ${conversation.pending.length && !isOver ? html`<slw-permission .sessionId=${page.id} .pending=${conversation.pending} .asker=${this.asker} .canAnswer=${canWrite} @slw-write=${(event: CustomEvent<string>) => this.composer?.write(event.detail)}></slw-permission>` : nothing}
      ${!page.can_write && !isOver ? html`<p class="note read-only">${icon("info")}<span>${conversation.pending.length ? gettext("Only members can answer. Ask an admin of the organisation to make you a member.") : gettext("You can read this session. To write in it, ask an admin of the organisation to make you a member.")}</span></p>` : nothing}
      ${page.can_write ? html`<slw-composer .page=${page} .session=${session} .isWorking=${this.isWorking} .canSend=${canWrite} .said=${this.said}></slw-composer>` : nothing}
    </div>`;
  }
}

const isSame = (one: Session | null, other: Session | null): boolean =>
  one === other || (one !== null && other !== null && (Object.keys(other) as (keyof Session)[]).every((name) => one[name] === other[name]));
