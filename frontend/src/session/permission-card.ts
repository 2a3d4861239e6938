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
import { isWriting, patchOf } from "./tools.ts";

interface Option { label: string; description?: string }
interface Question { question: string; header?: string; options?: Option[]; multiSelect?: boolean }

export const isTyping = (event: KeyboardEvent): boolean => {
  const target = event.composedPath()[0];
  return target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
};

const questionsOf = (permission: Permission): Question[] => {
  const { questions } = permission.input;
  return Array.isArray(questions) ? (questions as Question[]).filter((one) => typeof one?.question === "string") : [];
};

@customElement("slw-permission")
export class PermissionCard extends PageElement {
  @property() sessionId = "";
  @property({ attribute: false }) permission!: Permission;
  @property({ type: Number }) others = 0;
  @property({ type: Boolean }) canAnswer = true;
  @state() private isBusy = false;
  @state() private isDenying = false;
  @state() private error: unknown = null;
  @state() private chosen: Record<string, string[]> = {};
  @state() private free: Record<string, string> = {};

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
    this.isDenying = this.isBusy = false;
    this.error = null;
    this.chosen = {};
    this.free = {};
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]")) return;
    if (!this.canAnswer || this.isBusy || this.permission.kind === "QUESTION") return;
    if (event.key === "a") void this.answer("allow");
    else if (event.key === "d") void this.startDenying();
    else return;
    event.preventDefault();
  };

  private async startDenying(): Promise<void> {
    this.isDenying = true;
    await this.updateComplete;
    this.querySelector<HTMLTextAreaElement>(".reason-input")?.focus();
  }

  private async answer(decision: "allow" | "deny", more: object = {}): Promise<void> {
    this.isBusy = true;
    this.error = null;
    try {
      await post(`/sessions/${this.sessionId}/approve`, { permission_id: this.permission.id, decision, ...more });
    } catch (error) {
      // Someone else was first: the log brings what was decided.
      if (!(error instanceof ApiError && error.status === 409)) {
        this.error = error;
        this.isBusy = false;
      }
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
      <div class="permission-body">${kind === "TOOL" ? this.tool() : kind === "PLAN" ? this.plan() : this.questions()}</div>
      ${errorNote(this.error)}
      ${!this.canAnswer ? html`<p class="soft">${gettext("Your role does not allow you to answer.")}</p>` : this.isDenying ? this.denying() : this.actions()}
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

  private questions(): TemplateResult {
    return html`<form id="questions" class="stack" @submit=${this.submitAnswers}>${questionsOf(this.permission).map((question, index) => this.question(question, index))}</form>`;
  }

  private question(question: Question, index: number): TemplateResult {
    const type = question.multiSelect ? "checkbox" : "radio";
    const chosen = this.chosen[question.question] ?? [];
    return html`<fieldset class="question"><legend>${plain(question.question)}</legend>
      ${(question.options ?? []).map((option) => html`<label class="option"><input type=${type} name="question-${index}" .checked=${chosen.includes(option.label)}
        @change=${(event: Event) => this.choose(question, option.label, (event.target as HTMLInputElement).checked)} />
        <span><b>${plain(option.label)}</b>${option.description ? html`<br /><span class="soft">${plain(option.description)}</span>` : nothing}</span></label>`)}
      <input class="input" aria-label=${gettext("Another answer")} placeholder=${gettext("Another answer")} .value=${this.free[question.question] ?? ""}
        @input=${(event: Event) => (this.free = { ...this.free, [question.question]: (event.target as HTMLInputElement).value })} />
    </fieldset>`;
  }

  private choose(question: Question, label: string, isOn: boolean): void {
    const before = question.multiSelect ? (this.chosen[question.question] ?? []).filter((one) => one !== label) : [];
    this.chosen = { ...this.chosen, [question.question]: isOn ? [...before, label] : before };
  }

  private answers(): Record<string, string> {
    return Object.fromEntries(
      questionsOf(this.permission).map(({ question, multiSelect }) => {
        const free = this.free[question]?.trim();
        const chosen = this.chosen[question] ?? [];
        return [question, (multiSelect ? [...chosen, ...(free ? [free] : [])] : [free || chosen[0] || ""]).join(", ")];
      }),
    );
  }

  private readonly submitAnswers = (event: Event): void => {
    event.preventDefault();
    void this.answer("allow", { answers: this.answers() });
  };

  private actions(): TemplateResult {
    const { kind } = this.permission;
    if (kind === "QUESTION") {
      const isComplete = Object.values(this.answers()).every(Boolean);
      return html`<footer><button class="button primary" form="questions" ?disabled=${this.isBusy || !isComplete}>${gettext("Answer")}</button>
        <button class="button" type="button" ?disabled=${this.isBusy} @click=${() => this.answer("deny")}>${gettext("Dismiss")}</button></footer>`;
    }
    const [yes, no] = kind === "PLAN" ? [gettext("Approve the plan"), gettext("Keep planning…")] : [gettext("Allow once"), gettext("Deny…")];
    return html`<footer>
      <button class="button primary" type="button" ?disabled=${this.isBusy} @click=${() => this.answer("allow")}>${yes} <kbd>a</kbd></button>
      <button class="button" type="button" ?disabled=${this.isBusy} @click=${() => this.startDenying()}>${no} <kbd>d</kbd></button>
    </footer>`;
  }

  private denying(): TemplateResult {
    const isPlan = this.permission.kind === "PLAN";
    return html`<div class="field"><label for="deny-reason">${isPlan ? gettext("What should be different?") : gettext("What should the agent do instead? (optional)")}</label>
        <textarea id="deny-reason" class="input reason-input" rows="2" @keydown=${this.onReasonKey}></textarea></div>
      <footer><button class="button danger" type="button" ?disabled=${this.isBusy} @click=${() => this.deny()}>${isPlan ? gettext("Keep planning") : gettext("Deny")}</button>
        <button class="button quiet" type="button" @click=${() => (this.isDenying = false)}>${gettext("Back")}</button></footer>`;
  }

  private readonly onReasonKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.isDenying = false;
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.deny();
    }
  };
}
