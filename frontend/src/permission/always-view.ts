// Exactly what would hold from now on, and where: what "always allow" is said of.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import type { Lasting } from "../session/suggestions.ts";

export type Scope = "session" | "project";

export interface Always { lasting: readonly Lasting[]; /** The places of those that are left out. */ left: ReadonlySet<string>; scope: Scope }

export function alwaysView({ lasting, left, scope }: Always, choose: (chosen: Partial<Omit<Always, "lasting">>) => void): TemplateResult {
  const toggle = (place: string) => (event: Event): void => {
    const others = [...left].filter((one) => one !== place);
    choose({ left: new Set((event.target as HTMLInputElement).checked ? others : [...others, place]) });
  };
  const one = (each: Lasting): TemplateResult =>
    lasting.length > 1 ? html`<label class="option"><input type="checkbox" .checked=${!left.has(each.place)} @change=${toggle(each.place)} />${lastingView(each)}</label>` : lastingView(each);
  const where = (name: Scope, word: string): TemplateResult =>
    html`<label class="option"><input type="radio" name="scope" .checked=${scope === name} @change=${() => choose({ scope: name })} /><span>${word}</span></label>`;
  return html`<div class="always"><h3>${gettext("From now on the agent may, without asking:")}</h3>
    <ul>${lasting.map((each) => html`<li>${one(each)}</li>`)}</ul>
    ${lasting.some((each) => each.rule) ? html`<fieldset class="scopes"><legend>${gettext("Where? It holds until you remove the rule.")}</legend>${where("session", gettext("In this session"))}${where("project", gettext("In this project, in all of its sessions"))}</fieldset>` : nothing}</div>`;
}

const lastingView = ({ rule, words, until }: Lasting): TemplateResult =>
  html`<span class="lasting"><b>${plain(words)}</b>${rule ? html`<code class="rule">${plain(rule)}</code>` : html`<span class="soft">${until}</span>`}</span>`;

/** What is allowed by pressing the button. */
export const alwaysWord = (kept: readonly Lasting[]): string =>
  kept.length > 1 ? gettext("Always allow these {n}", { n: kept.length }) : (kept[0]?.button ?? gettext("Always allow"));
