// What unfolds below a tool's line: what all kinds share.

import { html, nothing, type TemplateResult } from "lit";
import { gettext, ngettext } from "../../i18n.ts";
import "../../markdown.ts";
import type { ToolItem, ToolResult } from "../conversation.ts";
import "../folded-text.ts";
import type { Folds } from "../folds.ts";
import { type PatchOptions, patchView } from "../patch-view.ts";
import { readable } from "../tools.ts";
import type { Patch } from "./patch.ts";

export interface ToolContext {
  item: ToolItem;
  result: ToolResult | null;
  folds: Folds;
  /** Shows the body again: colours have come. */
  again: () => void;
}

export type Body = (context: ToolContext) => unknown;

export const folded = ({ item, folds }: ToolContext, part: string, text: string, more: { lines?: number; cut?: boolean; isTerminal?: boolean } = {}): TemplateResult =>
  html`<slw-folded-text .folds=${folds} .name=${`${item.key}:${part}`} .text=${text} .lines=${more.lines ?? 20} ?cut=${more.cut ?? false} .isTerminal=${more.isTerminal ?? false} .version=${folds.version}></slw-folded-text>`;

export const prose = (text: string): TemplateResult => html`<slw-markdown class="prose" .text=${text}></slw-markdown>`;

const SOME_LINES = 60;

/** Lines of a file or a change; many are folded. */
export function linesView({ item, folds, again }: ToolContext, patches: readonly Patch[], options: PatchOptions & { some?: number } = {}): TemplateResult {
  const count = patches.reduce((sum, patch) => sum + patch.lines.length, 0);
  const some = options.some ?? SOME_LINES;
  const key = `${item.key}:lines`;
  const limit = count > some * 1.2 ? folds.size(key, some) : count;
  return html`${patchView(patches, { ...options, limit, ready: again })}
    ${count > some * 1.2 ? html`<p class="fold-row"><button class="fold" type="button" aria-expanded=${limit >= count} @click=${() => folds.resize(key, limit >= count ? some : Math.min(count, limit + 2000))}>
      ${limit >= count ? gettext("Show less") : limit + 2000 >= count ? gettext("Show all {n} lines", { n: count }) : ngettext("Show {count} more line", "Show {count} more lines", 2000)}</button></p>` : nothing}`;
}

/** What a call answered, as plain output. */
export function output(context: ToolContext, more: { isTerminal?: boolean } = {}): unknown {
  const { result } = context;
  if (!result) return nothing;
  const text = readable(result.text);
  if (result.isError) return failure(context);
  if (!text.trim()) return result.images.length ? nothing : html`<p class="soft">${gettext("No output.")}</p>`;
  return folded(context, "output", text, { cut: result.isTruncated, ...more });
}

/** What went wrong, as the tool told it. */
export function failure(context: ToolContext): unknown {
  if (context.result?.isInterrupted) return html`<p class="soft">${gettext("It was stopped when the turn was interrupted. Part of it may have been done.")}</p>`;
  const text = readable(context.result?.text ?? "").replace(/^<tool_use_error>|<\/tool_use_error>$/g, "");
  return html`<div class="tool-failure"><p>${gettext("This did not work. The agent sees the message, too, and may try another way.")}</p>
    ${text ? folded(context, "output", text, { cut: context.result?.isTruncated ?? false, isTerminal: true }) : nothing}</div>`;
}
