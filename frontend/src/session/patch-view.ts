// Lines of a change, as a table that a screen reader can follow.

import { html, nothing, type TemplateResult } from "lit";
import { gettext } from "../i18n.ts";
import type { Patch } from "./tools.ts";

const NAMES = { "+": () => gettext("added"), "-": () => gettext("removed"), " ": () => "" };
const CLASSES = { "+": "line plus", "-": "line minus", " ": "line" };

const lineView = (line: Patch["lines"][number]): TemplateResult => html`<tr class=${CLASSES[line.kind]}>
  <td class="nr">${line.old ?? ""}</td><td class="nr">${line.new ?? ""}</td>
  <td class="sign">${line.kind === " " ? nothing : html`<span aria-hidden="true">${line.kind}</span><span class="unseen">${NAMES[line.kind]()}</span>`}</td>
  <td class="text"><code>${line.text}</code></td>
</tr>`;

export const patchView = (patches: readonly Patch[]): TemplateResult => html`<div class="patch" tabindex="0" role="region" aria-label=${gettext("Changed lines")}>
  <table>${patches.map((patch, index) => html`<tbody>
    ${patch.header || index > 0 ? html`<tr class="hunk"><td colspan="4"><code>${patch.header || "⋯"}</code></td></tr>` : nothing}
    ${patch.lines.map(lineView)}
  </tbody>`)}</table>
</div>`;
