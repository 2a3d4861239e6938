// The one copy of the tree in a page: begun by what the server wrote into it, kept true by the activity, changed at once by what people do.

import { type Arranged, arranged, changed, type Changes, EMPTY_TREE, inTreeOrder, type Mark, type SessionSummary, summaryOf, type Told, type Tree, treeOf, withMark } from "./tree-model.ts";

interface PageTree extends Told { organization_id: string; user_id: string; can_write: boolean; is_admin: boolean }

export interface Activity {
  sessions: SessionSummary[];
  projects: { id: string; name: string; status: string }[];
  /** Ids whose summary is another one than before. */
  changed: string[];
  /** What the page came with. */
  isFirst: boolean;
  /** True in exactly one of the browser's pages of this organisation. */
  isLeader: boolean;
}

class TreeStore {
  organizationId = "";
  userId = "";
  canWrite = false;
  isAdmin = false;
  /** The session that is shown. */
  current = "";
  isLeader = true;
  private tree: Tree = EMPTY_TREE;
  private shown: Arranged | null = null;
  private dispatched = new Map<string, string>();
  private readonly listeners = new Set<() => void>();

  begin(page: PageTree | null): void {
    if (!page) return;
    Object.assign(this, { organizationId: page.organization_id, userId: page.user_id, canWrite: page.can_write, isAdmin: page.is_admin });
    this.set(treeOf(page), true);
  }

  take(told: Told): void {
    this.set(treeOf(told));
  }

  change(changes: Changes): void {
    this.set(changed(this.tree, changes));
  }

  get arranged(): Arranged {
    return (this.shown ??= arranged(this.tree, this.userId));
  }

  get isEmpty(): boolean {
    return this.tree === EMPTY_TREE;
  }

  /** From the top of the tree to its end. */
  get inOrder(): SessionSummary[] {
    return inTreeOrder(this.arranged);
  }

  session(id: string): SessionSummary | null {
    const found = this.tree.sessions.get(id);
    return found ? summaryOf(this.tree, found, this.userId) : null;
  }

  projectName(id: string): string {
    return this.tree.projects.find((project) => project.id === id)?.name ?? "";
  }

  get projects(): Tree["projects"] {
    return this.tree.projects;
  }

  mark(id: string, fields: Partial<Mark>): void {
    const before = this.session(id);
    this.set(withMark(this.tree, id, before && !this.tree.marks.has(id) ? { last_read_seq: Math.min(before.last_read_seq, before.last_seq), ...fields } : fields));
  }

  /** Read up to here; never back. */
  read(id: string, seq: number): void {
    const before = this.tree.marks.get(id)?.last_read_seq ?? 0;
    if (seq > before) this.set(withMark(this.tree, id, { last_read_seq: seq }));
  }

  rename(id: string, name: string): void {
    const session = this.tree.sessions.get(id);
    if (session) return this.change({ sessions: [{ ...session, name }] });
    this.change({ projects: this.tree.projects.map((project) => (project.id === id ? { ...project, name } : project)) });
  }

  /** Takes it out; what is returned puts it back. */
  remove(id: string): () => void {
    const session = this.tree.sessions.get(id);
    const { projects } = this.tree;
    this.change(session ? { gone: [id] } : { projects: projects.filter((project) => project.id !== id) });
    return () => this.change(session ? { sessions: [session] } : { projects: [...projects] });
  }

  order(ids: readonly string[]): void {
    this.set(ids.reduce((tree, id, position) => withMark(tree, id, { last_read_seq: this.session(id)?.last_read_seq ?? 0, position }), this.tree));
  }

  go(current: string): void {
    this.current = current;
    this.tell();
  }

  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private set(tree: Tree, isFirst = false): void {
    this.tree = tree;
    this.shown = null;
    this.tell();
    this.dispatch(isFirst);
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }

  private dispatch(isFirst: boolean): void {
    const sessions = this.inOrder;
    const told = new Map(sessions.map((session) => [session.id, JSON.stringify(session)]));
    const ids = [...told].filter(([id, text]) => this.dispatched.get(id) !== text).map(([id]) => id);
    const isSame = !ids.length && told.size === this.dispatched.size;
    this.dispatched = told;
    if (isSame && !isFirst) return;
    const detail: Activity = { sessions, projects: [...this.tree.projects], changed: isFirst ? [] : ids, isFirst, isLeader: this.isLeader };
    document.dispatchEvent(new CustomEvent<Activity>("slw-activity", { detail }));
  }
}

export const store = new TreeStore();

function pageTree(): PageTree | null {
  const text = document.getElementById("tree-data")?.textContent;
  return text ? (JSON.parse(text) as PageTree) : null;
}

/** Reads what the server wrote into the page, once. */
export function beginTree(): void {
  if (!store.isEmpty) return;
  store.current = document.querySelector("slw-session")?.getAttribute("session-id") ?? "";
  store.begin(pageTree());
}
