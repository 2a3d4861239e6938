// The card that asks: a tool call in full, a plan, or questions; it sticks above the composer until someone answers.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { ApiError, post } from "../api.ts";
import { errorNote, PageElement, plain } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import "../markdown.ts";
import type { Permission } from "../protocol.ts";
import { patchView } from "./patch-view.ts";
import { Questions } from "./questions-view.ts";
import { alwaysOf } from "./suggestions.ts";
import { isWriting, patchOf } from "./tools.ts";

export const isTyping = (event: KeyboardEvent): boolean => {
  const target = event.composedPath()[0];
  return target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
};

type Step = "asking" | "denying" | "always";
type Scope = "session" | "project";

@customElement("slw-permission")
export class PermissionCard extends PageElement {
  @property() sessionId = "";
  @property({ attribute: false }) permission!: Permission;
  @property({ type: Number }) others = 0;
  @property({ type: Boolean }) canAnswer = true;
  @state() private isBusy = false;
  @state() private step: Step = "asking";
  @state() private scope: Scope = "session";
  @state() private error: unknown = null;
  private questions!: Questions;

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("keydown", this.onKey);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("keydown", this.onKey);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("permission");
    if (!changed.has("permission") || before?.id === this.permission.id) return;
    this.isBusy = false;
    this.step = "asking";
    this.scope = "session";
    this.error = null;
    this.questions = new Questions(this.permission, () => this.requestUpdate(), () => void this.answer("allow", { answers: this.questions.answers() }));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]")) return;
    if (!this.canAnswer || this.isBusy || this.permission.kind === "QUESTION") return;
    if (event.key === "a") void this.answer("allow");
    else if (event.key === "A" && this.always) void this.go("always");
    else if (event.key === "d") void this.go("denying");
    else return;
    event.preventDefault();
  };

  private get always(): ReturnType<typeof alwaysOf> {
    return this.permission.kind === "TOOL" ? alwaysOf(this.permission.suggestions) : null;
  }

  private async go(step: Step): Promise<void> {
    this.step = step;
    await this.updateComplete;
    this.querySelector<HTMLElement>("[data-first]")?.focus();
  }

  private async answer(decision: "allow" | "deny", more: object = {}): Promise<void> {
    const { id } = this.permission;
    this.isBusy = true;
    this.error = null;
    this.dispatchEvent(new CustomEvent("slw-answering", { detail: id, bubbles: true }));
    try {
      await post(`/sessions/${this.sessionId}/approve`, { permission_id: id, decision, ...more });
    } catch (error) {
      if (id !== this.permission?.id) return;
      this.dispatchEvent(new CustomEvent("slw-not-answered", { detail: id, bubbles: true }));
      // Someone else was first, and the message says who: the log brings what was decided.
      this.error = error;
      this.isBusy = error instanceof ApiError && error.status === 409;
    }
  }

  private deny(): void {
    const reason = this.querySelector<HTMLTextAreaElement>(".reason-input")?.value.trim() ?? "";
    void this.answer("deny", reason ? { reason } : {});
  }

  override render(): unknown {
    const { kind } = this.permission;
    const title = { TOOL: gettext("May the agent do this?"), PLAN: gettext("Approve this plan?"), QUESTION: gettext("The agent asks") }[kind];
    return html`<section class="permission" role="region" aria-label=${title}>
      <header>${icon(kind === "QUESTION" ? "question" : kind === "PLAN" ? "list" : "shield")}<h2>${title}</h2>
        ${this.others ? html`<span class="badge">${gettext("{n} more after this", { n: this.others })}</span>` : nothing}</header>
      <div class="permission-body">${kind === "TOOL" ? this.tool() : kind === "PLAN" ? this.plan() : this.questions.view()}${this.step === "always" ? this.whatAlways() : nothing}</div>
      ${errorNote(this.error)}
      ${!this.canAnswer ? html`<p class="soft">${gettext("Your role does not allow you to answer.")}</p>` : this.buttons()}
    </section>`;
  }

  private tool(): TemplateResult {
    const { tool, input, description, cwd } = this.permission;
    const patches = isWriting(tool) ? patchOf(tool, input, null) : [];
    const path = String(input.file_path ?? "");
    return html`<p><b>${plain(tool)}</b>${description ? html` <span class="soft">${plain(description)}</span>` : nothing}</p>
      ${tool === "Bash"
        ? html`<pre class="command" tabindex="0"><code>${plain(String(input.command ?? ""))}</code></pre>`
        : patches.length
          ? html`<p class="mono">${plain(path)}</p>${patchView(patches)}`
          : html`<pre class="command" tabindex="0"><code>${plain(JSON.stringify(input, null, 2))}</code></pre>`}
      ${cwd ? html`<p class="soft">${gettext("in")} <span class="mono">${plain(cwd)}</span></p>` : nothing}`;
  }

  private plan(): TemplateResult {
    return html`<slw-markdown class="prose" .text=${String(this.permission.input.plan ?? gettext("The agent gave no plan."))}></slw-markdown>`;
  }

  private buttons(): TemplateResult {
    return { asking: () => this.actions(), denying: () => this.denying(), always: () => this.confirming() }[this.step]();
  }

  private actions(): TemplateResult {
    const { kind } = this.permission;
    if (kind === "QUESTION") {
      const { isComplete } = this.questions;
      return html`<footer><button class="button primary" form="questions" ?disabled=${this.isBusy || !isComplete}>${gettext("Answer")}</button>
        <button class="button" type="button" ?disabled=${this.isBusy} @click=${() => this.answer("deny")}>${gettext("Dismiss")}</button></footer>`;
    }
    const [yes, no] = kind === "PLAN" ? [gettext("Approve the plan"), gettext("Keep planning…")] : [gettext("Allow once"), gettext("Deny…")];
    return html`<footer>
      <button class="button primary" type="button" ?disabled=${this.isBusy} @click=${() => this.answer("allow")}>${yes} <kbd>a</kbd></button>
      ${this.always ? html`<button class="button" type="button" ?disabled=${this.isBusy} @click=${() => this.go("always")}>${gettext("Always allow…")} <kbd>${gettext("shift")} a</kbd></button>` : nothing}
      <button class="button" type="button" ?disabled=${this.isBusy} @click=${() => this.go("denying")}>${no} <kbd>d</kbd></button>
    </footer>`;
  }

  /** Exactly what would hold from now on, and where. */
  private whatAlways(): TemplateResult {
    const { rules, others } = this.always ?? { rules: [], others: [] };
    const choice = (scope: Scope, word: string): TemplateResult => html`<label class="option"><input type="radio" name="scope" .checked=${this.scope === scope} @change=${() => (this.scope = scope)} /><span>${word}</span></label>`;
    return html`<div class="always"><h3>${gettext("From now on the agent may do this without asking:")}</h3>
      <ul>${rules.map((rule) => html`<li><code class="rule">${plain(rule)}</code></li>`)}${others.map((other) => html`<li>${plain(other)}</li>`)}</ul>
      ${rules.length ? html`<fieldset class="scopes"><legend>${gettext("Where?")}</legend>${choice("session", gettext("In this session"))}${choice("project", gettext("In this project, in all of its sessions"))}</fieldset>` : nothing}</div>`;
  }

  private confirming(): TemplateResult {
    const more = this.always?.rules.length ? { always: true, scope: this.scope } : { always: true };
    return html`<footer><button class="button primary" type="button" data-first ?disabled=${this.isBusy} @click=${() => this.answer("allow", more)}>${gettext("Always allow this")}</button>
      <button class="button quiet" type="button" ?disabled=${this.isBusy} @click=${() => (this.step = "asking")}>${gettext("Back")}</button></footer>`;
  }

  private denying(): TemplateResult {
    const isPlan = this.permission.kind === "PLAN";
    return html`<div class="field"><label for="deny-reason">${isPlan ? gettext("What should be different?") : gettext("What should the agent do instead? (optional)")}</label>
        <textarea id="deny-reason" class="input reason-input" data-first rows="2" @keydown=${this.onReasonKey}></textarea></div>
      <footer><button class="button danger" type="button" ?disabled=${this.isBusy} @click=${() => this.deny()}>${isPlan ? gettext("Keep planning") : gettext("Deny")}</button>
        <button class="button quiet" type="button" @click=${() => (this.step = "asking")}>${gettext("Back")}</button></footer>`;
  }

  private readonly onReasonKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.step = "asking";
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.deny();
    }
  };
}
