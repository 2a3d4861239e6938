// The session page: header, conversation, queue, permission card, composer and the Changes pane, fed by one connection.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { ApiError, call, get, post } from "../api.ts";
import { PageElement, pageData } from "../elements/base.ts";
import type { Managed } from "../elements/manage.ts";
import { forget, keep, keptOf } from "../frame/kept-sessions.ts";
import { Reading } from "../frame/reading.ts";
import { archive } from "../frame/tree-acts.ts";
import { store } from "../frame/tree-store.ts";
import { gettext } from "../i18n.ts";
import { pageTitle, setPageTitle } from "../page-title.ts";
import type { BackgroundTask, LogEvent, Session } from "../protocol.ts";
import { emptyView, loadingView } from "./chat-parts.ts";
import type { Composer, Written } from "./composer.ts";
import { Connection } from "./connection.ts";
import { connectionNote } from "./connection-note.ts";
import { type Conversation, EMPTY, withChanges } from "./conversation.ts";
import type { ConversationView } from "./conversation-view.ts";
import "./conversation-view.ts";
import { answeredElsewhere } from "./decision-view.ts";
import "./dock.ts";
import { History } from "./history.ts";
import type { EventPage, NewestPage } from "./log-feed.ts";
import { Outbox } from "./outbox.ts";
import type { Returned } from "./queue-strip.ts";
import type { SessionDetails } from "./session-details.ts";
import type { PageSession } from "./session-head.ts";
import type { SessionHead } from "./session-head.ts";
import "./session-head.ts";
import { OpenPanes, type Told } from "./open-panes.ts";
import { offerSession } from "./session-actions.ts";
import { attachSplit } from "./split.ts";
import { isStarting } from "./starting.ts";
import { uploadedAgain } from "./pictures.ts";
import { browserSurroundings, type ConnectionState, type Fetching, type Listener } from "./surroundings.ts";
import { Together } from "./together.ts";
import { Transcript } from "./transcript.ts";
import { isInLine, isPlainlyWaiting, jobAtWork } from "./waiting.ts";

const TOLD_MS = 15_000;
const SETTLED_AFTER_MS = 2000;
const FETCH_TIMEOUT_MS = 20_000;
/** A page of a session that rested for longer may only be read: its sandbox is made when somebody begins to write. */
const PREWARMED_WITHIN_MS = 3_600_000;
const NO_PAGE: PageSession = { id: "", organization_id: "", project_id: "", user_id: "", name: "", branch: "", environment: "", can_write: false, version: "" };
const NO_TASKS: readonly BackgroundTask[] = [];
const REFRESHING = new Set(["turn.completed", "session.status", "checkpoint.created"]);

