// The dialog that makes a project: empty, from a git URL, from an upload, or the sample.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { post } from "../api.ts";
import { bytes } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon, type IconName } from "../icons.ts";
import type { Project } from "../protocol.ts";
import { FormDialog } from "./dialog.ts";
import { EnvironmentChoice } from "./environment-choice.ts";
import { type Environment, statusesOf } from "./new-session-lists.ts";
import "./import-progress.ts";

type Source = "EMPTY" | "URL" | "UPLOAD" | "SAMPLE";

const choices = (): [Source, IconName, string, string][] => [
  ["URL", "globe", gettext("From a URL"), gettext("Clone a git repository")],
  ["UPLOAD", "upload", gettext("Upload"), gettext("A file from this device")],
  ["SAMPLE", "fileText", gettext("Sample"), gettext("A small program to try things on")],
  ["EMPTY", "plus", gettext("Empty"), gettext("Start with one commit")],
];

/** What a repository or an archive would be called. */
export const nameFrom = (address: string): string =>
  (address.replace(/[?#].*$/, "").replace(/\/+$/, "").split(/[/\\:]/).pop() ?? "").replace(/\.(?:git|zip|tar\.gz|tgz|bundle)$/i, "").slice(0, 100);

@customElement("slw-new-project")
export class NewProject extends FormDialog {
  @property({ attribute: "organization-id" }) organizationId = "";
  /** Of an uploaded archive. */
  @property({ attribute: "max-bytes", type: Number }) maxBytes = 0;
  @state() private source: Source = "URL";
  @state() private file: File | null = null;
  @state() private isOver = false;
  @state() private importing: Project | null = null;
  @state() private known: Environment[] | undefined;
  private readonly environments = new EnvironmentChoice(() => this.requestUpdate());
  protected readonly fields = ["name", "url", "token", "file", "environment_id"];
  private isNameTyped = false;

  async openWith(source: Source | undefined, url = ""): Promise<void> {
    await this.open();
    if (source) this.choose(source);
    if (url) await this.fill(url);
    this.environments.ask(this.organizationId);
    this.known = await statusesOf(this.organizationId).catch(() => []);
  }

  private async fill(url: string): Promise<void> {
    await this.updateComplete;
    const field = this.dialog.querySelector<HTMLInputElement>("[name=url]");
    if (field) field.value = url;
    this.suggest(nameFrom(url));
  }

  private suggest(name: string): void {
    const field = this.dialog.querySelector<HTMLInputElement>("[name=name]");
    if (field && (!this.isNameTyped || !field.value)) field.value = name;
  }

  private choose(source: Source): void {
    this.source = source;
    if (source === "SAMPLE") this.suggest(gettext("sample"));
  }

  private async create(): Promise<void> {
    const name = this.value("name");
    const project = this.source === "UPLOAD" ? await this.upload(name) : await this.ask(this.body(name));
    if (project.status === "IMPORTING") this.importing = project;
    else this.finish(project.id);
  }

  private body(name: string): object {
    const environment = this.value("environment_id");
    const base = { organization_id: this.organizationId, name, source: this.source, ...(environment ? { default_environment_id: environment } : {}) };
    if (this.source !== "URL") return base;
    const token = this.value("token");
    return { ...base, url: this.value("url").trim(), ...(token ? { token } : {}) };
  }

  private ask(body: object): Promise<Project> {
    return post<Project>("/projects", body, { key: this.keyFor(body) });
  }

  private upload(name: string): Promise<Project> {
    const form = new FormData();
    form.set("organization_id", this.organizationId);
    form.set("name", name);
    if (this.value("environment_id")) form.set("default_environment_id", this.value("environment_id"));
    if (this.file) form.set("file", this.file);
    const { name: filename, size, lastModified } = this.file ?? {};
    return post<Project>("/projects/upload", form, { key: this.keyFor([name, this.value("environment_id"), filename, size, lastModified]) });
  }

  /** Whoever closed this does something else by now, from which nothing may take them away. */
  private ended(projectId: string, status: string): void {
    if (status === "COMPLETED" && this.dialog.open) this.finish(projectId);
  }

  private finish(projectId: string): void {
    this.leave(`/?organization=${this.organizationId}#project-${projectId}`);
  }

  /** Whichever way it was closed: the list of projects shows the import as it goes on; who is elsewhere stays there. */
  private closed(): void {
    const project = this.importing;
    if (!project) return;
    if (location.pathname === "/") return this.finish(project.id);
    Object.assign(this, { importing: null, file: null, isNameTyped: false });
    this.done();
    document.dispatchEvent(new CustomEvent("slw-sidebar"));
  }

  private take(file: File | undefined): void {
    if (!file) return;
    this.file = file;
    this.suggest(nameFrom(file.name));
  }

  override render(): unknown {
    return html`<dialog class="dialog" aria-label=${gettext("New project")} @close=${() => this.closed()}>
      ${this.importing ? this.progress(this.importing) : this.form()}
    </dialog>`;
  }

  private progress(project: Project): TemplateResult {
    return html`<div class="sheet">${this.head(gettext("Importing {name}", { name: project.name }))}
      <div class="body"><slw-import project-id=${project.id} @slw-imported=${(event: CustomEvent<string>) => this.ended(project.id, event.detail)}></slw-import>
        <p class="soft">${gettext("You can close this: the import continues, and the project shows its progress.")}</p></div>
      <footer><button class="button" type="button" @click=${() => this.close()}>${gettext("Close")}</button></footer></div>`;
  }

  private form(): TemplateResult {
    return html`<form novalidate @keydown=${this.onKey} @input=${this.onInput} @submit=${(event: Event) => this.submit(event, () => this.create())}>
      ${this.head(gettext("New project"))}
      <div class="body">
        ${this.generalError()}
        <fieldset><legend class="unseen">${gettext("Where the code comes from")}</legend><div class="choices">
          ${choices().map(([source, name, title, text]) => html`<label class="choice"><input type="radio" name="source" value=${source} .checked=${this.source === source} @change=${() => this.choose(source)} />
            ${icon(name)}<b>${title}</b><span class="soft">${text}</span></label>`)}
        </div></fieldset>
        ${this.source === "URL" ? this.urlFields() : this.source === "UPLOAD" ? this.dropField() : nothing}
        ${this.field("name", gettext("Name"), ({ id, invalid }) => html`<input class="input" id=${id} name="name" required maxlength="100" autocomplete="off" aria-invalid=${invalid} @input=${() => (this.isNameTyped = true)} />`)}
        ${(this.known?.length ?? 0) > 1 ? this.environments.field(this.field.bind(this), this.known, "", gettext("Environment of new sessions"), gettext("The organisation's default")) : nothing}
        ${this.environments.warning("")}
      </div>
      <footer><button class="button" type="button" @click=${() => this.close()}>${gettext("Cancel")}</button>
        <button class="button primary" ?disabled=${this.isBusy}>${this.isBusy ? gettext("Creating…") : gettext("Create project")}</button></footer>
    </form>`;
  }

  private urlFields(): TemplateResult {
    return html`${this.field("url", gettext("Repository URL"), ({ id, invalid }) => html`<input class="input" id=${id} name="url" type="url" required placeholder="https://github.com/owner/repository" autocomplete="off" aria-invalid=${invalid} @input=${(event: Event) => this.suggest(nameFrom((event.target as HTMLInputElement).value))} />`)}
      ${this.field("token", gettext("Access token (only for private repositories)"), ({ id, invalid }) => html`<input class="input" id=${id} name="token" type="password" autocomplete="off" aria-invalid=${invalid} />`, gettext("Used for this import only, then forgotten."))}`;
  }

  private dropField(): TemplateResult {
    const over = (isOver: boolean) => (event: DragEvent): void => {
      event.preventDefault();
      this.isOver = isOver;
    };
    return this.field("file", gettext("Archive"), ({ id, invalid }) => html`<label class="drop ${this.isOver ? "over" : ""}" @dragover=${over(true)} @dragleave=${over(false)}
        @drop=${(event: DragEvent) => { over(false)(event); this.take(event.dataTransfer?.files[0]); }}>
        <input id=${id} name="file" type="file" ?required=${!this.file} accept=".zip,.tar.gz,.tgz,.bundle" aria-invalid=${invalid} @change=${(event: Event) => this.take((event.target as HTMLInputElement).files?.[0])} />
        ${icon("upload")}<span class="strong">${this.file ? this.file.name : matchMedia("(pointer: coarse)").matches ? gettext("Choose a file") : gettext("Drop a file here, or choose one")}</span>
        <span class="soft">${this.file ? bytes(this.file.size) : gettext("zip, tar.gz or git bundle, up to {size}", { size: bytes(this.maxBytes) })}</span></label>`);
  }
}
