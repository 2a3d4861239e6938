// The agent's list of tasks, with what is done, what is at work and what is still to come.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../../elements/base.ts";
import { gettext } from "../../i18n.ts";
import { icon } from "../../icons.ts";
import { type Todo, todosOf } from "../tools.ts";
import { type Body, failure } from "./body.ts";
import { jsonBody } from "./other.ts";

const WORDS: Record<Todo["state"], () => string> = { completed: () => gettext("done"), in_progress: () => gettext("at work"), pending: () => gettext("to do") };

const todoView = ({ text, state }: Todo): TemplateResult =>
  html`<li class="todo is-${state}">${state === "completed" ? icon("check") : html`<span class="todo-mark" aria-hidden="true"></span>`}<span class="unseen">${WORDS[state]()}:</span><span>${plain(text)}</span></li>`;

export const tasksBody: Body = (context) => {
  const todos = todosOf(context.item.input);
  if (!todos.length) return jsonBody(context);
  const done = todos.filter((todo) => todo.state === "completed").length;
  return html`<progress class="progress" max=${todos.length} value=${done} aria-label=${gettext("{done} of {all} done", { done, all: todos.length })}></progress>
    <ul class="todos">${todos.map(todoView)}</ul>${context.result?.isError ? failure(context) : nothing}`;
};
