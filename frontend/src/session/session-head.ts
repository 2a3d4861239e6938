// The session's header: where it belongs, what it is called, how it stands; what it runs with is said at the message field.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { copyName } from "../copy.ts";
import { PageElement, plain } from "../elements/base.ts";
import { statusWord } from "../format.ts";
import { rename } from "../frame/tree-acts.ts";
import { saysMore } from "../frame/session-title.ts";
import { store } from "../frame/tree-store.ts";
import { gettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Session } from "../protocol.ts";
import { messageOf, toast } from "../toast.ts";
import { openMove } from "./session-actions.ts";

export interface PageSession {
  id: string; organization_id: string; project_id: string; user_id: string; name: string; branch: string; environment: string; can_write: boolean; version: string;
}

/** How full the model's context is, in whole percent; null while no one knows. */
export function contextPercent(session: Pick<Session, "context_tokens" | "context_window">): number | null {
  const { context_tokens: tokens = 0, context_window: window = 0 } = session;
  return tokens > 0 && window > 0 ? Math.min(100, Math.round((tokens / window) * 100)) : null;
}

@customElement("slw-session-head")
export class SessionHead extends PageElement {
  @property({ attribute: false }) page!: PageSession;
  @property({ attribute: false }) session: Session | null = null;
  @property() status = "INITIALIZING";
  @property({ type: Boolean }) isWaiting = false;
  @property({ type: Boolean }) isWorking = false;
  @property({ type: Boolean }) hasBegun = false;
  @property({ type: Boolean }) isSideOpen = true;
  @state() private isEdited = false;
  /** A new name that is on its way. */
  @state() private renamed = "";
  private silence: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.silence = store.listen(() => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.silence?.();
  }

  private emit(name: string, detail: unknown = null): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  private get name(): string {
    return this.renamed || (this.session?.name ?? this.page.name);
  }

  /** Lets the name be written over, in its place. */
  async edit(): Promise<void> {
    if (!this.page.can_write) return;
    this.isEdited = true;
    await this.updateComplete;
    const input = this.querySelector<HTMLInputElement>(".head-rename");
    input?.focus();
    input?.select();
  }

