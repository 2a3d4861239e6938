// The test of an environment: begun here, followed line by line as a worker goes through it, and kept as the last one.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { get, post } from "../api.ts";
import { withCode } from "../code-in-text.ts";
import { errorNote, pageData, PageElement } from "../elements/base.ts";
import { ago, duration, exactTime } from "../format.ts";
import { gettext, ngettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import { TESTED } from "./environments.ts";

interface Line { name: string; title: string; status: "WAITING" | "RUNNING" | "PASSED" | "FAILED" | "SKIPPED"; duration_ms: number | null; problem: string; advice: string }
interface Check { id: string; status: "PENDING" | "RUNNING" | "PASSED" | "FAILED" | "CANCELLED"; is_cancelling: boolean; lines: Line[]; error: string; created_at: string; finished_at: string | null }

const RETRY_MS = 3000;
const MEANINGS = { WAITING: "stopped", RUNNING: "running", PASSED: "done", FAILED: "failed", SKIPPED: "stopped" };

const isLive = (check: Check | null): boolean => check?.status === "PENDING" || check?.status === "RUNNING";

@customElement("slw-environment-test")
export class EnvironmentTest extends PageElement {
  @property({ attribute: "environment-id" }) environmentId = "";
  @property() name = "";
  @property({ type: Boolean, attribute: "can-test" }) canTest = false;
  @state() private check: Check | null = null;
  @state() private error: unknown = null;
  @state() private isBusy = false;
  @state() private isOpen = false;
  private stream: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.check ??= pageData<Check>(`environment-${this.environmentId}-test`);
    if (isLive(this.check)) this.follow();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
  }

  private get path(): string {
    return `/environments/${this.environmentId}/tests`;
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.stream?.close();
    this.stream = null;
  }

  private follow(): void {
    this.stop();
    const stream = (this.stream = new EventSource(`/api${this.path}/${this.check?.id}/stream`));
    stream.addEventListener("progress", (event: MessageEvent<string>) => this.take(JSON.parse(event.data) as Check));
    stream.onerror = () => {
      this.stop();
      this.timer = setTimeout(() => void this.lookAgain(), RETRY_MS);
    };
  }

  private async lookAgain(): Promise<void> {
    try {
      this.take(await get<Check>(`${this.path}/${this.check?.id}`));
      if (isLive(this.check)) this.follow();
    } catch {
      this.timer = setTimeout(() => void this.lookAgain(), RETRY_MS);
    }
  }

  private take(check: Check): void {
    const wasLive = isLive(this.check);
    this.check = check;
    if (isLive(check)) return;
    this.stop();
    this.isOpen ||= check.status === "FAILED";
    if (wasLive) this.dispatchEvent(new CustomEvent(TESTED, { bubbles: true }));
  }

  private async attempt(work: () => Promise<Check>): Promise<void> {
    this.isBusy = true;
    try {
      this.check = await work();
      this.error = null;
      if (isLive(this.check)) this.follow();
    } catch (error) {
      this.error = error;
    }
    this.isBusy = false;
  }

  override render(): unknown {
    const live = isLive(this.check);
    return html`<div class="stack tight">
      <div class="row wrap"><span class="grow" role="status">${this.headline()}</span><span class="row test-actions">${this.check?.lines.length && !live ? html`<button class="button quiet" type="button" aria-expanded=${this.isOpen} @click=${() => (this.isOpen = !this.isOpen)}>${gettext("Report")}</button>` : nothing}
        ${!this.canTest ? nothing : live
          ? html`<button class="button" type="button" ?disabled=${this.isBusy || this.check?.is_cancelling} aria-label=${gettext("Cancel the test of {name}", { name: this.name })} @click=${() => this.attempt(() => post<Check>(`${this.path}/${this.check?.id}/cancel`))}>${this.check?.is_cancelling ? gettext("Cancelling…") : gettext("Cancel")}</button>`
          : html`<button class="button" type="button" aria-busy=${this.isBusy} aria-label=${gettext("Test {name}", { name: this.name })} @click=${() => this.attempt(() => post<Check>(this.path, { is_quick: true }))}>${icon("play")} ${gettext("Test")}</button>`}</span></div>
      ${errorNote(this.error)}
      ${this.check?.error ? html`<p class="note error">${icon("warning")}<span>${withCode(told(this.check.error))}</span></p>` : nothing}
      ${this.check?.lines.length && (live || this.isOpen) ? this.report(this.check) : nothing}
    </div>`;
  }

  private headline(): TemplateResult {
    const { check } = this;
    if (!check) return html`<span class="soft">${gettext("Not tested yet")}</span>`;
    const failed = check.lines.filter(({ status }) => status === "FAILED").length;
    const [meaning, word] = {
      PENDING: ["running", gettext("Waiting for a worker")],
      RUNNING: ["running", told(check.lines.find(({ status }) => status === "RUNNING")?.title ?? "") || gettext("Testing…")],
      PASSED: ["done", gettext("Test passed")],
      FAILED: ["failed", failed ? ngettext("{count} check failed", "{count} checks failed", failed) : gettext("The test failed")],
      CANCELLED: ["stopped", gettext("The test was cancelled")],
    }[check.status] as [string, string];
    return html`<span class="status ${meaning}">${word}</span>${check.finished_at ? html` <span class="soft when" title=${exactTime(check.finished_at)}>${ago(check.finished_at)}</span>` : nothing}`;
  }

  private report(check: Check): TemplateResult {
    return html`<ol class="report" aria-label=${gettext("Report of the test")}>${check.lines.map((line) => this.line(line))}</ol>`;
  }

  private line(line: Line): TemplateResult {
    const words = { WAITING: gettext("waiting"), RUNNING: gettext("running"), PASSED: gettext("passed"), FAILED: gettext("failed"), SKIPPED: gettext("not tried") };
    return html`<li><span class="status ${MEANINGS[line.status]}"><span class="unseen">${words[line.status]}</span></span>
      <span class="grow">${told(line.title)}${line.problem ? html`<span class="problem">${withCode(told(line.problem))}</span><span class="soft">${withCode(told(line.advice))}</span>` : nothing}</span>
      <span class="soft">${line.status === "SKIPPED" ? words.SKIPPED : line.duration_ms === null ? "" : duration(line.duration_ms)}</span></li>`;
  }
}
