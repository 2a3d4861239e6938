// One build: how far it is, what it prints, a way to cancel it, and what went wrong, with the line.

import { html, nothing, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { errorNote, PageElement } from "../elements/base.ts";
import { ago, bytes, number } from "../format.ts";
import { gettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import { BuildFeed } from "./build-feed.ts";
import { cancelBuild, isLive, type Build } from "./calls.ts";

const NEAR_END = 24; // px: who reads there wants to see what comes

@customElement("slw-image-build")
export class ImageBuild extends PageElement {
  @property({ attribute: false }) build: Build | null = null;
  @state() private log = "";
  @state() private error: unknown = null;
  @state() private isCancelling = false;
  private feed: BuildFeed | null = null;
  private isFollowing = true;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.feed?.stop();
    this.feed = null;
  }

  protected override willUpdate(): void {
    if (!this.build || this.feed?.id === this.build.id) return;
    this.feed?.stop();
    Object.assign(this, { log: "", error: null, isCancelling: false, isFollowing: true });
    this.feed = new BuildFeed(this.build.id, (build) => this.take(build));
    this.feed.start();
  }

  protected override updated(changed: PropertyValues): void {
    const log = this.querySelector<HTMLElement>(".log");
    if (changed.has("log") && log && this.isFollowing) log.scrollTop = log.scrollHeight;
  }

  private take(build: Build | null): void {
    if (build) {
      const hasEnded = this.build !== null && isLive(this.build) && !isLive(build);
      this.build = build;
      if (hasEnded) this.dispatchEvent(new CustomEvent("slw-image-built", { detail: build, bubbles: true }));
    }
    this.log = this.feed?.log ?? "";
  }

  private async cancel(): Promise<void> {
    if (!this.build) return;
    this.isCancelling = true;
    try {
      await cancelBuild(this.build.id);
    } catch (error) {
      Object.assign(this, { error, isCancelling: false });
    }
  }

  private word({ status, step, steps, size_bytes, finished_at }: Build): string {
    if (status === "PENDING") return gettext("Waiting to start");
    if (status === "RUNNING") return steps && step ? gettext("Building, step {step} of {steps}", { step: number(step), steps: number(steps) }) : gettext("Building");
    if (status === "CANCELLED") return gettext("The build was cancelled");
    if (status === "FAILED") return gettext("The build failed");
    return gettext("Built {when}, {size}", { when: ago(finished_at ?? ""), size: bytes(size_bytes ?? 0) });
  }

  private showLine(line: number): void {
    this.dispatchEvent(new CustomEvent("slw-line", { detail: line, bubbles: true }));
  }

  override render(): unknown {
    const build = this.build;
    if (!build) return nothing;
    const isOver = !isLive(build);
    const mark = { PENDING: "starting", RUNNING: "running", COMPLETED: "done", FAILED: "failed", CANCELLED: "stopped" }[build.status];
    return html`<div class="stack tight image-build">
      <div class="row"><span class="status ${mark}"></span><span class="grow strong" role="status">${this.word(build)}</span>
        ${isOver ? nothing : html`<button class="button quiet" type="button" ?disabled=${this.isCancelling} @click=${() => this.cancel()}>${this.isCancelling ? gettext("Cancelling…") : gettext("Cancel the build")}</button>`}</div>
      ${isOver ? nothing : build.steps ? html`<progress class="progress" max=${build.steps} .value=${Math.max(0, build.step - 1)} aria-label=${gettext("Build progress")}></progress>` : html`<progress class="progress" aria-label=${gettext("Build progress")}></progress>`}
      ${build.error ? html`<div class="note error" role="alert">${icon("warning")}<span class="grow">${told(build.error)}</span>
        ${build.line ? html`<button class="button quiet" type="button" @click=${() => this.showLine(build.line ?? 1)}>${gettext("Line {line}", { line: number(build.line) })}</button>` : nothing}</div>` : nothing}
      ${errorNote(this.error)}
      ${this.log ? html`<details ?open=${!isOver || build.status === "FAILED"}><summary class="link">${gettext("Output of the build")}</summary>
        <pre class="log" tabindex="0" aria-label=${gettext("Output of the build")} @scroll=${(event: Event) => this.follow(event.target as HTMLElement)}>${this.log}</pre></details>` : nothing}
    </div>`;
  }

  private follow(log: HTMLElement): void {
    this.isFollowing = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
  }
}
