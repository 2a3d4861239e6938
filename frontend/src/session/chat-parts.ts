// What is under the conversation besides the composer: tasks that run in the background; and what a session without one shows.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { BackgroundTask } from "../protocol.ts";

export const emptyView = (): TemplateResult => html`<div class="session-empty"><h2>${gettext("Tell the agent what to build")}</h2>
  <p class="lead soft">${gettext("It works on its own branch in its own sandbox. You see each step here, and it asks before it does anything that needs your word.")}</p></div>`;

export const loadingView = (): TemplateResult => html`<div class="turns"><p class="soft" role="status">${gettext("Loading the conversation…")}</p></div>`;

export function backgroundView(tasks: readonly BackgroundTask[]): TemplateResult | typeof nothing {
  if (!tasks.length) return nothing;
  return html`<details class="background"><summary>${icon("layers")}<span class="grow">${ngettext("{count} task runs in the background", "{count} tasks run in the background", tasks.length)}</span><span class="icon-turn">${icon("chevron")}</span></summary>
    <ul>${tasks.map((task) => html`<li><span class="cut" title=${task.description}>${plain(String(task.description || task.kind || task.id))}</span></li>`)}</ul></details>`;
}