@customElement("slw-session")
export class SessionView extends PageElement {
  @property({ attribute: "session-id" }) sessionId = "";
  @state() private session: Session | null = null;
  @state() private conversation: Conversation = EMPTY;
  @state() private places: Record<string, number> = {};
  @state() private connectionState: ConnectionState = "connecting";
  @state() private hasSettled = false;
  @state() private hasNewVersion = false;
  @state() private answered = "";
  private hasPrewarmed = false;
  private readonly panes = new OpenPanes(this);
  @state() private error: unknown = null;
  @state() private isRestarting = false;
  private page = NO_PAGE;
  private connection: Connection | null = null;
  private readonly fetching: Fetching = {
    after: (seq) => get<EventPage>(`/sessions/${this.sessionId}/events?after=${seq}&limit=1000`, AbortSignal.timeout(FETCH_TIMEOUT_MS)),
    before: (seq, limit) => get<NewestPage>(`/sessions/${this.sessionId}/events?before=${seq}&limit=${limit}`, AbortSignal.timeout(FETCH_TIMEOUT_MS)),
  };
  private readonly transcript = new Transcript();
  private readonly history = new History(this.transcript, this.fetching, () => this.showHistory());
  private readonly arriving = new Together<LogEvent>((events) => this.takeEvents(events));
  private outbox!: Outbox;
  private answeredHere = new Set<string>();
  /** What is shown is from an earlier visit until the log is read up to here: a question in it may be answered by now. */
  private oldUntil = 0;
  private withdraw: (() => void) | undefined;
  private reading: Reading | undefined;
  private refresh: ReturnType<typeof setTimeout> | undefined;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private told: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    // Not before: an element that is made for the next page would read what the present one came with.
    this.page = pageData<PageSession>("session-data") ?? NO_PAGE;
    this.outbox = new Outbox(this.sessionId, () => this.requestUpdate(), (message, reason) => this.composer?.restore(message, reason));
    this.connection = new Connection(this.listener, browserSurroundings(this.sessionId, this.fetching));
    this.beginWithKept(this.connection);
    this.connection.open();
    this.settling = setTimeout(() => (this.hasSettled = true), SETTLED_AFTER_MS);
    window.addEventListener("online", this.onOnline);
    window.addEventListener("offline", this.onWake);
    document.addEventListener("visibilitychange", this.onWake);
    this.withdraw = this.offerActions();
    this.reading = new Reading(this.sessionId);
    document.addEventListener("slw-managed", this.onManaged);
    if (this.page.can_write) this.outbox.resume();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.connection?.close();
    this.arriving.flush();
    if (this.isOver) forget(this.sessionId);
    else keep(this.sessionId, { page: this.transcript.page, session: this.session });
    for (const timer of [this.settling, this.refresh, this.told]) clearTimeout(timer);
    window.removeEventListener("online", this.onOnline);
    window.removeEventListener("offline", this.onWake);
    document.removeEventListener("visibilitychange", this.onWake);
    this.withdraw?.();
    this.reading?.stop();
    document.removeEventListener("slw-managed", this.onManaged);
  }

  private beginWithKept(connection: Connection): void {
    const kept = keptOf(this.sessionId);
    if (!kept) return;
    this.oldUntil = Number.POSITIVE_INFINITY;
    this.session = kept.session;
    connection.begin(kept.page);
  }

  private readonly onWake = (): void => {
    if (document.visibilityState === "visible") this.connection?.check();
  };

  private readonly onOnline = (): void => {
    this.onWake();
    this.outbox.retryAll();
  };

  private readonly listener: Listener = {
    hello: (session, live, version) => {
      this.arriving.flush();
      this.take(session);
      if (Date.now() - Date.parse(session.updated_at) < PREWARMED_WITHIN_MS) this.prewarm();
      this.transcript.hello(live);
      this.show();
      this.hasNewVersion = version !== "" && this.page.version !== "" && version !== this.page.version;
    },
    events: (events) => this.arriving.add(events),
    page: (page) => {
      this.arriving.drop();
      this.history.reset();
      this.transcript.begin(page);
      this.show();
      this.afterEvents(page.items.map((event) => event.kind));
    },
    delta: (delta) => {
      this.arriving.flush();
      this.transcript.delta(delta);
      this.show();
    },
    places: (places) => (this.places = places),
    reset: () => {
      this.arriving.drop();
      this.history.reset();
      this.transcript.reset();
      this.show();
    },
    state: (state) => {
      this.connectionState = state;
      if (this.hasConnected) this.outbox.retryAll();
      // Only the socket says hello.
      if ((state === "streaming" || state === "polling") && !this.session) void this.reload();
    },
  };

  private takeEvents(events: readonly LogEvent[]): void {
    const before = this.conversation;
    this.transcript.append(events);
    this.show();
    this.tellOthersAnswer(before, this.conversation);
    this.afterEvents(events.map((event) => event.kind));
  }

  /** What is read may be another part while the end is the same. */
  private showHistory(): void {
    this.show();
    this.querySelector<ConversationView>("slw-conversation")?.requestUpdate();
  }

  private show(): void {
    const { conversation } = this.transcript;
    this.conversation = conversation.lastSeq < this.oldUntil ? { ...conversation, pending: [] } : conversation;
    this.requestUpdate();
  }

  private take(session: Session): void {
    this.session = session;
    this.oldUntil = Math.min(this.oldUntil, session.last_seq ?? 0);
    if (session.queue) this.places = Object.fromEntries(session.queue.flatMap((job) => (job.place ? [[job.id, job.place]] : [])));
  }

  private afterEvents(kinds: string[]): void {
    this.reading?.reached(this.conversation.lastSeq);
    this.outbox.forget(new Set([...this.conversation.items, ...this.conversation.queued].flatMap((item) => (item.type === "user" ? [item.messageId] : []))));
    if (!kinds.some((kind) => REFRESHING.has(kind))) return;
    clearTimeout(this.refresh);
    this.refresh = setTimeout(() => void this.reload(), 150);
  }

  /** A question that was shown here and is answered elsewhere does not just vanish. */
  private tellOthersAnswer(before: Conversation, after: Conversation): void {
    const shown = before.pending[0];
    const resolution = shown && after.resolutions.get(shown.id);
    if (!shown || !resolution || this.answeredHere.has(shown.id) || !this.session) return;
    this.answered = answeredElsewhere(resolution, this.page.user_id);
    clearTimeout(this.told);
    this.told = setTimeout(() => (this.answered = ""), TOLD_MS);
  }

  private async reload(): Promise<void> {
    try {
      this.take(await get<Session>(`/sessions/${this.sessionId}`));
    } catch (error) {
      // The connection says when the server is away; the header keeps what it knew.
      if (error instanceof ApiError) this.connection?.end(error.status);
    }
  }

  private get composer(): Composer | null {
    return this.querySelector<Composer>("slw-composer");
  }

  private get status(): string {
    return this.conversation.status?.status ?? this.session?.status ?? store.session(this.sessionId)?.status ?? "INITIALIZING";
  }

  private get isWorking(): boolean {
    const statuses = [...this.conversation.jobs.values()].map((job) => job.status);
    return statuses.includes("PENDING") || statuses.includes("PROCESSING");
  }

  private get isWaiting(): boolean {
    return this.conversation.pending.length > 0;
  }

  override updated(): void {
    const panes = this.querySelector<HTMLElement>(".panes");
    if (panes) attachSplit(panes);
  }

  private offerActions(): () => void {
    const view = this;
    return offerSession({
      sessionId: this.sessionId,
      get name() { return view.session?.name ?? view.page.name; },
      get branch() { return view.session?.branch ?? view.page.branch; },
      get canWrite() { return view.page.can_write && !view.isOver; },
      get isWorking() { return view.isWorking; },
      get isStopped() { return view.isWorking || view.status === "STOPPED" || view.status === "INITIALIZING"; },
      act: (verb) => void this.act(verb),
      toggleSide: () => this.panes.toggleSide(),
      showDetails: () => void this.showDetails(),
      writeMessage: () => this.writeMessage(),
      rename: () => void this.querySelector<SessionHead>("slw-session-head")?.edit(),
    });
  }

  private async showDetails(): Promise<void> {
    await import("./session-details.ts");
    await this.querySelector<SessionDetails>("slw-session-details")?.open();
  }

  private writeMessage(): void {
    this.panes.open("chat");
    void this.updateComplete.then(() => this.composer?.querySelector("textarea")?.focus());
  }

  /** Whoever is here will soon say something: the sandbox is made meanwhile. The server knows whether it may. */
  private readonly prewarm = (): void => {
    if (this.hasPrewarmed || !this.page.can_write || this.isWorking || this.status === "STOPPED") return;
    this.hasPrewarmed = true;
    post(`/sessions/${this.sessionId}/prewarm`).catch(() => undefined); // the first turn makes it then
  };

  private async attempt(work: () => Promise<Session>): Promise<void> {
    try {
      this.take(await work());
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.requestUpdate();
  }

  private readonly act = (verb: string): Promise<void> => {
    if (verb === "force-stop") return this.attempt(() => post<Session>(`/sessions/${this.sessionId}/stop`, { force: true }));
    const jobId = verb === "interrupt" ? jobAtWork(this.conversation) : undefined;
    // Before the agent has the message there is nothing to interrupt: the turn is called off, which shows at once.
    const meant = isStarting(this.conversation.jobs.get(jobId ?? "")) ? "cancel" : verb;
    return this.attempt(() => post<Session>(`/sessions/${this.sessionId}/${meant}`, jobId ? { job_id: jobId } : undefined));
  };

  private readonly change = (fields: object): Promise<void> => this.attempt(() => call<Session>("PATCH", `/sessions/${this.sessionId}`, fields));

  private readonly restart = async (): Promise<void> => {
    this.isRestarting = true;
    await this.act("restart");
    this.isRestarting = false;
  };

  private readonly onManaged = (event: Event): void => {
    const { id, verb, name } = (event as CustomEvent<Managed>).detail;
    if (id !== this.sessionId || verb !== "rename") return;
    setPageTitle(pageTitle().replace(this.session?.name ?? this.page.name, () => name));
    void this.reload();
  };

  private send({ text, attachments, isNow = false }: Omit<Written, "attachments"> & { attachments: Returned["attachments"] }): void {
    this.outbox.add(text, attachments, isNow);
    this.querySelector<ConversationView>("slw-conversation")?.toBottom();
  }

  private readonly onDiscard = (event: CustomEvent<string>): void => {
    const message = this.outbox.take(event.detail);
    if (message) this.composer?.restore(message);
  };

  override render(): unknown {
    const { panes } = this;
    const told = this.forPanes;
    const isSideShown = panes.isSideShown && !this.isOver;
    const isChat = panes.current === "chat" || this.isOver;
    const session = this.session && withChanges(this.session, this.conversation.changes);
    return html`<slw-session-head .page=${this.page} .session=${session} .status=${this.status} .isWaiting=${this.isWaiting} .isWorking=${this.isWorking}
        .hasBegun=${this.conversation.lastSeq > 0} .isSideOpen=${panes.isSideOpen} @slw-act=${(event: CustomEvent<string>) => this.act(event.detail)}
        @slw-change=${(event: CustomEvent<object>) => this.change(event.detail)} @slw-toggle-side=${() => this.panes.toggleSide()} @slw-archive=${() => void archive(this.sessionId)}
        @slw-details=${() => void this.showDetails()}></slw-session-head>
      <div class="panes ${isSideShown ? (panes.isMaximised ? "is-side-only" : "") : "is-single"}">
        <section class="pane chat ${isChat ? "is-current" : ""}" aria-label=${gettext("Conversation")} @input=${this.prewarm}
          @slw-send=${(event: CustomEvent<Written>) => this.send(event.detail)} @slw-retry=${(event: CustomEvent<string>) => this.outbox.retry(event.detail)}
          @slw-discard=${this.onDiscard} @slw-restart=${this.restart} @slw-act=${(event: CustomEvent<string>) => this.act(event.detail)} @slw-change=${(event: CustomEvent<object>) => this.change(event.detail)}
          @slw-return=${({ detail }: CustomEvent<Returned>) => this.composer?.restore(detail, detail.reason)} @slw-undo=${(event: CustomEvent<Returned>) => void this.undo(event.detail)}
          @slw-answering=${(event: CustomEvent<string>) => this.answeredHere.add(event.detail)} @slw-not-answered=${(event: CustomEvent<string>) => this.answeredHere.delete(event.detail)}>${this.chat(session)}</section>
        ${isSideShown ? html`<div class="divider" role="separator" tabindex="0" aria-orientation="vertical" aria-label=${gettext("Width of the conversation")}></div>
          <section class="pane side ${isChat ? "" : "is-current"}" aria-label=${panes.sideTitle}>${panes.sidePane(told)}</section>` : nothing}
      </div>
      ${this.isOver ? nothing : panes.bottomBar(told)}
      <slw-session-details .page=${this.page} .session=${session}></slw-session-details>`;
  }

  /** A removed message goes back to the end of the queue; its images are uploaded anew, since they went with the old one. */
  private async undo(message: Returned): Promise<void> {
    try {
      this.send({ text: message.text, attachments: await uploadedAgain(this.sessionId, message.attachments) });
    } catch {
      this.composer?.restore({ text: message.text, attachments: [] }, gettext("The images could not be brought back. The text is here again."));
    }
  }

  private chat(session: Session | null): TemplateResult {
    const { items, queued, live } = this.conversation;
    const unsent = this.outbox.messages;
    const isBare = !items.length && !queued.length && !live.length && !unsent.length;
    const waiting = isPlainlyWaiting(this.conversation, this.places) ? queued : [];
    const { isOver } = this;
    const canWrite = this.page.can_write && !isOver;
    if (isBare && isOver) return html`<div class="session-empty">${connectionNote(this.connectionState, true)}</div>`;
    const standIn = !isBare ? null : !this.hasConnected || this.conversation.lastSeq < (session?.last_seq ?? 0) ? loadingView() : session?.last_seq ? null : emptyView(canWrite);
    return html`${standIn ?? html`<slw-conversation role="group" tabindex="0" aria-label=${gettext("Messages")} .sessionId=${this.sessionId} .conversation=${this.conversation} .history=${this.history}
        .unsent=${unsent} .isWorking=${this.isWorking} .areQueuedElsewhere=${waiting.length > 0} .isInLine=${isInLine(this.conversation, this.places)} .isRestarting=${this.isRestarting} .canSend=${canWrite} .background=${session?.background ?? NO_TASKS}></slw-conversation>`}
      <slw-dock .page=${this.page} .session=${session} .conversation=${this.conversation} .places=${this.places} .connection=${this.connectionState} .status=${this.status}
        .error=${this.error} .answered=${this.answered} .hasSettled=${this.hasSettled} .hasNewVersion=${this.hasNewVersion} .isWorking=${this.isWorking}></slw-dock>`;
  }

  private get isOver(): boolean {
    return this.connectionState === "forbidden" || this.connectionState === "gone";
  }

  private get hasConnected(): boolean {
    return ["open", "streaming", "polling"].includes(this.connectionState);
  }

  private get forPanes(): Told {
    const { checkpoints, lastSeq } = this.conversation;
    return { sessionId: this.sessionId, checkpoints, isKnown: this.session !== null || lastSeq > 0, filesChanged: this.session?.files_changed ?? 0, isWaiting: this.isWaiting && this.page.can_write };
  }
}
