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

/** That it was not stopped, since its work could not be saved, and the way to stop it all the same. */
export function refusedNote(reason: string, force: (() => void) | null): TemplateResult {
  return html`<div class="note warning" role="status">${icon("warning")}<div class="grow stack tight"><p>${plain(told(reason))}</p>
    ${force ? html`<div><button class="button" type="button" @click=${force}>${gettext("Stop without saving…")}</button></div>` : nothing}</div></div>`;
}

/** Most reasons, which the log keeps in English, end with the next step. */
const saysNextStep = (reason: string): boolean => /\bsend a message\b/i.test(reason);

export function stateNote(conversation: Conversation, status: string, reason: string): TemplateResult | typeof nothing {
  if (status === "ERROR" && isTold(conversation)) return nothing;
  if (status === "STOPPED") {
    return html`<p class="note" role="status">${icon("stop")}<span>${reason ? plain(told(reason)) : gettext("The sandbox is stopped.")} ${saysNextStep(reason) ? nothing : gettext("Your next message starts it again, with all files and the conversation as they were.")} ${gettext("Terminals and background processes have ended.")}</span></p>`;
  }
  if (status === "ERROR") {
    return html`<p class="note warning" role="status">${icon("warning")}<span>${reason ? plain(told(reason)) : gettext("The agent or its sandbox ended.")} ${saysNextStep(reason) ? nothing : gettext("Your next message starts the agent again, with the work that was kept.")}</span></p>`;
  }
  return nothing;
}
