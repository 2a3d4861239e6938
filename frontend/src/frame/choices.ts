// What the palette offers: what can be done here, and every session and project of the organisation; found and put in order.

import { type Action, groups, offered } from "../actions.ts";
import { get } from "../api.ts";
import { statusWord } from "../format.ts";
import { gettext } from "../i18n.ts";
import { match } from "../fuzzy.ts";
import { places } from "./places.ts";

export interface Choice {
  id: string;
  title: string;
  group: string;
  /** What stands beside the title, and is searched too. */
  detail: string;
  meaning?: string;
  words?: string;
  keys?: string;
  /** Where it leads, so that it can be opened in a new tab. */
  href?: string;
  run?: () => void;
}

export interface Found { choice: Choice; positions: number[] }
export interface Section { name: string; found: Found[] }

const MOST = 60;
const RECENT = 6;
const SHOWN_UNASKED = 12; // of what there may be many of

const ofAction = ({ id, title, group, keys, words, run }: Action): Choice => ({ id, title, group, detail: "", run, ...(keys ? { keys } : {}), ...(words ? { words } : {}) });

/** `more` is what has no keys. */
export function choices(more: readonly Action[]): Choice[] {
  const { sessions, projects } = places();
  return [
    ...[...offered(), ...more].filter((action) => action.id !== "palette").map(ofAction),
    ...sessions.map((session): Choice => {
      const { word, meaning } = statusWord(session.status, session.is_waiting);
      return { id: session.id, title: session.name, group: gettext("Sessions"), detail: session.project, words: word, meaning, href: `/sessions/${session.id}/` };
    }),
    ...projects.map((project): Choice => ({ id: project.id, title: project.name, group: gettext("Projects"), detail: "", href: `/projects/${project.id}/` })),
  ];
}

const LEAST_LETTERS = 2;
const MOST_ARCHIVED = 8;

/** Sessions that were put away, which no list holds: the server looks for them. */
export async function archivedChoices(query: string, organizationId: string, signal: AbortSignal): Promise<Choice[]> {
  if (query.trim().length < LEAST_LETTERS || !organizationId) return [];
  const asked = new URLSearchParams({ organization_id: organizationId, archived: "true", q: query.trim(), limit: String(MOST_ARCHIVED) });
  const { items } = await get<{ items: { id: string; name: string; title: string }[] }>(`/sessions?${asked}`, signal);
  return items.map(({ id, name, title }) => ({ id, title: name, group: gettext("Archived"), detail: title, href: `/sessions/${id}/` }));
}

/** In sections: by what was used last when nothing is typed, by how well it matches when something is. */
export function find(all: readonly Choice[], query: string, recent: readonly string[], current = ""): Section[] {
  return query.trim() ? searched(all, query, recent) : unasked(all, recent, current);
}

function unasked(all: readonly Choice[], recent: readonly string[], current: string): Section[] {
  const byId = new Map(all.map((choice) => [choice.id, choice]));
  const used = recent.flatMap((id) => byId.get(id) ?? []).filter((choice) => choice.href && choice.id !== current).slice(0, RECENT);
  const isUsed = new Set(used.map((choice) => choice.id));
  const rest = all.filter((choice) => !isUsed.has(choice.id) && choice.id !== current);
  const order = [groups.session(), groups.go(), groups.make(), gettext("Sessions"), gettext("Projects"), groups.view(), groups.account()];
  const placeOf = ({ name }: Section): number => (order.includes(name) ? order.indexOf(name) : order.indexOf(groups.make()) + 0.5);
  const sections = sectioned(rest.map((choice) => ({ choice, positions: [] }))).sort((one, other) => placeOf(one) - placeOf(other));
  for (const section of sections) if (!order.includes(section.name) || section.found.some(({ choice }) => choice.href)) section.found.splice(SHOWN_UNASKED);
  return [{ name: gettext("Recent"), found: used.map((choice) => ({ choice, positions: [] })) }, ...sections].filter((section) => section.found.length);
}

function searched(all: readonly Choice[], query: string, recent: readonly string[]): Section[] {
  const lastUsed = new Map(recent.map((id, index) => [id, index]));
  const scored = all.flatMap((choice) => {
    const found = match(query, choice.title, `${choice.detail} ${choice.words ?? ""} ${choice.group}`);
    if (!found) return [];
    const used = lastUsed.get(choice.id);
    return [{ choice, positions: found.positions, score: found.score + (used === undefined ? 0 : 8 - used / 5) }];
  });
  return sectioned(scored.sort((one, other) => other.score - one.score).slice(0, MOST));
}

/** Each group once, in the order of its best. */
function sectioned(found: readonly Found[]): Section[] {
  const sections = new Map<string, Found[]>();
  for (const one of found) {
    const section = sections.get(one.choice.group);
    if (section) section.push(one);
    else sections.set(one.choice.group, [one]);
  }
  return [...sections].map(([name, list]) => ({ name, found: list }));
}

/** The groups of actions in the order in which they are told, others after them. */
export const groupOrder = (): string[] => Object.values(groups).map((name) => name());
