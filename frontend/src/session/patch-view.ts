// Lines of a change, as a table that a screen reader can follow.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import type { Patch } from "./tools.ts";

const NAMES = { "+": () => gettext("added"), "-": () => gettext("removed"), " ": () => "" };
const CLASSES = { "+": "line plus", "-": "line minus", " ": "line" };

interface Columns { old: boolean; new: boolean }

const lineView = (line: Patch["lines"][number], columns: Columns): TemplateResult => html`<tr class=${CLASSES[line.kind]}>
  ${columns.old ? html`<td class="nr">${line.old ?? ""}</td>` : nothing}${columns.new ? html`<td class="nr">${line.new ?? ""}</td>` : nothing}
  <td class="sign">${line.kind === " " ? nothing : html`<span aria-hidden="true">${line.kind}</span><span class="unseen">${NAMES[line.kind]()}</span>`}</td>
  <td class="text"><code>${plain(line.text)}</code></td>
</tr>`;

/** Number columns that would be empty are left out. */
export function patchView(patches: readonly Patch[]): TemplateResult {
  const lines = patches.flatMap((patch) => patch.lines);
  const columns = { old: lines.some((line) => line.old !== null), new: lines.some((line) => line.new !== null) };
  return html`<div class="patch" tabindex="0" role="region" aria-label=${gettext("Changed lines")}>
    <table>${patches.map((patch, index) => html`<tbody>
      ${patch.header || index > 0 ? html`<tr class="hunk"><td colspan="4"><code>${patch.header || "⋯"}</code></td></tr>` : nothing}
      ${patch.lines.map((line) => lineView(line, columns))}
    </tbody>`)}</table>
  </div>`;
}
