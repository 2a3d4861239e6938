// What else happened: failures and what to do, notices, the conversation shortened, a new day.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { count, day, duration } from "../format.ts";
import { gettext, ngettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { CompactedItem, FooterItem, MovedItem, NoticeItem, RestoredItem, TextItem } from "./conversation.ts";
import { explained } from "./explained.ts";
import "./folded-text.ts";
import type { Folds } from "./folds.ts";

const foldedText = (item: NoticeItem | FooterItem, folds: Folds): TemplateResult =>
  html`<slw-folded-text .folds=${folds} .name=${`${item.key}:detail`} .version=${folds.version} .isTerminal=${true} .text=${item.detail}></slw-folded-text>`;

/** Unfolds, and stays so while the page is open. */
export const foldedView = (key: string, folds: Folds, names: string, summary: unknown, body: () => unknown, head = ""): TemplateResult => {
  const isOpen = folds.isOpen(key);
  return html`<details class=${names} .open=${isOpen} @toggle=${(event: Event) => { if (event.target === event.currentTarget) folds.set(key, (event.target as HTMLDetailsElement).open); }}>
    <summary class=${head}>${summary}</summary>${isOpen ? body() : nothing}</details>`;
};

const turned = html`<span class="icon-turn">${icon("chevron")}</span>`;

export function noticeView(item: NoticeItem, folds: Folds): TemplateResult {
  const level = item.level === "error" || item.level === "exited" ? "error" : item.level === "warning" ? "warning" : "";
  const text = item.level === "exited" ? gettext("The agent stopped unexpectedly ({how}). Send a message to go on.", { how: item.text }) : item.level === "raw" ? gettext("Output that is not understood") : told(item.text);
  const head = html`${icon(level ? "warning" : "info")}<span class="grow">${plain(text)}</span>`;
  if (!item.detail) return html`<p class="note ${level}">${head}</p>`;
  return foldedView(item.key, folds, "notice", html`${head}${turned}`, () => foldedText(item, folds), `note ${level}`);
}

/** Why a turn failed, and, while nothing came after it, the way to go on. */
export function failureView(item: NoticeItem, folds: Folds, buttons: unknown): TemplateResult {
  const advice = explained(item.text);
  return html`<div class="note error">${icon("warning")}<div class="grow stack tight"><p>${plain(item.text ? told(item.text) : gettext("The turn failed."))}</p>${advice ? html`<p class="soft">${advice}</p>` : nothing}
    ${item.detail ? foldedView(item.key, folds, "", gettext("Show what the agent said last"), () => foldedText(item, folds), "link folded-link") : nothing}
    ${buttons}
  </div></div>`;
}

/** Why a turn ended with an error, what to do, and the words of the one who refused. */
export function turnFailure(item: FooterItem, folds: Folds): TemplateResult {
  const { error } = item.turn;
  const advice = explained(error);
  return html`<div class="note error">${icon("warning")}<div class="grow stack tight"><div><p>${error ? plain(told(error)) : gettext("The turn ended with an error.")}</p>${advice ? html`<p class="soft">${advice}</p>` : nothing}</div>
    ${item.detail && item.detail !== error ? foldedView(item.key, folds, "", gettext("Show the answer of the model"), () => foldedText(item, folds), "link folded-link") : nothing}</div></div>`;
}

export function thinkingView(item: TextItem, folds: Folds): TemplateResult {
  const took = item.tookMs !== undefined && item.tookMs >= 1000 ? gettext("Thought for {time}", { time: duration(item.tookMs) }) : gettext("Thought");
  return foldedView(item.key, folds, "thinking", html`${icon("brain")} ${took}${turned}`, () => html`<div class="thought">${item.text}</div>`);
}

export function compactedView({ trigger, before, after }: CompactedItem): TemplateResult {
  const sizes = before && after ? gettext("{before} → {after} tokens", { before: count(before), after: count(after) }) : before ? gettext("{n} tokens before", { n: count(before) }) : "";
  return html`<p class="compacted soft">${icon("fold")}<span>${trigger === "manual" ? gettext("The conversation was shortened, as asked.") : gettext("The conversation was shortened to make room: the agent goes on with a summary.")} ${sizes}</span></p>`;
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
  if (item.error) return html`<p class="note error">${icon("warning")}<span>${gettext("The session was not moved to {environment}: it stays where it is.", { environment: item.to })} ${plain(told(item.error))}</span></p>`;
  const by = item.by || gettext("Someone");
  return html`<p class="restored soft">${icon("container")}<span>${gettext("{name} moved this session to {environment}. Files and conversation came along; terminals and background processes ended.", { name: by, environment: item.to })}</span></p>`;
}
