// The end of a turn: what it took and changed, and what can be done with it.

import { html, nothing, type TemplateResult } from "lit";
import { count, duration, exactTime, money, number } from "../format.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon, type IconName } from "../icons.ts";
import type { Conversation, FooterItem } from "./conversation.ts";
import type { Folds } from "./folds.ts";
import { turnFailure } from "./notice-view.ts";

export interface TurnActions {
  /** What can be done about a failure. */
  wayOut: (isTooLong: boolean) => unknown;
  copy: () => void;
  copyLink: () => void;
  /** Unfolds all of the turn, or folds it again. */
  toggleAll: () => void;
  isUnfolded: boolean;
  /** Null where there is nothing to restore, or nobody who may. */
  restore: (() => void) | null;
}

export const actionButton = (name: IconName, label: string, run: () => void): TemplateResult =>
  html`<button class="row-action" type="button" aria-label=${label} title=${label} @click=${run}>${icon(name)}</button>`;

export function footerView(item: FooterItem, conversation: Conversation, folds: Folds, actions: TurnActions): TemplateResult {
  const { turn, jobId, at } = item;
  const files = jobId ? conversation.filesChanged.get(jobId) : undefined;
  return html`${turn.isError && !turn.isTold ? turnFailure(item, folds, actions.wayOut) : nothing}
    <footer class="turn-footer soft"><span class="turn-facts" title=${exactTime(at)}>
      <span>${duration(turn.durationMs)}</span>
      <span title=${gettext("{in} tokens in, {out} tokens out", { in: number(turn.inputTokens), out: number(turn.outputTokens) })}>${gettext("{n} tokens", { n: count(turn.inputTokens + turn.outputTokens) })}</span>
      ${turn.costUsd ? html`<span>${money(turn.costUsd)}</span>` : nothing}
      ${!files ? nothing : html`<span>${ngettext("{count} file changed", "{count} files changed", files)}</span>`}</span>
      <span class="row-actions">
        ${actions.restore ? html`<button class="row-action is-wide" type="button" @click=${actions.restore}>${icon("undo")}<span>${gettext("Restore to here")}</span></button>` : nothing}
        ${actionButton(actions.isUnfolded ? "fold" : "unfold", actions.isUnfolded ? gettext("Fold all of this turn") : gettext("Unfold all of this turn"), actions.toggleAll)}
        ${actionButton("copy", gettext("Copy this turn as Markdown"), actions.copy)}
        ${actionButton("link", gettext("Copy a link to this turn"), actions.copyLink)}
      </span>
    </footer>`;
}
