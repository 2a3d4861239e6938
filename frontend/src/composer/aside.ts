// What was written in this session in other tabs, too: kept aside until somebody adds it here or discards it.

import { html, type TemplateResult } from "lit";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Draft } from "./drafts.ts";
import { wholeText } from "./size.ts";

export const asideView = (aside: readonly Draft[], take: (index: number, isWanted: boolean) => void): TemplateResult[] => aside.map((draft, index) => {
  const text = wholeText(draft.text, draft.folded);
  return html`<p class="note" role="status">${icon("info")}<span class="grow cut" title=${text.slice(0, 1000)}>${gettext("Also written, in another tab: “{text}”", { text: text.slice(0, 80) })}</span>
    <button class="button quiet" type="button" @click=${() => take(index, true)}>${gettext("Add it here")}</button>
    <button class="button quiet square" type="button" aria-label=${gettext("Discard it")} title=${gettext("Discard it")} @click=${() => take(index, false)}>${icon("cross")}</button></p>`;
});
