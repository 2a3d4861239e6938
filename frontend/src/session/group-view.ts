// Many reads or searches in a row, told in one line.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { str } from "../json.ts";
import type { Conversation } from "./conversation.ts";
import type { Folds } from "./folds.ts";
import type { GroupRow } from "./rows.ts";
import { sinceView } from "./since.ts";
import { shortPath, toolLine } from "./tools.ts";
import { startOf, toolView } from "./tool-view.ts";

const ICONS = { read: "fileText", search: "search", look: "terminal" } as const;

function words({ kind, items }: GroupRow): string {
  if (kind === "search") return ngettext("Searched {count} time", "Searched {count} times", items.length);
  if (kind === "look") return ngettext("Looked around with {count} command", "Looked around with {count} commands", items.length);
  const files = new Set(items.map((item) => str(item.input.file_path) || str(item.input.notebook_path)));
  return ngettext("Read {count} file", "Read {count} files", files.size);
}

/** The names of the last few files, or what was looked for. */
const some = ({ kind, items }: GroupRow): string => {
  const names = items.map((item) => (kind === "read" ? shortPath(str(item.input.file_path) || str(item.input.notebook_path)).split("/").at(-1) : toolLine(item.name, item.input).target.split(" · ")[0]) ?? "");
  return [...new Set(names.filter(Boolean))].slice(kind === "look" ? -3 : -6).reverse().join(", ");
};

export function groupView(row: GroupRow, state: Conversation, folds: Folds): TemplateResult {
  const isOpen = folds.isOpen(row.key);
  const failed = row.items.filter((item) => state.results.get(item.callId)?.isError).length;
  const open = row.items.find((item) => !state.results.has(item.callId) && !state.unfinished.has(item.callId));
  const toggled = (event: Event): void => { if (event.target === event.currentTarget) folds.set(row.key, (event.target as HTMLDetailsElement).open); };
  return html`<details class="tool tool-group" .open=${isOpen} @toggle=${toggled}>
    <summary>${icon(ICONS[row.kind])}<span class="verb">${words(row)}</span><span class="target cut soft mono">${plain(some(row))}</span>
      <span class="outcome">${failed ? html`<span class="removed">${ngettext("{count} failed", "{count} failed", failed)}</span>` : nothing}
        ${open ? html`<span class="status running">${gettext("running")} ${sinceView(startOf(open))}</span>` : failed ? nothing : html`<span class="ok">${icon("check")}<span class="unseen">${gettext("ok")}</span></span>`}</span>
      <span class="icon-turn">${icon("chevron")}</span></summary>
    ${isOpen ? html`<div class="tool-run">${row.items.map((item) => toolView(item, state, folds))}</div>` : nothing}
  </details>`;
}
