// The dialog that starts sessions: say what is to be done and press Start; all else has a sensible value, and is folded away.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { post } from "../api.ts";
import { gettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Session } from "../protocol.ts";
import { modes } from "../session/modes.ts";
import { errorNote, pageData } from "./base.ts";
import { FormDialog } from "./dialog.ts";
import { FirstPictures } from "./first-pictures.ts";
import { EnvironmentChoice } from "./environment-choice.ts";
import { type Lists, listsOf } from "./new-session-lists.ts";

export interface ProjectChoice { id: string; name: string; organization_id: string }

/** What was chosen last, on this device. */
interface Remembered { model?: string; permission_mode?: string; isMore?: boolean }
/** Characters of the prompt in which a name is found. */
const NAMED_FROM = 500;
const REMEMBERED = "slipway.new-session";
/** Never the mode that asks for nothing: that one is chosen each time. */
const MODES_KEPT = ["default", "acceptEdits", "plan"];

@customElement("slw-new-session")
export class NewSession extends FormDialog {
  @property({ attribute: "organization-id" }) organizationId = "";
  @state() private projectId = "";
  @state() private lists: Lists | null = null;
  @state() private loadError: unknown = null;
  private remembered: Remembered = JSON.parse(localStorage.getItem(REMEMBERED) ?? "{}") as Remembered;
  private readonly environments = new EnvironmentChoice(() => this.requestUpdate());
  private readonly pictures = new FirstPictures(() => this.requestUpdate());
  protected readonly fields = ["name", "count", "prompt", "model", "permission_mode", "environment_id", "base_branch"];

  private get projects(): ProjectChoice[] {
    return pageData<ProjectChoice[]>("projects-data") ?? [];
  }

  private chosen(projectId: string | undefined): string {
    return projectId || this.projectId || this.projects[0]?.id || "";
  }

  /** Asks for the lists of a dialog that will probably be opened. */
  prepare(projectId: string | undefined): void {
    const id = this.chosen(projectId);
    if (id) void listsOf(this.organizationId, id).catch(() => undefined);
  }

  openFor(projectId: string | undefined): void {
    void this.open();
    void this.load(this.chosen(projectId));
  }

  private async load(projectId: string): Promise<void> {
    if (projectId !== this.projectId) this.lists = null;
    this.projectId = projectId;
    if (!projectId) return;
    try {
      const lists = await listsOf(this.organizationId, projectId);
      if (projectId === this.projectId) Object.assign(this, { lists, loadError: null });
      this.environments.ask(this.organizationId);
      if (this.environment) post(`/environments/${this.environment}/prewarm`).catch(() => undefined); // the first turn makes its sandbox then
    } catch (error) {
      if (projectId === this.projectId) this.loadError = error;
    }
  }

  private remember(fields: Remembered): void {
    Object.assign(this.remembered, fields);
    localStorage.setItem(REMEMBERED, JSON.stringify(this.remembered));
  }

  private get model(): string {
    const known = this.lists?.models.items.some(({ name }) => name === this.remembered.model);
    return known ? (this.remembered.model ?? "") : this.lists?.project.default_model || this.lists?.models.default || "";
  }

