// What is under the conversation besides the composer: tasks that run in the background; and what a session without one shows.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { str } from "../json.ts";
import type { BackgroundTask } from "../protocol.ts";

const examples = (): string[] => [
  gettext("Explain how this project is built, and what I should know before I change it."),
  gettext("Run the tests, find out why one fails, and fix it."),
  gettext("Add a test for the part that is tested least."),
];

/** What a session is for, and first words for it; a click puts them into the composer. */
export function emptyView(canWrite = false): TemplateResult {
  const take = (event: Event, text: string): void => void event.currentTarget?.dispatchEvent(new CustomEvent("slw-return", { detail: { text, attachments: [], reason: "" }, bubbles: true }));
  return html`<div class="session-empty"><h2>${gettext("Tell the agent what to build")}</h2>
    <p class="lead soft">${gettext("The agent works on its own branch in its own sandbox. You see each step here, and it asks before it does anything risky.")}</p>
    ${canWrite ? html`<ul class="examples" aria-label=${gettext("Examples")}>${examples().map((text) => html`<li><button class="example" type="button" @click=${(event: Event) => take(event, text)}>${text}</button></li>`)}</ul>` : nothing}</div>`;
}

/** As wide and as spaced as what comes in its place. */
export const loadingView = (): TemplateResult => html`<div class="turns is-loading"><span class="unseen" role="status">${gettext("Loading the conversation…")}</span>
  ${["block", "short", "", "medium", "short", "block", "", "", "medium"].map((size) => html`<div class="entry"><div class="skeleton ${size}"></div></div>`)}</div>`;

export function backgroundView(tasks: readonly BackgroundTask[]): TemplateResult | typeof nothing {
  if (!tasks.length) return nothing;
  return html`<details class="background"><summary>${icon("layers")}<span class="grow">${ngettext("{count} background task running", "{count} background tasks running", tasks.length)}</span><span class="icon-turn">${icon("chevron")}</span></summary>
    <ul>${tasks.map((task) => html`<li><span class="cut" title=${task.description}>${plain(str(task.description) || str(task.kind) || str(task.id))}</span></li>`)}</ul></details>`;
}
