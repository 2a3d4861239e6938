// The menu over the message field, while something is typed that it can finish: what it offers and how it looks.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { icon, type IconName } from "../icons.ts";
import { marked } from "../fuzzy.ts";

export interface Option {
  /** What is read, with the places of the letters that were found in it. */
  title: string;
  at: readonly number[];
  hint?: string;
  detail?: string;
  group?: string;
  icon?: IconName;
  /** What stands in the field once it is chosen; more of it may follow, as of a folder. */
  insert: string;
  isWhole: boolean;
}

export const MENU_ID = "composer-menu";
export const optionId = (index: number): string => `${MENU_ID}-${index}`;

interface Offer { label: string; options: readonly Option[]; chosen: number; foot?: string; choose: (index: number) => void }

export function menuView({ label, options, chosen, foot, choose }: Offer): TemplateResult {
  return html`<div class="completion"><div class="completion-list" id=${MENU_ID} role="listbox" tabindex="-1" aria-label=${label}>
    ${grouped(options).map(({ group, items }) => (group
      ? html`<div role="group" aria-label=${group}><div class="completion-group" aria-hidden="true">${group}</div>${items.map(([option, index]) => optionView(option, index, index === chosen, choose))}</div>`
      : items.map(([option, index]) => optionView(option, index, index === chosen, choose))))}
  </div>${foot ? html`<p class="completion-foot soft">${foot}</p>` : nothing}</div>`;
}

type Numbered = [Option, number];

/** Neighbours of the same group together. */
function grouped(options: readonly Option[]): { group: string; items: Numbered[] }[] {
  const groups: { group: string; items: Numbered[] }[] = [];
  options.forEach((option, index) => {
    const group = option.group ?? "";
    const last = groups.at(-1);
    if (last?.group === group) last.items.push([option, index]);
    else groups.push({ group, items: [[option, index]] });
  });
  return groups;
}

export const highlighted = (text: string, at: readonly number[]): unknown => marked(text, at).map((run) => (run.isMatched ? html`<b class="letters-found">${plain(run.text)}</b>` : plain(run.text)));

function optionView(option: Option, index: number, isChosen: boolean, choose: (index: number) => void): TemplateResult {
  const press = (event: Event): void => event.preventDefault(); // the field keeps the focus
  return html`<div id=${optionId(index)} role="option" tabindex="-1" aria-selected=${isChosen} class="completion-option ${isChosen ? "is-chosen" : ""}" @pointerdown=${press} @mousedown=${press} @click=${() => choose(index)}>
    ${option.icon ? icon(option.icon) : nothing}<span class="completion-name"><span class="mono completion-title">${highlighted(option.title, option.at)}</span>${option.hint ? html`<span class="mono soft cut">${plain(option.hint)}</span>` : nothing}</span>
    ${option.detail ? html`<span class="soft cut completion-detail">${plain(option.detail)}</span>` : nothing}</div>`;
}