  private async save(input: HTMLInputElement, isKept: boolean): Promise<void> {
    if (!this.isEdited) return;
    this.isEdited = false;
    const name = input.value.trim();
    if (!isKept) return;
    this.renamed = name;
    try {
      await rename("session", this.page.id, name);
    } catch (error) {
      this.renamed = "";
      toast(messageOf(error));
      await this.edit();
      const again = this.querySelector<HTMLInputElement>(".head-rename");
      if (again) again.value = name;
      again?.setAttribute("aria-invalid", "true");
    }
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("session") && this.session?.name !== changed.get("session")?.name) this.renamed = "";
  }

  override render(): unknown {
    const { word, meaning } = statusWord(this.status, this.isWaiting, this.page.can_write);
    return html`<header class="session-head">
      <button class="button quiet square drawer-open" type="button" data-drawer aria-label=${gettext("Show the sidebar")} title=${gettext("Show the sidebar")}>${icon("menu")}</button>
      ${this.crumbs()}
      ${this.session ? html`<span class="status ${meaning}" title=${told(this.session.status_reason)}>${word}</span>
        ${this.session.is_practice ? html`<span class="badge practice" title=${gettext("No model key is configured: a built-in practice model answers instead of a real one.")}>${gettext("Practice model")}</span>` : nothing}` : nothing}
      <div class="actions">${this.page.environment ? html`<span class="place" title=${gettext("Environment")}>${icon("container")}<span class="cut">${plain(this.page.environment)}</span></span>` : nothing}${this.branch()}${this.page.can_write ? html`${this.controls()}${this.menu()}` : nothing}
        <button class="button quiet square pane-toggle" type="button" aria-pressed=${this.isSideOpen} aria-label=${gettext("Show the side pane")} title=${gettext("Side pane (v)")} @click=${() => this.emit("slw-toggle-side")}>${icon("panel")}</button></div>
    </header>`;
  }

  private crumbs(): TemplateResult {
    const { name } = this;
    const { title = "" } = this.session ?? {};
    const project = store.projectName(this.page.project_id);
    return html`<nav class="crumbs" aria-label=${gettext("Where this is")}><a class="crumb wide-only" href="/projects/${this.page.project_id}/" title=${project}><span class="cut">${plain(project)}</span></a>
      ${this.isEdited ? html`<input class="input head-rename" maxlength="100" autocomplete="off" spellcheck="false" aria-label=${gettext("New name of {name}", { name })} .value=${name}
        @blur=${(event: Event) => void this.save(event.target as HTMLInputElement, true)} @keydown=${this.onNameKey} />`
        : html`<h1 title=${saysMore(title, name) ? `${name} · ${title}` : name} @dblclick=${() => void this.edit()}><span class="cut">${plain(name)}</span></h1>
          ${saysMore(title, name) ? html`<span class="session-title cut" title=${title}>${plain(title)}</span>` : nothing}`}</nav>`;
  }

  private readonly onNameKey = (event: KeyboardEvent): void => {
    event.stopPropagation();
    if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    void this.save(event.target as HTMLInputElement, event.key === "Enter");
  };

  private branch(): TemplateResult {
    const branch = this.session?.branch ?? this.page.branch;
    return html`<button class="button quiet branch mono wide-only" type="button" aria-label=${gettext("Copy {branch}", { branch })} title=${gettext("Copy {branch}", { branch })} @click=${() => copyName(branch)}>${icon("gitBranch")}<span class="cut">${branch}</span></button>`;
  }

  private controls(): unknown {
    if (this.isWorking || this.status === "STOPPED" || this.status === "INITIALIZING" || !this.hasBegun) return nothing;
    return html`<button class="button quiet" type="button" title=${gettext("End the agent and its sandbox; the work is kept and the next message starts them again")} @click=${() => this.emit("slw-act", "stop")}>${gettext("Stop")}</button>`;
  }

  private menu(): TemplateResult {
    const branch = this.session?.branch ?? this.page.branch;
    const { name } = this;
    const manage = (verb: string, word: string, className = ""): TemplateResult =>
      html`<button class="menu-item ${className}" type="button" data-manage=${verb} data-kind="session" data-id=${this.page.id} data-name=${name}>${word}</button>`;
    return html`<details class="menu end"><summary class="button quiet square" aria-label=${gettext("More about this session")} title=${gettext("More")}>${icon("more")}</summary>
      <div class="menu-body">${manage("rename", gettext("Rename…"))}
        <button class="menu-item" type="button" @click=${this.openDetails}>${gettext("Session details…")}</button>
        <button class="menu-item" type="button" @click=${() => copyName(branch)}>${gettext("Copy branch name")}</button>
        <button class="menu-item" type="button" @click=${() => copyName(`${location.origin}/sessions/${this.page.id}/`)}>${gettext("Copy link")}</button>
        <div class="menu-line"></div>
        <button class="menu-item" type="button" ?disabled=${this.isWorking} title=${this.isWorking ? gettext("Wait until the agent has finished, or stop it first") : ""} @click=${this.move}>${gettext("Move to another environment…")}</button>
        <button class="menu-item" type="button" @click=${() => this.emit("slw-archive")}>${gettext("Archive")}</button>
        ${manage("delete", gettext("Delete…"), "danger")}</div></details>`;
  }

  private readonly openDetails = (): void => {
    this.closeMenu();
    this.emit("slw-details");
  };

  private readonly move = (): void => {
    this.closeMenu();
    openMove(this.page.id);
  };

  private closeMenu(): void {
    const menu = this.querySelector<HTMLDetailsElement>("details.menu");
    // A dialog gives the focus back to what had it, which must not be inside of a closed menu.
    menu?.querySelector("summary")?.focus();
    if (menu) menu.open = false;
  }
}
