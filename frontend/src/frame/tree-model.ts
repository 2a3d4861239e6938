// The organisation's tree as data: what the server tells, what one person has noted, and how it is put in order.

import type { SessionStatus } from "../protocol.ts";

export interface TreeProject { id: string; name: string; status: "IMPORTING" | "READY" | "FAILED"; created_at: string }

export interface TreeSession {
  id: string;
  project_id: string;
  author_id: string | null;
  name: string;
  title: string;
  branch: string;
  status: SessionStatus;
  is_waiting: boolean;
  git_status: "CLEAN" | "DIRTY";
  last_seq: number;
  created_at: string;
  updated_at: string;
}

export interface Mark { session_id: string; last_read_seq: number; is_pinned: boolean; position: number | null }

export interface Told { projects: TreeProject[]; sessions: TreeSession[]; marks: Mark[] }
export interface Changes { projects?: TreeProject[]; sessions?: TreeSession[]; gone?: string[]; marks?: Mark[] }

/** A session as others in the page see it. Unread is one whose `last_seq` is above `last_read_seq`. */
export interface SessionSummary extends Omit<TreeSession, "author_id" | "branch"> {
  branch: string;
  is_mine: boolean;
  is_pinned: boolean;
  position: number | null;
  last_read_seq: number;
}

export interface Tree {
  readonly projects: readonly TreeProject[];
  readonly sessions: ReadonlyMap<string, TreeSession>;
  readonly marks: ReadonlyMap<string, Mark>;
}

export const EMPTY_TREE: Tree = { projects: [], sessions: new Map(), marks: new Map() };

export const NO_MARK: Omit<Mark, "session_id"> = { last_read_seq: 0, is_pinned: false, position: null };

export const treeOf = ({ projects, sessions, marks }: Told): Tree => ({
  projects,
  sessions: new Map(sessions.map((session) => [session.id, session])),
  marks: new Map(marks.map((mark) => [mark.session_id, mark])),
});

export function changed(tree: Tree, { projects, sessions = [], gone = [], marks = [] }: Changes): Tree {
  const kept = new Map(tree.sessions);
  for (const session of sessions) kept.set(session.id, session);
  for (const id of gone) kept.delete(id);
  const marked = new Map(tree.marks);
  for (const mark of marks) marked.set(mark.session_id, mark);
  return { projects: projects ?? tree.projects, sessions: kept, marks: marked };
}

export const withMark = (tree: Tree, id: string, fields: Partial<Mark>): Tree =>
  changed(tree, { marks: [{ ...NO_MARK, ...tree.marks.get(id), session_id: id, ...fields }] });

/** What other people's sessions did before one ever looked at them is no news. */
function lastRead(session: TreeSession, mark: Mark | undefined, userId: string): number {
  if (mark) return mark.last_read_seq;
  return session.author_id === userId ? 0 : Number.MAX_SAFE_INTEGER;
}

export function summaryOf(tree: Tree, session: TreeSession, userId: string): SessionSummary {
  const mark = tree.marks.get(session.id);
  const { author_id: author, ...rest } = session;
  const { is_pinned, position } = mark ?? NO_MARK;
  return { ...rest, is_mine: author === userId, is_pinned, position, last_read_seq: lastRead(session, mark, userId) };
}

export const isUnread = (session: SessionSummary): boolean => session.last_seq > session.last_read_seq;

/** What was put in order stands so; what came after that stands before it, the newest first. */
export function inOrder(one: SessionSummary, other: SessionSummary): number {
  if (one.position !== null && other.position !== null && one.position !== other.position) return one.position - other.position;
  if ((one.position === null) !== (other.position === null)) return one.position === null ? -1 : 1;
  if (one.created_at !== other.created_at) return one.created_at > other.created_at ? -1 : 1;
  return one.id < other.id ? -1 : 1;
}

export interface Group { project: TreeProject; sessions: SessionSummary[] }
export interface Arranged { pinned: SessionSummary[]; groups: Group[] }

export function arranged(tree: Tree, userId: string): Arranged {
  const all = [...tree.sessions.values()].map((session) => summaryOf(tree, session, userId)).sort(inOrder);
  const byProject = new Map<string, SessionSummary[]>(tree.projects.map((project) => [project.id, []]));
  for (const session of all) if (!session.is_pinned) byProject.get(session.project_id)?.push(session);
  return {
    pinned: all.filter((session) => session.is_pinned && byProject.has(session.project_id)),
    groups: tree.projects.map((project) => ({ project, sessions: byProject.get(project.id) ?? [] })),
  };
}

/** Those of which the name, or the project's, has all of these words. */
export function filtered({ pinned, groups }: Arranged, text: string): Arranged {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return { pinned, groups };
  const names = new Map(groups.map(({ project }) => [project.id, project.name]));
  const fits = (session: SessionSummary): boolean => {
    const searched = `${session.name} ${session.title} ${names.get(session.project_id) ?? ""}`.toLowerCase();
    return words.every((word) => searched.includes(word));
  };
  return {
    pinned: pinned.filter(fits),
    groups: groups.map((group) => ({ ...group, sessions: group.sessions.filter(fits) })).filter((group) => group.sessions.length),
  };
}

export const inTreeOrder = ({ pinned, groups }: Arranged): SessionSummary[] => [...pinned, ...groups.flatMap((group) => group.sessions)];

/** The same ids with one of them moved; null when it cannot go that way. */
export function moved(ids: readonly string[], id: string, to: number): string[] | null {
  const from = ids.indexOf(id);
  if (from < 0 || to < 0 || to >= ids.length || to === from) return null;
  const rest = ids.filter((one) => one !== id);
  return [...rest.slice(0, to), id, ...rest.slice(to)];
}
