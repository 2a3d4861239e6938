// The agent's slash commands as the menu offers them: those that fit, in groups by where they come from.

import { gettext } from "../i18n.ts";
import type { Command } from "../protocol.ts";
import { ranked } from "../fuzzy.ts";
import type { Option } from "./menu.ts";

const MOST_SHOWN = 60;
const FROM_PROJECT = /\s*\((?:project|local)\)$/;
const FROM_PERSON = /\s*\((?:user|personal)\)$/;

export const nameOf = (command: Command): string => command.name.replace(/^\//, "");

/** What the agent's program keeps for itself, or names only to say that it is gone. */
const isForPeople = (command: Command): boolean => typeof command?.name === "string" && !nameOf(command).startsWith("_") && !command.description?.startsWith("(removed)");

interface Sorted { command: Command; group: string; rank: number }

/** Where a command comes from, as its description or its name tells. */
function sorted(command: Command): Sorted {
  const { description = "" } = command;
  if (FROM_PROJECT.test(description)) return { command, group: gettext("Of this project"), rank: 0 };
  if (FROM_PERSON.test(description)) return { command, group: gettext("Personal"), rank: 1 };
  if (/[:]|^mcp__/.test(nameOf(command))) return { command, group: gettext("Of plug-ins and servers"), rank: 2 };
  return { command, group: gettext("Of the agent"), rank: 3 };
}

const describe = (description: string): string => description.replace(FROM_PROJECT, "").replace(FROM_PERSON, "");

/** All in groups while nothing is typed; else the best first, whatever its group. */
export function commandOptions(commands: readonly Command[], query: string): Option[] {
  const all = commands.filter(isForPeople).map(sorted).sort((a, b) => a.rank - b.rank || nameOf(a.command).localeCompare(nameOf(b.command)));
  return ranked(query, all, ({ command }) => nameOf(command)).slice(0, MOST_SHOWN).map(({ item: { command, group }, match }) => ({
    title: `/${nameOf(command)}`,
    at: match.positions.map((at) => at + 1),
    hint: command.argument_hint ?? "",
    detail: describe(command.description ?? ""),
    group: query ? "" : group,
    insert: `/${nameOf(command)}`,
    isWhole: true,
  }));
}
