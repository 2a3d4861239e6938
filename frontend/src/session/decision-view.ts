// What was decided about a permission, as it stays in the conversation.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { str } from "../json.ts";
import type { Permission } from "../protocol.ts";
import type { Resolution } from "./conversation.ts";
import { toolLine } from "./tools.ts";

function words(permission: Permission, status: string): string {
  const isAllowed = status === "ALLOWED";
  if (status === "CANCELLED") return gettext("No longer needed");
  if (permission.kind === "PLAN") return isAllowed ? gettext("Plan approved") : gettext("Asked to keep planning");
  if (permission.kind === "QUESTION") return isAllowed ? gettext("Answered") : gettext("Question skipped");
  return isAllowed ? gettext("Allowed") : gettext("Denied");
}

/** What to say when a question that was shown here was answered by someone else, or in another tab. */
export function answeredElsewhere({ status, by, byId }: Resolution, userId: string): string {
  if (status === "CANCELLED" || !by) return gettext("The agent no longer waits for an answer.");
  if (byId === userId) return status === "ALLOWED" ? gettext("You allowed this in another tab.") : gettext("You denied this in another tab.");
  return status === "ALLOWED" ? gettext("{name} was first and allowed this.", { name: by }) : gettext("{name} was first and denied this.", { name: by });
}

export function decisionView(permission: Permission, resolution: Resolution | undefined): TemplateResult {
  const status = resolution?.status ?? "";
  const line = toolLine(permission.tool, permission.input);
  const isTool = permission.kind === "TOOL";
  const answers = Object.entries(resolution?.answers ?? {});
  const plan = permission.kind === "PLAN" ? str(permission.input.plan) : "";
  const head = html`${icon(status === "ALLOWED" ? "check" : "cross")}
    <span><b>${words(permission, status)}</b>${resolution?.by ? html` ${gettext("by {name}", { name: resolution.by })}` : nothing}${isTool ? html`: ${plain(line.verb)} <span class=${line.isProse ? "" : "mono"}>${plain(line.target.split("\n", 1)[0] ?? "")}</span>` : nothing}${answers.length ? html`: <span class="strong">${plain(answers.map(([, answer]) => str(answer)).join(", "))}</span>` : nothing}
    ${resolution?.rules.length ? html`<span class="reason">${gettext("From now on without asking:")} ${resolution.rules.map((rule) => html`<code class="rule">${plain(rule)}</code> `)}</span>` : nothing}
    ${resolution?.reason ? html`<span class="reason">“${plain(resolution.reason)}”</span>` : nothing}</span>`;
  const kept = plan ? html`<slw-markdown class="prose" .text=${plan}></slw-markdown>`
    : answers.length ? html`<dl class="answers">${answers.map(([question, answer]) => html`<dt>${plain(question)}</dt><dd class="strong">${plain(str(answer))}</dd>`)}</dl>` : null;
  if (!kept) return html`<div class="decision soft">${head}</div>`;
  return html`<details class="plan-kept"><summary class="decision soft">${head}<span class="plan-open">${plan ? gettext("Show the plan") : gettext("Show the question")}<span class="icon-turn">${icon("chevron")}</span></span></summary>
    <div class="plan-text">${kept}</div></details>`;
}
