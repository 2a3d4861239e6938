// Lines of a change or of a file, as a table that a screen reader can follow.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { colouredLines, type Segment } from "../highlight.ts";
import { gettext } from "../i18n.ts";
import type { Patch, PatchLine } from "./tools/patch.ts";

const NAMES = { "+": () => gettext("added"), "-": () => gettext("removed"), " ": () => "" };
const CLASSES = { "+": "line plus", "-": "line minus", " ": "line" };

interface Columns { old: boolean; new: boolean; signs: boolean }

export interface PatchOptions {
  /** What the file is written in. */
  language?: string;
  /** Called when colours have come, to show the lines again. */
  ready?: () => void;
  /** How many lines are shown at most. */
  limit?: number;
  label?: string;
}

type Colours = Pick<ReadonlyMap<PatchLine, readonly Segment[]>, "get" | "has">;
const NO_COLOURS: Colours = new Map();

/** What was coloured before, as long as it is shown. */
const kept = new WeakMap<PatchLine, readonly Segment[]>();

/** Both sides are coloured as wholes, since strings and comments go over lines. */
function coloursOf(patches: readonly Patch[], { language, ready }: PatchOptions): Colours {
  if (!language) return NO_COLOURS;
  for (const { lines } of patches) {
    for (const left of ["-", "+"] as const) {
      const side = lines.filter((line) => line.kind !== left);
      if (side.every((line) => kept.has(line))) continue;
      const coloured = colouredLines(side.map((line) => line.text).join("\n"), language, ready ?? (() => {}));
      if (coloured) side.forEach((line, index) => kept.set(line, coloured[index] ?? []));
    }
  }
  return kept;
}

export const segmentsView = (segments: readonly Segment[]): unknown =>
  segments.map(({ text, name }) => (name ? html`<span class=${name}>${plain(text)}</span>` : plain(text)));

const lineView = (line: PatchLine, columns: Columns, colours: Colours): TemplateResult => html`<tr class=${CLASSES[line.kind]}>
  ${columns.old ? html`<td class="nr">${line.old ?? ""}</td>` : nothing}${columns.new ? html`<td class="nr">${line.new ?? ""}</td>` : nothing}
  ${columns.signs ? html`<td class="sign">${line.kind === " " ? nothing : html`<span aria-hidden="true">${line.kind}</span><span class="unseen">${NAMES[line.kind]()}</span>`}</td>` : nothing}
  <td class="text"><code>${colours.has(line) ? segmentsView(colours.get(line) ?? []) : plain(line.text)}</code></td>
</tr>`;

/** The first lines, in their hunks. */
function first(patches: readonly Patch[], limit: number): Patch[] {
  const kept: Patch[] = [];
  let left = limit;
  for (const { header, lines } of patches) {
    if (left <= 0) break;
    kept.push({ header, lines: lines.slice(0, left) });
    left -= lines.length;
  }
  return kept;
}

/** Columns that would be empty are left out. */
export function patchView(patches: readonly Patch[], options: PatchOptions = {}): TemplateResult {
  const shown = options.limit === undefined ? patches : first(patches, options.limit);
  const lines = shown.flatMap((patch) => patch.lines);
  const columns = { old: lines.some((line) => line.old !== null), new: lines.some((line) => line.new !== null), signs: lines.some((line) => line.kind !== " ") };
  const colours = coloursOf(shown, options);
  return html`<div class="patch" tabindex="0" role="group" aria-label=${options.label ?? gettext("Changed lines")}>
    <table>${shown.map((patch, index) => html`<tbody>
      ${patch.header || index > 0 ? html`<tr class="hunk"><td colspan="4"><code>${patch.header ? plain(patch.header) : "⋯"}</code></td></tr>` : nothing}
      ${patch.lines.map((line) => lineView(line, columns, colours))}
    </tbody>`)}</table>
  </div>`;
}
