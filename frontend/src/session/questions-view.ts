// The agent's questions on the permission card: choices, free answers, and what they come to.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import type { Permission } from "../protocol.ts";

interface Option { label: string; description?: string }
interface Question { question: string; header?: string; options?: Option[]; multiSelect?: boolean }

const questionsOf = (permission: Permission): Question[] => {
  const { questions } = permission.input;
  return Array.isArray(questions) ? (questions as Question[]).filter((one) => typeof one?.question === "string") : [];
};

export class Questions {
  private chosen: Record<string, string[]> = {};
  private free: Record<string, string> = {};

  constructor(private readonly permission: Permission, private readonly changed: () => void, private readonly submit: () => void) {}

  answers(): Record<string, string> {
    return Object.fromEntries(
      questionsOf(this.permission).map(({ question, multiSelect }) => {
        const free = this.free[question]?.trim();
        const chosen = this.chosen[question] ?? [];
        return [question, (multiSelect ? [...chosen, ...(free ? [free] : [])] : [free || chosen[0] || ""]).join(", ")];
      }),
    );
  }

  get isComplete(): boolean {
    return Object.values(this.answers()).every(Boolean);
  }

  private choose(question: Question, label: string, isOn: boolean): void {
    const before = question.multiSelect ? (this.chosen[question.question] ?? []).filter((one) => one !== label) : [];
    this.chosen = { ...this.chosen, [question.question]: isOn ? [...before, label] : before };
    this.changed();
  }

  private write(question: Question, text: string): void {
    this.free = { ...this.free, [question.question]: text };
    this.changed();
  }

  view(): TemplateResult {
    const submit = (event: Event): void => {
      event.preventDefault();
      if (this.isComplete) this.submit();
    };
    return html`<form id="questions" class="stack" @submit=${submit}>${questionsOf(this.permission).map((question, index) => this.question(question, index))}</form>`;
  }

  private question(question: Question, index: number): TemplateResult {
    const type = question.multiSelect ? "checkbox" : "radio";
    const chosen = this.chosen[question.question] ?? [];
    return html`<fieldset class="question"><legend>${plain(question.question)}</legend>
      ${(question.options ?? []).map((option) => html`<label class="option"><input type=${type} name="question-${index}" .checked=${chosen.includes(option.label)}
        @change=${(event: Event) => this.choose(question, option.label, (event.target as HTMLInputElement).checked)} />
        <span><b>${plain(option.label)}</b>${option.description ? html`<br /><span class="soft">${plain(option.description)}</span>` : nothing}</span></label>`)}
      <input class="input" aria-label=${gettext("Another answer")} placeholder=${gettext("Another answer")} .value=${this.free[question.question] ?? ""}
        @input=${(event: Event) => this.write(question, (event.target as HTMLInputElement).value)} />
    </fieldset>`;
  }
}
