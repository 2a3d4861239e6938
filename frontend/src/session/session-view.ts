// The session page: header, conversation, permission card, composer and the Changes pane, fed by one connection.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { ApiError, call, get, post, postSurely } from "../api.ts";
import { errorNote, messageOf, PageElement, pageData, toast } from "../elements/base.ts";
import type { Managed } from "../elements/manage.ts";
import { money, statusWord } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon, type IconName } from "../icons.ts";
import type { Session } from "../protocol.ts";
import "./changes-view.ts";
import type { Composer } from "./composer.ts";
import "./composer.ts";
import { browserSurroundings, Connection, type ConnectionState, type EventPage } from "./connection.ts";
import { applyDelta, applyEvents, applyHello, type Conversation, EMPTY } from "./conversation.ts";
import type { ConversationView, Unsent } from "./conversation-view.ts";
import "./conversation-view.ts";
import "./permission-card.ts";
import { attachSplit } from "./split.ts";

export interface PageSession { id: string; organization_id: string; name: string; branch: string; environment: string; can_write: boolean }
interface Model { name: string; label: string }
type Pane = "chat" | "changes";

const ESCAPE_TWICE_MS = 600;

async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(gettext("Copied {text}", { text }));
  } catch {
    toast(text);
  }
}

const modes = (): [string, string][] => [
  ["default", gettext("Ask before acting")],
  ["acceptEdits", gettext("Accept edits")],
  ["plan", gettext("Plan first")],
  ["bypassPermissions", gettext("Never ask")],
];

