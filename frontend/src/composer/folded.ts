// Long text that was pasted: folded to one line, so that the message stays readable, and sent in full.

import { html, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";

const linesOf = (text: string): number => text.replace(/\n$/, "").split("\n").length;
const firstLine = (text: string): string => text.trimStart().split("\n", 1)[0]?.slice(0, 120) ?? "";

interface Offered { folded: readonly string[]; unfold: (index: number) => void; remove: (index: number) => void }

export function foldedView({ folded, unfold, remove }: Offered): TemplateResult {
  return html`<ul class="folded" aria-label=${gettext("Pasted text")}>${folded.map((text, index) => html`<li class="folded-text">
    ${icon("clipboard")}<span class="grow"><span class="folded-first cut mono">${plain(firstLine(text))}</span><span class="soft">${ngettext("Pasted: {count} line, sent in full", "Pasted: {count} lines, sent in full", linesOf(text))}</span></span>
    <button class="button quiet" type="button" title=${gettext("Put it into the message, to change it")} @click=${() => unfold(index)}>${gettext("Unfold")}</button>
    <button class="button quiet square" type="button" aria-label=${gettext("Remove pasted text {n}", { n: index + 1 })} title=${gettext("Remove")} @click=${() => remove(index)}>${icon("cross")}</button></li>`)}</ul>`;
}