  private async create(): Promise<void> {
    // A click can be faster than the lists; the values that are shown then come with them.
    await listsOf(this.organizationId, this.projectId).then(() => this.updateComplete, () => undefined);
    const given = { name: this.value("name").trim(), prompt: this.value("prompt"), environment_id: this.value("environment_id"), base_branch: this.value("base_branch"), model: this.value("model") || this.model };
    const body = {
      count: Number(this.value("count")), permission_mode: this.value("permission_mode"),
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value.trim())),
    };
    const items = await this.start(body);
    this.remember({ model: given.model, ...(MODES_KEPT.includes(body.permission_mode) ? { permission_mode: body.permission_mode } : {}) });
    const first = items[0];
    if (first) this.leave(`/sessions/${first.id}/`);
  }

  /** With images the message comes after the sessions, since those are what images belong to. */
  private async start({ prompt = "", ...rest }: Record<string, unknown>): Promise<Session[]> {
    const path = `/projects/${this.projectId}/sessions`;
    const text = String(prompt);
    const body = !text ? rest : this.pictures.count ? { ...rest, name_from: text.slice(0, NAMED_FROM) } : { ...rest, prompt };
    const { items } = await post<{ items: Session[] }>(path, body, { key: this.keyFor([path, body, this.pictures.mark]) });
    if (this.pictures.count) await Promise.all(items.map((session) => this.pictures.send(session.id, text)));
    this.pictures.clear();
    return items;
  }

  override render(): unknown {
    return html`<dialog class="dialog new-session" aria-label=${gettext("New session")}><form novalidate @dragover=${(event: DragEvent) => event.preventDefault()} @drop=${this.pictures.onDrop} @keydown=${this.onKey} @input=${this.onInput} @submit=${(event: Event) => this.submit(event, () => this.create())}>
      ${this.head(gettext("New session"))}
      <div class="body">
        ${errorNote(this.loadError)}${this.generalError()}
        ${this.field("prompt", gettext("What should the agent do?"), ({ id, invalid }) => html`<textarea class="input prompt" id=${id} name="prompt" rows="6" aria-invalid=${invalid} ?required=${this.pictures.count > 0} placeholder=${gettext("Fix the failing test in the word counter, and say what was wrong.")} @paste=${this.pictures.onPaste}></textarea>`, gettext("Optional: you can write to the agent later."))}
        ${this.pictures.view()}
        ${this.projectField()}
        ${this.environments.warning(this.environment)}
        <details class="more" ?open=${this.remembered.isMore ?? false} @toggle=${(event: Event) => this.remember({ isMore: (event.target as HTMLDetailsElement).open })}>
          <summary>${icon("chevron")}<span class="strong">${gettext("Options")}</span><span class="soft cut">${this.summary()}</span></summary>
          ${this.more()}
        </details>
      </div>
      <footer><span class="grow">${this.isPractice ? html`<span class="badge practice" title=${gettext("No model key is configured; a built-in model stands in.")}>${gettext("Practice model")}</span>` : nothing}</span>
        <button class="button" type="button" @click=${() => this.close()}>${gettext("Cancel")}</button>
        <button class="button primary" ?disabled=${this.isBusy || !this.projectId}>${this.isBusy ? gettext("Starting…") : gettext("Start")}</button></footer>
    </form></dialog>`;
  }

  private projectField(): TemplateResult {
    return this.field("project", gettext("Project"), ({ id }) => html`<select class="input" id=${id} name="project" @change=${(event: Event) => this.load((event.target as HTMLSelectElement).value)}>
      ${this.projects.map((project) => html`<option value=${project.id} ?selected=${project.id === this.projectId}>${project.name}</option>`)}</select>`);
  }

  /** What holds while nothing is unfolded. */
  private summary(): string {
    const { lists } = this;
    if (!lists) return "";
    const model = this.isPractice ? gettext("Practice model") : (lists.models.items.find(({ name }) => name === this.model)?.label ?? this.model);
    const environment = told(lists.environments.find(({ id }) => id === this.environments.now(this.environment))?.name ?? "");
    const mode = modes().find(([name]) => name === this.mode)?.[1] ?? "";
    return gettext("{model} · {mode} · from {branch} · {environment}", { model, mode, branch: lists.project.default_branch, environment });
  }

  /** The project's own may have been deleted. */
  private get environment(): string {
    const { project, environments = [] } = this.lists ?? {};
    return environments.find(({ id }) => id === project?.default_environment_id)?.id ?? environments.find((one) => one.is_default)?.id ?? "";
  }

  /** An environment can have a model key of its own. */
  private get isPractice(): boolean {
    const chosen = this.environments.now(this.environment);
    return this.lists?.environments.find(({ id }) => id === chosen)?.is_practice ?? false;
  }

  private get mode(): string {
    return this.remembered.permission_mode ?? "default";
  }

  private more(): TemplateResult {
    const { lists } = this;
    return html`<div class="fields">
      ${this.field("name", gettext("Name"), ({ id, invalid }) => html`<input class="input" id=${id} name="name" maxlength="100" autocomplete="off" placeholder=${gettext("From what you write above")} aria-invalid=${invalid} />`)}
      ${this.select("permission_mode", gettext("Permissions"), modes(), this.mode)}
      ${this.select("model", gettext("Model"), lists?.models.items.map(({ name, label }) => [name, label]), this.model, this.isPractice ? gettext("The practice model answers: there is no model key.") : "")}
      ${this.environments.field(this.field.bind(this), lists?.environments, this.environment)}
      ${this.select("base_branch", gettext("Start from"), lists?.branches.map(({ name }) => [name, name]), lists?.project.default_branch ?? "")}
      ${this.field("count", gettext("Number of sessions"), ({ id, invalid }) => html`<input class="input" id=${id} name="count" type="number" min="1" max="10" value="1" required aria-invalid=${invalid} />`, gettext("Each agent gets its own branch and sandbox."))}
    </div>`;
  }

  private select(name: string, label: string, options: [string, string][] | undefined, chosen: string, hint = ""): TemplateResult {
    return this.field(name, label, ({ id, invalid }) => html`<select class="input" id=${id} name=${name} aria-invalid=${invalid} aria-busy=${options ? "false" : "true"}>
      ${(options ?? []).map(([value, text]) => html`<option value=${value} ?selected=${value === chosen}>${text}</option>`)}</select>`, hint);
  }
}