@customElement("slw-session")
export class SessionView extends PageElement {
  @property({ attribute: "session-id" }) sessionId = "";
  @state() private session: Session | null = null;
  @state() private conversation: Conversation = EMPTY;
  @state() private connectionState: ConnectionState = "connecting";
  @state() private hasSettled = false;
  @state() private unsent: readonly Unsent[] = [];
  @state() private models: Model[] = [];
  @state() private pane: Pane = "chat";
  @state() private isSideOpen = localStorage.getItem("slipway.side") !== "closed";
  @state() private changedFiles = 0;
  @state() private error: unknown = null;
  private page: PageSession = pageData<PageSession>("session-data") ?? { id: "", organization_id: "", name: "", branch: "", environment: "", can_write: false };
  private pageTitle = document.title;
  private connection: Connection | null = null;
  private escapedAt = 0;
  private refresh: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    const surroundings = browserSurroundings(this.sessionId, (after) => get<EventPage>(`/sessions/${this.sessionId}/events?after=${after}&limit=1000`));
    this.connection = new Connection(this.listener, surroundings);
    this.connection.open();
    setTimeout(() => (this.hasSettled = true), 2000);
    window.addEventListener("online", () => this.connection?.retryNow());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.connection?.retryNow());
    document.addEventListener("keydown", this.onKey);
    document.addEventListener("slw-managed", this.onManaged);
    void this.loadModels();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.connection?.close();
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener("slw-managed", this.onManaged);
  }

  private readonly listener = {
    hello: (session: Session, live: unknown) => {
      this.session = session;
      this.conversation = applyHello(this.conversation, live);
    },
    events: (events: Parameters<typeof applyEvents>[1]) => {
      this.conversation = applyEvents(this.conversation, events);
      this.afterEvents(events.map((event) => event.kind));
    },
    delta: (delta: Parameters<typeof applyDelta>[1]) => {
      this.conversation = applyDelta(this.conversation, delta);
    },
    state: (state: ConnectionState) => {
      this.connectionState = state;
      // Only the socket says hello.
      if (state === "open" && !this.session) void this.reload();
    },
  };

  private afterEvents(kinds: string[]): void {
    const sent = new Set([...this.conversation.items, ...this.conversation.queued].flatMap((item) => (item.type === "user" ? [item.messageId] : [])));
    if (this.unsent.some((message) => sent.has(message.id))) this.unsent = this.unsent.filter((message) => !sent.has(message.id));
    if (kinds.some((kind) => kind === "turn.completed" || kind === "session.status" || kind === "checkpoint.created")) {
      clearTimeout(this.refresh);
      this.refresh = setTimeout(() => void this.reload(), 150);
    }
  }

  private async reload(): Promise<void> {
    try {
      this.session = await get<Session>(`/sessions/${this.sessionId}`);
      document.dispatchEvent(new CustomEvent("slw-sidebar"));
    } catch (error) {
      // The connection says when the server is away; the header keeps what it knew.
      if (error instanceof ApiError) this.connection?.end(error.status);
    }
  }

  private async loadModels(): Promise<void> {
    try {
      this.models = (await get<{ items: Model[] }>(`/models?organization_id=${this.page.organization_id}`)).items;
    } catch {
      this.models = [];
    }
  }

  private get status(): string {
    return this.conversation.status?.status ?? this.session?.status ?? "INITIALIZING";
  }

  private get isWorking(): boolean {
    const statuses = [...this.conversation.jobs.values()].map((job) => job.status);
    return statuses.includes("PENDING") || statuses.includes("PROCESSING");
  }

  private get isWaiting(): boolean {
    return this.conversation.pending.length > 0;
  }

  override updated(): void {
    document.title = this.isWaiting ? `(!) ${this.pageTitle}` : this.pageTitle;
    const panes = this.querySelector<HTMLElement>(".panes");
    if (panes) attachSplit(panes);
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || event.repeat || document.querySelector("dialog[open]")) return;
    const now = Date.now();
    if (now - this.escapedAt < ESCAPE_TWICE_MS && this.isWorking) void this.act("interrupt");
    this.escapedAt = now;
  };

  private async act(verb: "interrupt" | "stop" | "cancel"): Promise<void> {
    try {
      this.session = await post<Session>(`/sessions/${this.sessionId}/${verb}`);
      this.error = null;
    } catch (error) {
      this.error = error;
    }
  }

  private async change(fields: object): Promise<void> {
    try {
      this.session = await call<Session>("PATCH", `/sessions/${this.sessionId}`, fields);
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.requestUpdate();
  }

  private readonly onManaged = (event: Event): void => {
    const { id, verb, name } = (event as CustomEvent<Managed>).detail;
    if (id !== this.sessionId || verb !== "rename") return;
    this.pageTitle = this.pageTitle.replace(this.session?.name ?? this.page.name, () => name);
    void this.reload();
  };

  private readonly onSend = (event: CustomEvent<string>): void => {
    const message = { id: crypto.randomUUID(), text: event.detail, error: "" };
    this.unsent = [...this.unsent, message];
    this.querySelector<ConversationView>("slw-conversation")?.toBottom();
    void this.send(message);
  };

  private async send(message: Unsent): Promise<void> {
    this.mark(message.id, "");
    try {
      await postSurely(`/sessions/${this.sessionId}/messages`, { id: message.id, text: message.text });
    } catch (error) {
      this.mark(message.id, error instanceof ApiError && error.requestId ? `${messageOf(error)} (${error.requestId})` : messageOf(error));
    }
  }

  private mark(id: string, error: string): void {
    this.unsent = this.unsent.map((one) => (one.id === id ? { ...one, error } : one));
  }

  private readonly onRetry = (event: CustomEvent<string>): void => {
    const message = this.unsent.find((one) => one.id === event.detail);
    if (message) void this.send(message);
  };

  private readonly onDiscard = (event: CustomEvent<string>): void => {
    const message = this.unsent.find((one) => one.id === event.detail);
    this.unsent = this.unsent.filter((one) => one.id !== event.detail);
    if (message) this.querySelector<Composer>("slw-composer")?.restore(message.text);
  };

  private toggleSide(): void {
    this.isSideOpen = !this.isSideOpen;
    localStorage.setItem("slipway.side", this.isSideOpen ? "open" : "closed");
  }

  override render(): unknown {
    const isSideShown = this.isSideOpen || this.pane === "changes";
    return html`${this.header()}
      <div class="panes ${isSideShown ? "" : "is-single"}">
        <section class="pane chat ${this.pane === "chat" ? "is-current" : ""}" aria-label=${gettext("Conversation")}
          @slw-send=${this.onSend} @slw-retry=${this.onRetry} @slw-discard=${this.onDiscard}>${this.chat()}</section>
        ${isSideShown ? html`<div class="divider" role="separator" tabindex="0" aria-orientation="vertical" aria-label=${gettext("Width of the conversation")}></div>
          <section class="pane side ${this.pane === "changes" ? "is-current" : ""}" aria-label=${gettext("Changes")}>${this.side()}</section>` : nothing}
      </div>
      ${this.bottomBar()}`;
  }

  private header(): TemplateResult {
    const { word, meaning } = statusWord(this.status, this.isWaiting);
    const model = this.models.find((one) => one.name === this.session?.model)?.label ?? this.session?.model ?? "";
    return html`<header class="session-head">
      <button class="button quiet square drawer-open" type="button" data-drawer aria-label=${gettext("Show the sidebar")}>${icon("menu")}</button>
      <h1 class="cut">${this.session?.name ?? this.page.name}</h1>
      <div class="facts">
        <span class="status ${meaning}" title=${this.session?.status_reason ?? ""}>${word}</span>
        ${this.session?.is_practice ? html`<span class="badge practice" title=${gettext("No model key is configured: a built-in practice model answers instead of a real one.")}>${gettext("Practice model")}</span>` : nothing}
        <span class="branch mono" title=${gettext("Branch")}>${icon("gitBranch")}<span class="cut">${this.session?.branch ?? this.page.branch}</span></span>
        <span class="place" title=${gettext("Environment")}>${this.page.environment}</span>
        <span title=${gettext("Model")}>${model}</span>
        <span title=${gettext("Cost so far, in US dollars")}>${money(this.session?.cost_usd ?? 0)}</span>
      </div>
      <div class="actions">${this.page.can_write ? this.controls() : nothing}
        ${this.page.can_write ? this.menu() : nothing}
        <button class="button quiet square wide-only" type="button" aria-pressed=${this.isSideOpen} aria-label=${gettext("Show the changes")} title=${gettext("Changes")} @click=${() => this.toggleSide()}>${icon("panel")}</button></div>
    </header>`;
  }

  private controls(): unknown {
    if (this.isWorking) return html`<button class="button" type="button" title=${gettext("Interrupt the turn (Esc Esc)")} @click=${() => this.act("interrupt")}>${icon("stop")} ${gettext("Interrupt")}</button>`;
    if (this.status === "STOPPED" || this.status === "INITIALIZING" || !this.conversation.lastSeq) return nothing;
    return html`<button class="button quiet" type="button" title=${gettext("End the agent and its sandbox; the work is kept and the next message starts them again")} @click=${() => this.act("stop")}>${gettext("Stop")}</button>`;
  }

  private menu(): TemplateResult {
    const name = this.session?.name ?? this.page.name;
    const branch = this.session?.branch ?? this.page.branch;
    const manage = (verb: string, word: string): TemplateResult =>
      html`<button class="menu-item" type="button" data-manage=${verb} data-kind="session" data-id=${this.sessionId} data-name=${name}>${word}</button>`;
    return html`<details class="menu end"><summary class="button quiet square" aria-label=${gettext("More about this session")} title=${gettext("More")}>${icon("more")}</summary>
      <div class="menu-body">${manage("rename", gettext("Rename…"))}
        <button class="menu-item" type="button" @click=${() => copyText(branch)}>${gettext("Copy the branch's name")}</button>
        <div class="menu-line"></div>${manage("delete", gettext("Delete…"))}</div></details>`;
  }

  private chat(): TemplateResult {
    const { items, queued, live, pending } = this.conversation;
    const isEmpty = !items.length && !queued.length && !live.length && !this.unsent.length && this.connectionState === "open" && !this.session?.last_seq;
    const first = pending[0];
    return html`${isEmpty ? this.emptyView() : html`<slw-conversation role="log" aria-live="polite" tabindex="0" aria-label=${gettext("Messages")} .conversation=${this.conversation} .unsent=${this.unsent} .isWorking=${this.isWorking} .canSend=${this.page.can_write}></slw-conversation>`}
      <div class="dock">
        ${this.connectionNote()}
        ${errorNote(this.error)}
        ${first ? html`<slw-permission .sessionId=${this.sessionId} .permission=${first} .others=${pending.length - 1} .canAnswer=${this.page.can_write}></slw-permission>` : nothing}
        <slw-composer .sessionId=${this.sessionId} .isWorking=${this.isWorking} .canSend=${this.page.can_write}></slw-composer>
        ${this.page.can_write ? this.composerFoot() : nothing}
      </div>`;
  }

  private emptyView(): TemplateResult {
    return html`<div class="session-empty"><h2>${gettext("Tell the agent what to build")}</h2>
      <p class="lead soft">${gettext("It works on its own branch in its own sandbox. You see each step here, and it asks before it does anything that needs your word.")}</p></div>`;
  }

  private connectionNote(): unknown {
    switch (this.connectionState) {
      case "open": return nothing;
      case "connecting": return this.hasSettled ? html`<p class="connection soft" role="status">${gettext("Connecting…")}</p>` : nothing;
      case "reconnecting": return html`<p class="connection badge" role="status">${gettext("Reconnecting… What you send is kept.")}</p>`;
      case "signed-out": return html`<p class="note warning">${icon("warning")}<span>${gettext("You are signed out.")} <a href="/accounts/login/?next=${encodeURIComponent(location.pathname)}">${gettext("Sign in again")}</a>. ${gettext("Your draft is kept.")}</span></p>`;
      case "gone": return html`<p class="note error">${icon("warning")}<span>${gettext("This session is gone, or you have no access to it any more.")} <a href="/">${gettext("Back to the projects")}</a></span></p>`;
    }
  }

  private composerFoot(): TemplateResult {
    const { model, permission_mode: mode } = this.session ?? { model: "", permission_mode: "default" };
    const models = this.models.some((one) => one.name === model) || !model ? this.models : [{ name: model, label: model }, ...this.models];
    return html`<div class="composer-foot">
      <div class="row wrap">
        <label><span class="unseen">${gettext("Model")}</span><select @change=${(event: Event) => this.change({ model: (event.target as HTMLSelectElement).value })}>
          ${models.map((one) => html`<option value=${one.name} ?selected=${one.name === model}>${one.label}</option>`)}</select></label>
        <label><span class="unseen">${gettext("Permissions")}</span><select @change=${(event: Event) => this.change({ permission_mode: (event.target as HTMLSelectElement).value })}>
          ${modes().map(([value, label]) => html`<option value=${value} ?selected=${value === mode}>${label}</option>`)}</select></label>
      </div>
      <span class="keys">${gettext("Enter sends · Shift+Enter new line · Esc Esc interrupts")}</span>
    </div>`;
  }

  private side(): TemplateResult {
    return html`<div class="pane-tabs"><h2 class="tab">${gettext("Changes")}${this.changedFiles ? html` <span class="soft">${this.changedFiles}</span>` : nothing}</h2></div>
      <slw-changes .sessionId=${this.sessionId} .version=${this.conversation.checkpoints} @slw-files=${(event: CustomEvent<number>) => (this.changedFiles = event.detail)}></slw-changes>`;
  }

  private bottomBar(): TemplateResult {
    const button = (pane: Pane, name: IconName, word: string): TemplateResult =>
      html`<button type="button" aria-current=${this.pane === pane} @click=${() => (this.pane = pane)}>${icon(name)}<span>${word}</span></button>`;
    return html`<nav class="bottom-bar" aria-label=${gettext("Panes")}>
      ${button("chat", "chat", this.isWaiting ? gettext("Chat (waits)") : gettext("Chat"))}
      ${button("changes", "filePen", this.changedFiles ? gettext("Changes ({n})", { n: this.changedFiles }) : gettext("Changes"))}
    </nav>`;
  }
}
