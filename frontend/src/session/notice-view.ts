// What else happened: failures and what to do, notices, the conversation shortened, a new day.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { count, day, duration } from "../format.ts";
import { gettext, ngettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { CompactedItem, FooterItem, MovedItem, NoticeItem, RestoredItem, RetriedItem, TextItem } from "./conversation.ts";
import { explained, isTooLong, titled } from "./explained.ts";
import "./folded-text.ts";
import type { Folds } from "./folds.ts";

const foldedText = ({ key }: { key: string }, folds: Folds, text: string): TemplateResult =>
  html`<slw-folded-text .folds=${folds} .name=${`${key}:detail`} .version=${folds.version} .isTerminal=${true} .text=${text}></slw-folded-text>`;

/** Unfolds, and stays so while the page is open. */
export const foldedView = (key: string, folds: Folds, names: string, summary: unknown, body: () => unknown, head = ""): TemplateResult => {
  const isOpen = folds.isOpen(key);
  return html`<details class=${names} .open=${isOpen} @toggle=${(event: Event) => { if (event.target === event.currentTarget) folds.set(key, (event.target as HTMLDetailsElement).open); }}>
    <summary class=${head}>${summary}</summary>${isOpen ? body() : nothing}</details>`;
};

export const turned = html`<span class="icon-turn">${icon("chevron")}</span>`;

export function noticeView(item: NoticeItem, folds: Folds): TemplateResult {
  const level = item.level === "error" || item.level === "exited" ? "error" : item.level === "warning" ? "warning" : "";
  const text = item.level === "exited" ? gettext("The agent stopped unexpectedly ({how}). Send a message to continue.", { how: item.text }) : item.level === "raw" ? gettext("Output that is not understood") : told(item.text);
  const head = html`${icon(level ? "warning" : "info")}<span class="grow">${plain(text)}</span>`;
  if (!item.detail) return html`<p class="note ${level}">${head}</p>`;
  return foldedView(item.key, folds, "notice", html`${head}${turned}`, () => foldedText(item, folds, item.detail), `note ${level}`);
}

/** Why a turn failed, and, while nothing came after it, the way to go on: then it need not be said how. */
export function failureView(item: NoticeItem, folds: Folds, buttons: unknown): TemplateResult {
  const text = buttons === nothing ? item.text : item.text.replace(/ Send a message to (?:go on|continue)\./, "");
  return failureNote(told(text) || gettext("The turn failed."), html`${item.detail ? said(item, folds, gettext("Show what the agent said last"), item.detail) : nothing}${buttons}`);
}

/** Why a turn ended with an error, what to do, and the words of the one who refused. */
export function turnFailure(item: FooterItem, folds: Folds, buttons: (isTooLong: boolean) => unknown): TemplateResult {
  const { error } = item.turn;
  const text = explained(error) || gettext("The turn ended with an error.");
  const answer = item.detail || (text === told(error) ? "" : error);
  return failureNote(text, html`${answer && answer !== text ? said(item, folds, gettext("Show the model's answer"), answer) : nothing}${buttons(isTooLong(error))}`);
}

function failureNote(text: string, more: unknown): TemplateResult {
  const [title, rest] = titled(text);
  return html`<div class="note error">${icon("warning")}<div class="grow stack tight"><div><p><strong>${plain(title)}</strong></p>${rest ? html`<p>${plain(rest)}</p>` : nothing}</div>${more}</div></div>`;
}

const said = (item: NoticeItem | FooterItem, folds: Folds, summary: string, text: string): TemplateResult =>
  foldedView(item.key, folds, "", summary, () => foldedText(item, folds, text), "link folded-link");

/** That the model had to be asked again, once that is over. */
export function retriedView({ key, text, details }: RetriedItem, folds: Folds): TemplateResult {
  const cause = told(titled(text)[0] + ".").replace(/[.。]$/, "");
  const words = ngettext("Retried {count} time: {cause}", "Retried {count} times: {cause}", details.length, { cause: cause.charAt(0).toLowerCase() + cause.slice(1) });
  return foldedView(key, folds, "thinking", html`${icon("refresh")}<span>${words}</span>${turned}`, () => foldedText({ key }, folds, details.join("\n")));
}

export function thinkingView(item: TextItem, folds: Folds): TemplateResult {
  const took = item.tookMs !== undefined && item.tookMs >= 1000 ? gettext("Thought for {time}", { time: duration(item.tookMs) }) : gettext("Thought");
  return foldedView(item.key, folds, "thinking", html`${icon("brain")} ${took}${turned}`, () => html`<div class="thought">${item.text}</div>`);
}

export function compactedView({ trigger, before, after }: CompactedItem): TemplateResult {
  const sizes = before && after ? gettext("{before} → {after} tokens", { before: count(before), after: count(after) }) : before ? gettext("{n} tokens before", { n: count(before) }) : "";
  const why = trigger === "manual" ? gettext("As asked: the agent goes on with a summary of what was said before.") : gettext("To make room: the agent goes on with a summary of what was said before.");
  return html`<p class="compacted soft" title=${why}>${icon("fold")}<span>${sizes ? gettext("Conversation compacted, {sizes}", { sizes }) : gettext("Conversation compacted")}</span></p>`;
}

export const begunView = (): TemplateResult => html`<p class="begun soft">${icon("bot")}<span>${gettext("The agent went on by itself: a background task ended.")}</span></p>`;

export const dayView = (at: string): TemplateResult => html`<p class="day soft"><time datetime=${at}>${day(at)}</time></p>`;

/** That the files went back, and the way to take it back. */
export function restoredView(item: RestoredItem, undo: (() => void) | null): TemplateResult {
  if (item.error) return html`<p class="note error">${icon("warning")}<span>${gettext("The files could not be restored, and are as they were.")} ${plain(told(item.error))}</span></p>`;
  const by = item.by || gettext("Someone");
  return html`<p class="restored soft">${icon("undo")}<span>${ngettext("{name} restored {count} file to an earlier state.", "{name} restored {count} files to an earlier state.", item.filesChanged, { name: by })}</span>
    ${undo ? html`<button class="link" type="button" @click=${undo}>${gettext("Undo")}</button>` : nothing}</p>`;
}

/** That the session goes on elsewhere, and what did not come along. */
export function movedView(item: MovedItem): TemplateResult {
  if (item.error) return html`<p class="note error">${icon("warning")}<span>${plain(gettext("Could not move the session to {environment}: {why} It stays on {place}.", { environment: item.to, why: told(item.error), place: item.from }))}</span></p>`;
  const by = item.by || gettext("Someone");
  return html`<p class="restored soft">${icon("container")}<span>${gettext("{name} moved this session to {environment}. Files and conversation came along; terminals and background processes ended.", { name: by, environment: item.to })}</span></p>`;
}
