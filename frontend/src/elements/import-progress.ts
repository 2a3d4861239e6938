// An import as it runs: step, progress, log and a way to cancel; a reload finds it again.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { get, post } from "../api.ts";
import { percent as share } from "../format.ts";
import { store } from "../frame/tree-store.ts";
import { gettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Project, ProjectImport } from "../protocol.ts";
import { errorNote, PageElement } from "./base.ts";

const ENDED = ["COMPLETED", "FAILED", "CANCELLED"];
const RETRY_MS = 3000;

/** What an import goes through, by the percentage at which each stage ends. */
const stages = (): [number, string][] => [[5, gettext("Connect")], [75, gettext("Download objects")], [90, gettext("Unpack")], [100, gettext("Check")]];

@customElement("slw-import")
export class ImportProgress extends PageElement {
  @property({ attribute: "project-id" }) projectId = "";
  @property({ attribute: "source-url" }) sourceUrl = "";
  @state() private progress: ProjectImport | null = null;
  @state() private error: unknown = null;
  @state() private isCancelling = false;
  private stream: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.listen();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.stream?.close();
    this.stream = null;
  }

  private listen(): void {
    this.stop();
    const stream = (this.stream = new EventSource(`/api/projects/${this.projectId}/import/stream`));
    stream.addEventListener("progress", (event: MessageEvent<string>) => this.take(JSON.parse(event.data) as ProjectImport));
    stream.onerror = () => {
      this.stop();
      this.timer = setTimeout(() => void this.lookAgain(), RETRY_MS);
    };
  }

  private async lookAgain(): Promise<void> {
    try {
      const { import: progress } = await get<Project>(`/projects/${this.projectId}`);
      if (progress) this.take(progress);
      if (!progress || !ENDED.includes(progress.status)) this.listen();
    } catch {
      this.timer = setTimeout(() => void this.lookAgain(), RETRY_MS);
    }
  }

  private take(progress: ProjectImport): void {
    const wasSeenRunning = this.progress !== null && !ENDED.includes(this.progress.status);
    this.progress = progress;
    if (!ENDED.includes(progress.status)) return;
    this.stop();
    // A page that shows an old failure must not take it for news: it would load itself again and again.
    if (wasSeenRunning || progress.status === "COMPLETED") this.dispatchEvent(new CustomEvent("slw-imported", { detail: progress.status, bubbles: true }));
  }

  private async cancel(): Promise<void> {
    this.isCancelling = true;
    try {
      await post(`/projects/${this.projectId}/import/cancel`);
    } catch (error) {
      this.error = error;
      this.isCancelling = false;
    }
  }

  override render(): unknown {
    const { status = "PENDING", step = "", percent = 0, log = "", error = "" } = this.progress ?? {};
    const isOver = ENDED.includes(status);
    const word = { COMPLETED: gettext("Imported"), FAILED: gettext("The import failed"), CANCELLED: gettext("The import was cancelled") }[status] ?? (told(step) || gettext("Waiting to start"));
    return html`<div class="stack tight" role="status">
      <div class="row"><span class="grow strong">${word}</span>
        ${isOver ? nothing : html`<span class="soft">${share(percent / 100)}</span><button class="button quiet" type="button" ?disabled=${this.isCancelling} @click=${() => this.cancel()}>${this.isCancelling ? gettext("Cancelling…") : gettext("Cancel")}</button>`}</div>
      ${isOver ? nothing : html`<progress class="progress" max="100" .value=${percent} aria-label=${gettext("Import progress")}></progress>`}
      ${isOver ? nothing : this.stages(percent, status === "PENDING")}
      ${error ? html`<p class="note error">${icon("warning")}<span>${told(error)}</span></p>` : nothing}
      ${status === "FAILED" || status === "CANCELLED" ? this.afterwards() : nothing}
      ${errorNote(this.error)}
      ${log ? html`<details><summary class="link">${gettext("Show the log")}</summary><pre class="log" tabindex="0">${log}</pre></details>` : nothing}
    </div>`;
  }

  private afterwards(): TemplateResult {
    return html`<p class="soft">${gettext("Nothing was imported.")}</p>
      ${store.canWrite ? html`<div class="row wrap">${this.sourceUrl ? html`<button class="button" type="button" data-open="new-project" data-source="URL" data-url=${this.sourceUrl}>${gettext("Try again…")}</button>` : nothing}
        <button class="button" type="button" data-manage="delete" data-kind="project" data-id=${this.projectId} data-name=${store.projectName(this.projectId)}>${gettext("Delete project…")}</button></div>` : nothing}`;
  }

  /** Those behind, the present one, and those to come; not read out at each step, which the line above is. */
  private stages(percent: number, isWaiting: boolean): TemplateResult {
    const now = isWaiting ? -1 : stages().findIndex(([end]) => percent < end);
    return html`<ol class="stages" aria-hidden="true">${stages().map(([end, name], index) => html`<li class=${index === now ? "is-now" : ""}>
      <span class="status ${percent >= end ? "done" : index === now ? "running" : "stopped"}"></span>${name}</li>`)}</ol>`;
  }
}
