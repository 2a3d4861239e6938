// The agent's questions on the permission card: choices, free answers, and what they come to.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import type { Permission } from "../protocol.ts";

interface Option { label: string; description?: string }
interface Question { question: string; header?: string; options?: Option[]; multiSelect?: boolean }

const MOST_KEYS = 9;

const questionsOf = (permission: Permission): Question[] => {
  const { questions } = permission.input;
  return Array.isArray(questions) ? (questions as Question[]).filter((one) => typeof one?.question === "string") : [];
};

const optionsOf = ({ options }: Question): Option[] => (Array.isArray(options) ? options.filter((one) => typeof one?.label === "string") : []);

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
    return Object.values(this.answers()).every((answer) => answer !== "");
  }

  get labels(): string[] {
    const question = questionsOf(this.permission)[this.current];
    return question ? [...optionsOf(question).map((one) => one.label), gettext("Another answer")].slice(0, MOST_KEYS) : [];
  }

  /** The question that keys answer: the one with the focus, else the first without an answer. */
  private get current(): number {
    const focused = document.activeElement?.closest<HTMLElement>(".question")?.dataset.index;
    if (focused !== undefined) return Number(focused);
    const answers = this.answers();
    const open = questionsOf(this.permission).findIndex(({ question }) => !answers[question]);
    return Math.max(0, open);
  }

  /** Chooses the option of this number, from 1, of the current question; the one after the last is the free answer. */
  press(number: number): void {
    const index = this.current;
    const question = questionsOf(this.permission)[index];
    if (!question) return;
    const option = optionsOf(question)[number - 1];
    const fields = document.querySelectorAll<HTMLElement>(`.question[data-index="${index}"] input`);
    // The focus shows where one is, and Enter sends.
    fields[number - 1]?.focus();
    if (option) this.choose(question, option.label, question.multiSelect ? !(this.chosen[question.question] ?? []).includes(option.label) : true);
  }

  private choose(question: Question, label: string, isOn: boolean): void {
    const before = question.multiSelect ? (this.chosen[question.question] ?? []).filter((one) => one !== label) : [];
    this.chosen = { ...this.chosen, [question.question]: isOn ? [...before, label] : before };
    if (!question.multiSelect && isOn) this.free = { ...this.free, [question.question]: "" };
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
    const questions = questionsOf(this.permission);
    return html`<form id="questions" class="stack" @submit=${submit}>${questions.map((question, index) => this.question(question, index, questions.length > 1))}</form>`;
  }

  private question(question: Question, index: number, isOneOfMany: boolean): TemplateResult {
    const options = optionsOf(question);
    const isFree = (this.free[question.question] ?? "") !== "";
    return html`<fieldset class="question" data-index=${index}><legend>${question.header && isOneOfMany ? html`<span class="badge">${plain(question.header)}</span> ` : nothing}${plain(question.question)}</legend>
      ${question.multiSelect ? html`<p class="soft">${gettext("Choose as many as you like.")}</p>` : nothing}
      ${options.map((option, at) => this.option(question, option, `question-${index}`, at, isFree))}
      <label class="option option-free">${keyCap(options.length)}<span class="option-mark ${isFree ? "is-on" : ""} ${question.multiSelect ? "is-many" : ""}" aria-hidden="true"></span><input class="input" aria-label=${gettext("Another answer")} placeholder=${gettext("Another answer")} .value=${this.free[question.question] ?? ""}
        @input=${(event: Event) => this.write(question, (event.target as HTMLInputElement).value)} /></label>
    </fieldset>`;
  }

  private option(question: Question, option: Option, name: string, at: number, isFree: boolean): TemplateResult {
    const isMany = question.multiSelect === true;
    const isChosen = (this.chosen[question.question] ?? []).includes(option.label) && (isMany || !isFree);
    return html`<label class="option">${keyCap(at)}<input type=${isMany ? "checkbox" : "radio"} name=${name} .checked=${isChosen}
      @change=${(event: Event) => this.choose(question, option.label, (event.target as HTMLInputElement).checked)} />
      <span><b>${plain(option.label)}</b>${option.description ? html`<br /><span class="soft">${plain(option.description)}</span>` : nothing}</span></label>`;
  }
}

const keyCap = (at: number): TemplateResult | typeof nothing => (at < MOST_KEYS ? html`<kbd class="option-key" aria-hidden="true">${at + 1}</kbd>` : nothing);
