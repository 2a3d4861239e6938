// The dialog that starts sessions: one or several agents on the same project, each on its own branch.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { get, post } from "../api.ts";
import { gettext } from "../i18n.ts";
import type { Project, Session } from "../protocol.ts";
import { errorNote, pageData } from "./base.ts";
import { FormDialog } from "./dialog.ts";

interface Model { name: string; label: string }
interface Models { items: Model[]; default: string; is_practice: boolean }
interface Environment { id: string; name: string; kind: string; is_default: boolean }
interface Branch { name: string; is_default: boolean }
export interface ProjectChoice { id: string; name: string; organization_id: string }

const modes = (): [string, string][] => [
  ["default", gettext("Ask before acting")],
  ["acceptEdits", gettext("Accept edits, ask for commands")],
  ["plan", gettext("Plan first")],
  ["bypassPermissions", gettext("Never ask (the sandbox is the only fence)")],
];

@customElement("slw-new-session")
export class NewSession extends FormDialog {
  @property({ attribute: "organization-id" }) organizationId = "";
  @state() private projectId = "";
  @state() private models: Models = { items: [], default: "", is_practice: false };
  @state() private environments: Environment[] = [];
  @state() private branches: Branch[] = [];
  @state() private project: Project | null = null;
  @state() private loadError: unknown = null;
  @state() private isLoading = false;
  protected readonly fields = ["name", "count", "prompt", "model", "permission_mode", "environment_id", "base_branch"];

  private get projects(): ProjectChoice[] {
    return pageData<ProjectChoice[]>("projects-data") ?? [];
  }

  openFor(projectId: string | undefined): void {
    void this.open();
    void this.load(projectId || this.projectId || this.projects[0]?.id || "");
  }

  private async load(projectId: string): Promise<void> {
    this.projectId = projectId;
    if (!projectId) return;
    this.isLoading = true;
    try {
      const [project, branches, models, environments] = await Promise.all([
        get<Project>(`/projects/${projectId}`),
        get<{ items: Branch[] }>(`/projects/${projectId}/branches`),
        get<Models>(`/models?organization_id=${this.organizationId}`),
        get<{ items: Environment[] }>(`/environments?organization_id=${this.organizationId}`),
      ]);
      if (projectId !== this.projectId) return;
      Object.assign(this, { project, branches: branches.items, models, environments: environments.items, loadError: null, isLoading: false });
    } catch (error) {
      if (projectId === this.projectId) Object.assign(this, { loadError: error, isLoading: false });
    }
  }

  private async create(): Promise<void> {
    const prompt = this.value("prompt");
    const environment = this.value("environment_id");
    const base = this.value("base_branch");
    const body = {
      name: this.value("name"), count: Number(this.value("count")), model: this.value("model"), permission_mode: this.value("permission_mode"),
      ...(prompt.trim() ? { prompt } : {}),
      ...(environment ? { environment_id: environment } : {}),
      ...(base ? { base_branch: base } : {}),
    };
    const path = `/projects/${this.projectId}/sessions`;
    const { items } = await post<{ items: Session[] }>(path, body, { key: this.keyFor([path, body]) });
    const first = items[0];
    if (first) this.leave(`/sessions/${first.id}/`);
  }

  // What comes in moves the button: one that was pressed already would be somewhere else when it is let go, and nothing would start.
  override render(): unknown {
    return html`<dialog class="dialog" aria-label=${gettext("New session")}><form @submit=${(event: Event) => this.submit(event, () => this.create())}>
      ${this.head(gettext("New session"))}
      <div class="body">
        ${errorNote(this.loadError)}${this.generalError()}
        ${this.models.is_practice ? html`<p class="row wrap"><span class="badge practice">${gettext("Practice model")}</span><span class="soft">${gettext("No model key is configured; a built-in model stands in.")}</span></p>` : nothing}
        <div class="fields">
          ${this.projectField()}
          ${this.field("name", gettext("Name"), ({ id, invalid }) => html`<input class="input" id=${id} name="name" required maxlength="100" autocomplete="off" placeholder=${gettext("fix-login")} aria-invalid=${invalid} />`)}
          ${this.field("prompt", gettext("What should the agent do?"), ({ id, invalid }) => html`<textarea class="input" id=${id} name="prompt" rows="4" aria-invalid=${invalid} placeholder=${gettext("You can also start without and write it later.")}></textarea>`, "", "full")}
          ${this.select("model", gettext("Model"), this.models.items.map(({ name, label }) => [name, label]), this.project?.default_model || this.models.default)}
          ${this.select("permission_mode", gettext("Permissions"), modes(), "default")}
          ${this.environmentField()}
          ${this.select("base_branch", gettext("Start from"), this.branches.map(({ name }) => [name, name]), this.project?.default_branch ?? "")}
          ${this.field("count", gettext("How many"), ({ id, invalid }) => html`<input class="input" id=${id} name="count" type="number" min="1" max="10" value="1" required aria-invalid=${invalid} />`, gettext("Each agent gets its own branch and sandbox."))}
        </div>
      </div>
      <footer><button class="button" type="button" @click=${() => this.close()}>${gettext("Cancel")}</button>
        <button class="button primary" ?disabled=${this.isBusy || this.isLoading || !this.projectId}>${this.isBusy ? gettext("Starting…") : gettext("Start")}</button></footer>
    </form></dialog>`;
  }

  private projectField(): TemplateResult {
    return this.field("project", gettext("Project"), ({ id }) => html`<select class="input" id=${id} name="project" @change=${(event: Event) => this.load((event.target as HTMLSelectElement).value)}>
      ${this.projects.map((project) => html`<option value=${project.id} ?selected=${project.id === this.projectId}>${project.name}</option>`)}</select>`);
  }

  private select(name: string, label: string, options: [string, string][], chosen: string): TemplateResult {
    return this.field(name, label, ({ id, invalid }) => html`<select class="input" id=${id} name=${name} aria-invalid=${invalid}>
      ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === chosen}>${text}</option>`)}</select>`);
  }

  private environmentField(): TemplateResult {
    const coming = [gettext("Docker"), gettext("SSH"), gettext("Modal")];
    return this.field("environment_id", gettext("Environment"), ({ id, invalid }) => html`<select class="input" id=${id} name="environment_id" aria-invalid=${invalid}>
      ${this.environments.map((one) => html`<option value=${one.id} ?selected=${one.is_default}>${one.name}</option>`)}
      ${coming.map((name) => html`<option disabled>${gettext("{name} (coming)", { name })}</option>`)}</select>`);
  }
}
