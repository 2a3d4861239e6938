// A Dockerfile: dropped, chosen or typed, looked at as it is typed, built with its files.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { errorNote, PageElement } from "../elements/base.ts";
import { ago, bytes, list, number, percent } from "../format.ts";
import { gettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import { newId } from "../ids.ts";
import { build, checked, dockerfileOf, isLive, latestBuild, problemsIn, removeDockerfile, type Build, type Checked, type Context } from "./calls.ts";
import "./image-build.ts";

const PAUSE_MS = 400; // after the last letter
const WAIT_MS = 200;
const EXAMPLE = "FROM debian:12";
const MAX_BYTES = 64 * 1024;
const ARCHIVE = /\.(zip|tar|tar\.gz|tgz)$/i;

@customElement("slw-dockerfile")
export class DockerfileField extends PageElement {
  @property({ attribute: "organization-id" }) organizationId = "";
  @property({ attribute: "environment-id" }) environmentId = "";
  @state() private text = "";
  @state() private kept: string | null = null; // what the server has
  @state() private context: File | null = null;
  @state() private keptContext: Context | null = null;
  @state() private found: Checked | null = null;
  @state() private build: Build | null = null;
  @state() private used: Build | null = null; // whose image sandboxes are made of now
  @state() private error: unknown = null;
  @state() private isOver = false;
  @state() private isBusy = false;
  @state() private sent: number | null = null;
  private key = newId();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private round = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  private async load(): Promise<void> {
    if (!this.environmentId) return;
    try {
      const [known, latest] = await Promise.all([dockerfileOf(this.environmentId), latestBuild(this.environmentId)]);
      if (known && !this.text) this.text = known.text;
      Object.assign(this, { kept: known?.text ?? null, keptContext: known?.context ?? null, used: known?.image ?? null, build: latest });
      if (known) void this.check();
    } catch (error) {
      this.error = error;
    }
  }

  /** A file by what it is: an archive is the context, anything else the Dockerfile. */
  private async take(files: Iterable<File>): Promise<void> {
    for (const file of files) {
      if (ARCHIVE.test(file.name)) this.context = file;
      else if (file.size > MAX_BYTES) this.found = { images: [], problems: [{ line: 1, message: gettext("A Dockerfile has at most {size}.", { size: bytes(MAX_BYTES) }) }] };
      else this.type(await file.text());
    }
  }

  private type(text: string): void {
    this.text = text;
    this.key = newId();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.check(), PAUSE_MS);
  }

  private async check(): Promise<void> {
    const round = (this.round += 1);
    if (!this.text.trim()) return void (this.found = null);
    try {
      const found = await checked(this.organizationId, this.text);
      if (round === this.round) Object.assign(this, { found, error: null });
    } catch (error) {
      if (round === this.round) this.error = error;
    }
  }

  /** Whether there is something that the server has not got. */
  get isChanged(): boolean {
    return Boolean(this.text.trim()) && (this.text !== this.kept || this.context !== null);
  }

  /** Keeps and builds it, and returns when that has ended, or when nobody looks any more. Throws what people must know. */
  async save(environmentId: string): Promise<void> {
    this.environmentId = environmentId;
    await this.start();
    if (this.error) throw this.error;
    if (this.found?.problems.length) throw new Error(gettext("The Dockerfile cannot be built as it is; the lines are named below it."));
    while (this.isConnected && this.build && isLive(this.build)) await new Promise((done) => setTimeout(done, WAIT_MS));
    if (this.isConnected && this.build?.status !== "COMPLETED") throw new Error(gettext("The environment is saved, but its image was not built. Correct the Dockerfile, and save again."));
  }

  /** What is asked for is shown as it comes. */
  private showBuild(): void {
    void this.updateComplete.then(() => this.querySelector("slw-image-build")?.scrollIntoView({ block: "nearest" }));
  }

  private async start(): Promise<void> {
    Object.assign(this, { isBusy: true, error: null });
    try {
      this.build = await build(this.environmentId, this.text, this.context, this.key, (part) => (this.sent = this.context ? part : null));
      const sent = this.context && { name: this.context.name, size_bytes: this.context.size, sha256: "" };
      Object.assign(this, { kept: this.text, keptContext: sent, context: null, key: newId() });
    } catch (error) {
      const problems = problemsIn(error);
      if (problems.length) this.found = { images: this.found?.images ?? [], problems };
      else this.error = error;
    }
    Object.assign(this, { isBusy: false, sent: null });
    this.showBuild();
  }

  private async forget(): Promise<void> {
    Object.assign(this, { isBusy: true, error: null });
    try {
      await removeDockerfile(this.environmentId);
      Object.assign(this, { text: "", kept: null, keptContext: null, context: null, found: null, build: null, used: null });
      this.dispatchEvent(new CustomEvent("slw-dockerfile-removed", { bubbles: true }));
    } catch (error) {
      this.error = error;
    }
    this.isBusy = false;
  }

  private showLine(line: number): void {
    const area = this.querySelector("textarea");
    if (!area) return;
    const lines = this.text.split("\n");
    const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
    area.scrollTop = Math.max(0, (area.scrollHeight / Math.max(1, lines.length)) * (line - 3));
  }

  private over(isOver: boolean): (event: DragEvent) => void {
    return (event) => {
      event.preventDefault();
      this.isOver = isOver;
    };
  }

  override render(): unknown {
    const isBuilding = this.build !== null && isLive(this.build);
    const isRefused = Boolean(this.found?.problems.length);
    return html`<div class="stack tight dockerfile" @dragover=${this.over(true)} @dragleave=${this.over(false)}
        @drop=${(event: DragEvent) => { this.over(false)(event); void this.take(event.dataTransfer?.files ?? []); }}
        @slw-line=${(event: CustomEvent<number>) => this.showLine(event.detail)}>
      ${this.dropZone()}
      <div class="field"><label for="dockerfile-text">${gettext("Dockerfile")}</label>
        <textarea class="input mono grows" id="dockerfile-text" rows="6" spellcheck="false" autocomplete="off" autocapitalize="off" placeholder=${EXAMPLE} aria-invalid=${isRefused}
          aria-describedby="dockerfile-found" .value=${this.text} @input=${(event: Event) => this.type((event.target as HTMLTextAreaElement).value)}></textarea></div>
      <div id="dockerfile-found" class="stack tight" aria-live="polite">${this.verdict()}</div>
      ${this.contextRow()}
      ${errorNote(this.error)}
      ${this.environmentId ? nothing : html`<p class="soft">${gettext("It is built when the environment is added.")}</p>`}
      <div class="row wrap" ?hidden=${!this.environmentId}><button class="button" type="button" aria-busy=${this.isBusy} ?disabled=${this.isBusy || isBuilding || isRefused || !this.text.trim()} @click=${() => this.start()}>${icon("wrench")}${this.build?.status === "COMPLETED" && this.text === this.kept ? gettext("Build again") : gettext("Build the image")}</button>
        ${this.kept === null ? nothing : html`<button class="button quiet danger" type="button" ?disabled=${this.isBusy || isBuilding} @click=${() => this.forget()}>${gettext("Remove the Dockerfile")}</button>`}
        ${this.sent === null ? nothing : html`<span class="soft">${gettext("Sending files: {part}", { part: percent(this.sent) })}</span>`}</div>
      <slw-image-build .build=${this.build} @slw-image-built=${(event: CustomEvent<Build>) => this.built(event.detail)}></slw-image-build>
      ${this.stillUsed()}
    </div>`;
  }

  private built(build: Build): void {
    this.build = build;
    if (build.status === "COMPLETED") this.used = build;
    this.showBuild();
  }

  /** After a build that made nothing: what sandboxes are made of all the same. */
  private stillUsed(): TemplateResult | typeof nothing {
    if (this.build?.status !== "FAILED" && this.build?.status !== "CANCELLED") return nothing;
    return html`<p class="note" role="status">${icon("info")}<span>${this.used
      ? gettext("Sandboxes are still made of the image that was built {when} ({size}).", { when: ago(this.used.finished_at ?? ""), size: bytes(this.used.size_bytes ?? 0) })
      : gettext("There is no image of this environment yet: sessions cannot start in it until a build succeeds.")}</span></p>`;
  }

  private dropZone(): TemplateResult {
    const take = async (event: Event): Promise<void> => {
      const input = event.target as HTMLInputElement;
      await this.take(input.files ?? []);
      input.value = "";
    };
    return html`<label class="drop ${this.isOver ? "over" : ""}"><input type="file" multiple aria-label=${gettext("A Dockerfile, or an archive of its files")} @change=${take} />
      ${icon("upload")}<span class="strong">${(matchMedia("(pointer: fine)").matches ? gettext("Drop a Dockerfile here, or choose one") : gettext("Choose a file"))}</span>
      <span class="soft">${gettext("For COPY, upload a zip, tar or tar.gz with the files")}</span></label>`;
  }

  private verdict(): TemplateResult | typeof nothing {
    if (!this.found) return nothing;
    const { problems, images } = this.found;
    if (problems.length) {
      return html`<ul class="problems">${problems.map(({ line, message }) => html`<li class="note error">${icon("warning")}<span class="grow">${told(message)}</span>
        <button class="button quiet" type="button" @click=${() => this.showLine(line)}>${gettext("Line {line}", { line: number(line) })}</button></li>`)}</ul>`;
    }
    return html`<p class="soft row">${icon("check")}<span>${images.length ? gettext("Can be built, upon {images}.", { images: list(images) }) : gettext("Can be built.")}</span></p>`;
  }

  private contextRow(): TemplateResult | typeof nothing {
    const shown = this.context ? { name: this.context.name, size: this.context.size } : this.keptContext && { name: this.keptContext.name, size: this.keptContext.size_bytes };
    if (!shown) return nothing;
    return html`<p class="row"><span class="soft">${icon("folder")}</span><span class="grow cut" title=${shown.name}>${shown.name}</span><span class="soft">${bytes(shown.size)}</span>
      ${this.context ? html`<button class="button quiet square" type="button" aria-label=${gettext("Leave these files out")} title=${gettext("Leave these files out")} @click=${() => (this.context = null)}>${icon("cross")}</button>` : html`<span class="soft">${gettext("Send them again when you build again")}</span>`}</p>`;
  }
}
