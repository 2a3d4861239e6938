// How the session stands when nothing runs: a sandbox that is gone or was stopped, and what the next message will do.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Conversation } from "./conversation.ts";

const LAST_ITEMS = 4;

/** Whether the conversation's last lines tell of a failure, which is not told twice. */
const isTold = ({ items }: Conversation): boolean =>
  items.slice(-LAST_ITEMS).some((item) => (item.type === "notice" && (item.level === "failed" || item.level === "exited" || item.level === "error")) || (item.type === "footer" && item.turn.isError));

/** That it was not stopped, since its work could not be saved, and the ways to stop it now. */
export function refusedNote(reason: string, acts: { again: () => void; force: () => void } | null): TemplateResult {
  return html`<div class="note warning" role="status">${icon("warning")}<div class="grow stack tight"><p>${plain(told(reason))}</p>
    ${acts ? html`<div class="row wrap"><button class="button" type="button" @click=${acts.again}>${gettext("Try again")}</button><button class="button quiet danger" type="button" @click=${acts.force}>${gettext("Stop without saving…")}</button></div>` : nothing}</div></div>`;
}

/** Most reasons, which the log keeps in English, end with the next step. */
const saysNextStep = (reason: string): boolean => /\bsend a message\b/i.test(reason);
/** What happens again if nothing is changed. */
const isShortOfMemory = (reason: string): boolean => /\bout of memory\b/.test(reason);

/** Where the environments' limits are. */
const limits = (organizationId: string): TemplateResult => html`<a class="link" href="/settings/environments/?organization=${organizationId}">${gettext("Give the environment more memory")}</a>`;

export function stateNote(conversation: Conversation, status: string, reason: string, organizationId: string): TemplateResult | typeof nothing {
  if (status === "ERROR" && isTold(conversation)) return nothing;
  if (status === "STOPPED") {
    const isShort = isShortOfMemory(reason);
    return html`<p class="note ${isShort ? "warning" : "is-stopped"}" role="status">${icon(isShort ? "warning" : "stop")}<span>${reason ? plain(told(reason)) : gettext("The sandbox is stopped.")} ${saysNextStep(reason) ? nothing : gettext("Your next message starts it again, with all files and the conversation as they were.")} ${gettext("Terminals and background processes have ended.")} ${isShort ? limits(organizationId) : nothing}</span></p>`;
  }
  if (status === "ERROR") {
    return html`<p class="note warning" role="status">${icon("warning")}<span>${reason ? plain(told(reason)) : gettext("The agent or its sandbox ended.")} ${saysNextStep(reason) ? nothing : gettext("Your next message starts the agent again, with the work that was kept.")}</span></p>`;
  }
  return nothing;
}
