// Messages of people: sent, waiting, on their way, or taken back.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { ago, exactTime } from "../format.ts";
import { gettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { JobState, UserItem } from "./conversation.ts";
import type { Folds } from "./folds.ts";
import type { Unsent } from "./outbox.ts";
import { attachmentsView } from "./pictures.ts";

/** Relative, and exact on hover; `main.ts` keeps it up to date, so that its text is none of the template's. Phones have little room. */
export function timeView(at: string): TemplateResult {
  const isShort = matchMedia("(max-width: 760px)").matches;
  return html`<time class="soft" data-ago=${isShort ? "short" : ""} datetime=${at} title=${exactTime(at)} .textContent=${ago(at, Date.now(), isShort)}></time>`;
}

export function messageView(sessionId: string, item: UserItem, job: JobState | undefined, folds: Folds, actions: unknown): TemplateResult {
  if (item.isWithdrawn) return withdrawnView(item, job?.message ?? "");
  const status = job?.status ?? "";
  const word = { PENDING: gettext("Queued"), CANCELLED: gettext("Cancelled"), FAILED: gettext("Failed") }[status];
  return html`<div class="user-message">
    <header><span class="message-facts"><b>${item.author ? plain(item.author) : gettext("Someone")}</b>${timeView(item.at)}${item.isEdited ? html`<span class="soft">${gettext("edited")}</span>` : nothing}${word ? html`<span class="badge ${status === "FAILED" ? "failed" : ""}">${word}</span>` : nothing}</span>${actions}</header>
    ${saidView(item.key, item.text, folds)}${attachmentsView(sessionId, item.attachments)}
  </div>`;
}

const MOST_LINES = 16;
const MOST_CHARACTERS = 1600;

/** A long message shows its beginning. */
function saidView(key: string, text: string, folds: Folds): TemplateResult {
  const lines = text.split("\n");
  const isLong = lines.length > MOST_LINES * 1.25 || text.length > MOST_CHARACTERS * 1.25;
  const isOpen = folds.isOpen(key);
  const shown = isLong && !isOpen ? `${lines.slice(0, MOST_LINES).join("\n").slice(0, MOST_CHARACTERS)}…` : text;
  return html`<div class="said">${shown}</div>${isLong ? html`<button class="fold" type="button" aria-expanded=${isOpen} @click=${() => folds.set(key, !isOpen)}>${isOpen ? gettext("Show less") : gettext("Show the whole message")}</button>` : nothing}`;
}

/** A message that was taken out of the queue: told in a line, its text kept below. */
const withdrawnView = (item: UserItem, how: string): TemplateResult =>
  html`<details class="withdrawn soft"><summary>${icon("cross")}<span class="grow">${how ? plain(told(how)) : gettext("A message was removed before the agent had it.")}</span><span class="icon-turn">${icon("chevron")}</span></summary><div class="said">${item.text}</div></details>`;

export function unsentView(sessionId: string, message: Unsent, retry: () => void, discard: () => void): TemplateResult {
  return html`<div class="user-message unsent">
    <header><b>${gettext("You")}</b><span class="badge">${!message.error ? gettext("Sending…") : message.isDelayed ? gettext("Not sent yet") : gettext("Not sent")}</span></header>
    <div class="said">${message.text}</div>${attachmentsView(sessionId, message.attachments)}
    ${message.error ? html`<div class="note ${message.isDelayed ? "" : "error"}">${icon(message.isDelayed ? "info" : "warning")}<div class="grow stack tight"><p>${message.isDelayed ? gettext("The server cannot be reached. This is sent by itself when it can.") : message.error}</p>
      <p class="row wrap"><button class="link" type="button" @click=${retry}>${gettext("Try again")}</button><button class="link" type="button" @click=${discard}>${gettext("Back to the draft")}</button></p></div></div>` : nothing}
  </div>`;
}
