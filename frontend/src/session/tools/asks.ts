// What the agent asked a person: questions with their choices, or a plan.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../../elements/base.ts";
import { str } from "../../json.ts";
import type { Json } from "../../protocol.ts";
import { type Body, folded, output, prose } from "./body.ts";

const choices = (question: Json): TemplateResult => html`<p class="strong">${plain(str(question.question))}</p>
  <ul class="asked">${(Array.isArray(question.options) ? (question.options as Json[]) : []).map((option) => html`<li>${plain(str(option?.label))}${option?.description ? html` <span class="soft">${plain(str(option.description))}</span>` : nothing}</li>`)}</ul>`;

export const questionBody: Body = (context) => {
  const questions = context.item.input.questions;
  return html`${(Array.isArray(questions) ? (questions as Json[]) : []).filter((one) => typeof one === "object" && one !== null).map(choices)}
    ${context.result ? folded(context, "output", context.result.text) : nothing}`;
};

export const planBody: Body = (context) => {
  const plan = str(context.item.input.plan);
  return plan ? prose(plan) : output(context);
};
