// The rows of the tree, from top to bottom, as they follow from what there is, what is folded and what is looked for.

import { type Arranged, filtered, type SessionSummary, type TreeProject } from "./tree-model.ts";

export const PINNED = "pinned";
export const ARCHIVED = "archived";
export const SHOWN_AT_FIRST = 8;
const SPARED = 2; // fewer than these are not worth a click

export interface ArchivedSession { id: string; name: string; project_id: string }

export type Row =
  | { type: "group"; key: string; isOpen: boolean; project: TreeProject | null; waiting: number; count: number }
  | { type: "session"; key: string; group: string; session: SessionSummary }
  | { type: "more"; key: string; group: string; count: number }
  | { type: "none"; key: string; group: string }
  | { type: "archived"; key: string; group: string; session: ArchivedSession };

export interface Look {
  text: string;
  current: string;
  isFolded(group: string): boolean;
  isWhole(group: string): boolean;
  archived: readonly ArchivedSession[] | null;
}

const sessionRow = (session: SessionSummary, group: string): Row => ({ type: "session", key: session.id, group, session });

/** The first few, and wherever they stand the one that is shown, those at work and those that wait. */
function someOf(sessions: SessionSummary[], { current, isWhole, text }: Look, group: string): SessionSummary[] {
  if (sessions.length <= SHOWN_AT_FIRST + SPARED || text || isWhole(group)) return sessions;
  return sessions.filter((session, index) => index < SHOWN_AT_FIRST || session.id === current || session.is_waiting || session.status === "RUNNING");
}

function groupRows(group: string, project: TreeProject | null, sessions: SessionSummary[], look: Look): Row[] {
  const isOpen = look.text !== "" || !look.isFolded(group);
  const head: Row = { type: "group", key: group, isOpen, project, waiting: sessions.filter((session) => session.is_waiting).length, count: sessions.length };
  if (!isOpen) return [head];
  const shown = someOf(sessions, look, group);
  const rest = sessions.length - shown.length;
  return [
    head,
    ...shown.map((session) => sessionRow(session, group)),
    ...(rest ? [{ type: "more", key: `more-${group}`, group, count: rest } satisfies Row] : []),
    ...(sessions.length ? [] : [{ type: "none", key: `none-${group}`, group } satisfies Row]),
  ];
}

function archivedRows(look: Look): Row[] {
  const isOpen = look.archived !== null;
  const found = (look.archived ?? []).map((session): Row => ({ type: "archived", key: session.id, group: ARCHIVED, session }));
  return [
    { type: "group", key: ARCHIVED, isOpen, project: null, waiting: 0, count: found.length },
    ...found,
    ...(isOpen && !found.length ? [{ type: "none", key: `none-${ARCHIVED}`, group: ARCHIVED } satisfies Row] : []),
  ];
}

export function rowsOf(all: Arranged, look: Look): Row[] {
  const { pinned, groups } = filtered(all, look.text);
  return [
    ...(pinned.length ? groupRows(PINNED, null, pinned, look) : []),
    ...groups.flatMap(({ project, sessions }) => groupRows(project.id, project, sessions, look)),
    ...(look.text || !all.groups.length ? [] : archivedRows(look)),
  ];
}

/** The sessions of a group in their order, also those that are not shown. */
export const idsOfGroup = ({ pinned, groups }: Arranged, group: string): string[] =>
  (group === PINNED ? pinned : (groups.find(({ project }) => project.id === group)?.sessions ?? [])).map((session) => session.id);

/** What a row is called where letters look for it. */
export const nameOf = (row: Row): string => (row.type === "session" || row.type === "archived" ? row.session.name : row.type === "group" ? (row.project?.name ?? "") : "");
