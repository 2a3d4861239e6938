// Getting ready for a turn: the engine's steps until the agent has the message, where they take a moment, and the way to call it off.

import { html, nothing, type TemplateResult } from "lit";
import { gettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { JobState } from "./conversation.ts";
import { sinceView } from "./since.ts";

const STEPS = ["Starting the sandbox", "Preparing the working tree", "Starting the agent"];

/** Whether this turn is at one of them. */
export const isStarting = (job: JobState | undefined): boolean => job !== undefined && STEPS.includes(job.message);

export function startingView(job: JobState, cancel: (() => void) | null): TemplateResult {
  const at = STEPS.indexOf(job.message);
  return html`<div class="start-steps"><p class="unseen" role="status">${told(job.message)}…</p>
    <ol>${STEPS.map((step, index) => html`<li class=${index < at ? "is-done" : ""} aria-current=${index === at ? "step" : nothing}>
      ${index < at ? icon("check") : html`<span class=${index === at ? "pulse" : "dot"} aria-hidden="true"></span>`}<span>${told(step)}</span>${index === at ? sinceView(job.at) : nothing}</li>`)}</ol>
    ${cancel ? html`<button class="button" type="button" @click=${cancel}>${gettext("Cancel")}</button>` : nothing}</div>`;
}
