// The agent's slash commands while one is being typed: which ones fit, which one is chosen, and how the list looks.

import { html, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import type { Command } from "../protocol.ts";

export const MENU_ID = "slash-commands";
const MOST_SHOWN = 50;
const TYPED = /^\/([^\s/]*)$/;

const nameOf = (command: Command): string => command.name.replace(/^\//, "");

/** What the agent's program keeps for itself, or names only to say that it is gone. */
const isForPeople = (command: Command): boolean => typeof command?.name === "string" && !nameOf(command).startsWith("_") && !command.description?.startsWith("(removed)");

/** The commands that go on from what was typed: those that begin with it before those that contain it. */
export function fitting(commands: readonly Command[], text: string): Command[] {
  const typed = TYPED.exec(text)?.[1]?.toLowerCase();
  if (typed === undefined) return [];
  const rank = (command: Command): number => nameOf(command).toLowerCase().indexOf(typed);
  const found = commands.filter((command) => isForPeople(command) && rank(command) >= 0);
  return found.sort((a, b) => Math.sign(rank(a)) - Math.sign(rank(b)) || nameOf(a).localeCompare(nameOf(b))).slice(0, MOST_SHOWN);
}

/** What stands in the field once a command is chosen. */
export const written = (command: Command): string => `/${nameOf(command)} `;

export const isWhole = (command: Command, text: string): boolean => text.trim() === `/${nameOf(command)}`;

export const optionId = (index: number): string => `${MENU_ID}-${index}`;

export function menuView(commands: readonly Command[], chosen: number, choose: (index: number) => void): TemplateResult {
  return html`<ul class="slash-menu" id=${MENU_ID} role="listbox" aria-label=${gettext("Commands of the agent")}>
    ${commands.map((command, index) => html`<li id=${optionId(index)} role="option" aria-selected=${index === chosen} class=${index === chosen ? "is-chosen" : ""}
      @pointerdown=${(event: Event) => { event.preventDefault(); choose(index); }}>
      <span class="mono strong">/${plain(nameOf(command))}</span>${command.argument_hint ? html` <span class="mono soft">${plain(command.argument_hint)}</span>` : ""}
      <span class="soft cut">${plain(command.description ?? "")}</span></li>`)}
  </ul>`;
}
