// The session's header: what it is called, how it stands, which model and mode it has, how full its context is, what it cost.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { get } from "../api.ts";
import { PageElement, plain } from "../elements/base.ts";
import { count, money, statusWord } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Session } from "../protocol.ts";
import { modes } from "./modes.ts";
import { copyText } from "./session-actions.ts";

export interface PageSession {
  id: string; organization_id: string; project_id: string; user_id: string; name: string; branch: string; environment: string; can_write: boolean; version: string;
}
interface Model { name: string; label: string }

const FULL_PERCENT = 80;

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
  @state() private models: Model[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    void this.loadModels();
  }

  private async loadModels(): Promise<void> {
    try {
      this.models = (await get<{ items: Model[] }>(`/models?organization_id=${this.page.organization_id}`)).items;
    } catch {
      this.models = [];
    }
  }

  private emit(name: string, detail: unknown = null): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  override render(): unknown {
    const { word, meaning } = statusWord(this.status, this.isWaiting);
    const name = this.session?.name ?? this.page.name;
    const { title = "" } = this.session ?? {};
    return html`<header class="session-head">
      <button class="button quiet square drawer-open" type="button" data-drawer aria-label=${gettext("Show the sidebar")}>${icon("menu")}</button>
      <h1 title=${title ? `${name} · ${title}` : name}><span class="cut">${name}</span>${title && title !== name ? html` <span class="session-title cut">${plain(title)}</span>` : nothing}</h1>
      <div class="facts">
        ${this.session ? this.known(this.session, word, meaning) : nothing}
        <span class="branch mono" title=${gettext("Branch")}>${icon("gitBranch")}<span class="cut">${this.session?.branch ?? this.page.branch}</span></span>
        <span class="place" title=${gettext("Environment")}>${this.page.environment}</span>
      </div>
      <div class="actions">${this.page.can_write ? html`${this.controls()}${this.menu(name)}` : nothing}
        <button class="button quiet square wide-only" type="button" aria-pressed=${this.isSideOpen} aria-label=${gettext("Show the changes")} title=${gettext("Changes")} @click=${() => this.emit("slw-toggle-side")}>${icon("panel")}</button></div>
    </header>`;
  }

  private known({ status_reason: reason, is_practice: isPractice, cost_usd: cost }: Session, word: string, meaning: string): TemplateResult {
    return html`<span class="status ${meaning}" title=${reason}>${word}</span>
        ${isPractice ? html`<span class="badge practice" title=${gettext("No model key is configured: a built-in practice model answers instead of a real one.")}>${gettext("Practice model")}</span>` : nothing}
        ${this.pickers()}
        ${this.meter()}
        <span title=${gettext("Cost so far, in US dollars")}>${money(cost ?? 0)}</span>`;
  }

  private pickers(): TemplateResult {
    const { model = "", permission_mode: mode = "default" } = this.session ?? {};
    const models = this.models.some((one) => one.name === model) || !model ? this.models : [{ name: model, label: model }, ...this.models];
    if (!this.page.can_write) return html`<span title=${gettext("Model")}>${models.find((one) => one.name === model)?.label ?? model}</span>`;
    return html`${this.picker(gettext("Model"), model, models.map((one) => [one.name, one.label]), "model")}
      ${this.picker(gettext("Permissions"), mode, modes(), "permission_mode")}`;
  }

  private picker(label: string, value: string, choices: [string, string][], field: "model" | "permission_mode"): TemplateResult {
    const change = (event: Event): void => {
      const select = event.target as HTMLSelectElement;
      this.emit("slw-change", { [field]: select.value });
      // Shown is what holds: the server's answer, or the log, brings the new value.
      select.value = value;
    };
    return html`<label class="picker"><span class="unseen">${label}</span><select title=${label} ?disabled=${!this.session} .value=${value} @change=${change}>
      ${choices.map(([name, word]) => html`<option value=${name} ?selected=${name === value}>${word}</option>`)}</select></label>`;
  }

  private meter(): unknown {
    const percent = contextPercent(this.session ?? {});
    if (percent === null) return nothing;
    const { context_tokens: tokens = 0, context_window: window = 0 } = this.session ?? {};
    const isFull = percent > FULL_PERCENT;
    const title = gettext("Context: {used} of {all} tokens", { used: count(tokens), all: count(window) });
    return html`<span class="context ${isFull ? "is-full" : ""}" title=${isFull ? `${title}. ${gettext("It is nearly full: the agent will soon shorten the conversation.")}` : title}>
      ${isFull ? icon("warning") : nothing}<progress class="progress" max="100" .value=${percent} aria-label=${title}></progress>${isFull ? gettext("Context {n} %", { n: percent }) : gettext("{n} %", { n: percent })}</span>`;
  }

  private controls(): unknown {
    if (this.isWorking) return nothing; // the composer interrupts
    if (this.status === "STOPPED" || this.status === "INITIALIZING" || !this.hasBegun) return nothing;
    return html`<button class="button quiet" type="button" title=${gettext("End the agent and its sandbox; the work is kept and the next message starts them again")} @click=${() => this.emit("slw-act", "stop")}>${gettext("Stop")}</button>`;
  }

  private menu(name: string): TemplateResult {
    const branch = this.session?.branch ?? this.page.branch;
    const manage = (verb: string, word: string): TemplateResult =>
      html`<button class="menu-item" type="button" data-manage=${verb} data-kind="session" data-id=${this.page.id} data-name=${name}>${word}</button>`;
    return html`<details class="menu end"><summary class="button quiet square" aria-label=${gettext("More about this session")} title=${gettext("More")}>${icon("more")}</summary>
      <div class="menu-body">${manage("rename", gettext("Rename…"))}
        <button class="menu-item" type="button" @click=${this.openDetails}>${gettext("Details and permission rules…")}</button>
        <button class="menu-item" type="button" @click=${() => copyText(branch)}>${gettext("Copy the branch's name")}</button>
        <div class="menu-line"></div>${manage("delete", gettext("Delete…"))}</div></details>`;
  }

  private readonly openDetails = (): void => {
    const menu = this.querySelector<HTMLDetailsElement>("details.menu");
    // The dialog gives the focus back to what had it, which must not be inside of a closed menu.
    menu?.querySelector("summary")?.focus();
    if (menu) menu.open = false;
    this.emit("slw-details");
  };
}
