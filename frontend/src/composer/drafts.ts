// The draft of a session: kept in this browser, shared by its tabs, and never overwritten by one of them unseen.

export interface Draft { text: string; folded: readonly string[] }

export const EMPTY_DRAFT: Draft = { text: "", folded: [] };
const MOST_ASIDE = 5;

const isEmpty = ({ text, folded }: Draft): boolean => !text.trim() && !folded.length;
const isSame = (a: Draft, b: Draft): boolean => a.text === b.text && a.folded.length === b.folded.length && a.folded.every((one, index) => one === b.folded[index]);

export interface Reconciled { shown: Draft; aside: Draft | null }

/**
 * What a tab shows when another one wrote a draft. `base` is what both knew last.
 * Whoever changed nothing takes what is new; where both changed, each keeps its own, and the other's is laid aside.
 */
export function reconciled(base: Draft, mine: Draft, theirs: Draft): Reconciled {
  if (isSame(mine, theirs) || isSame(theirs, base)) return { shown: mine, aside: null };
  if (isSame(mine, base) || isEmpty(mine)) return { shown: theirs, aside: null };
  // The other tab sent what both knew: what was written here since is this tab's own.
  if (isEmpty(theirs) || mine.text.startsWith(theirs.text)) return { shown: mine, aside: null };
  return { shown: mine, aside: theirs };
}

export type Kept = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export class Drafts {
  private base: Draft = EMPTY_DRAFT;
  /** What does not fit into the browser's store is not kept over a reload. */
  isTooLarge = false;

  constructor(private readonly sessionId: string, private readonly store: Kept) {}

  get key(): string {
    return `slipway.draft.${this.sessionId}`;
  }

  get asideKey(): string {
    return `slipway.draft-aside.${this.sessionId}`;
  }

  open(): Draft {
    this.base = this.stored();
    return this.base;
  }

  /** Keeps what is written here; what another tab wrote meanwhile, unseen, is laid aside. */
  write(mine: Draft): void {
    const theirs = this.stored();
    const isUnseen = !isSame(theirs, this.base);
    if (isUnseen && !isEmpty(theirs)) this.layAside(reconciled(this.base, mine, theirs).aside);
    this.base = mine;
    this.isTooLarge = !this.put(this.key, isEmpty(mine) ? null : JSON.stringify({ ...mine, v: 2 }));
  }

  /** Another tab wrote, or this one was asleep: what is to be shown here from now on. */
  meet(mine: Draft): Draft {
    const theirs = this.stored();
    const { shown, aside } = reconciled(this.base, mine, theirs);
    this.layAside(aside);
    this.base = theirs;
    return shown;
  }

  get aside(): Draft[] {
    try {
      const kept: unknown = JSON.parse(this.store.getItem(this.asideKey) ?? "[]");
      return Array.isArray(kept) ? kept.flatMap((one) => draftOf(one) ?? []) : [];
    } catch {
      return [];
    }
  }

  /** Takes one out that was laid aside. */
  takeAside(index: number): Draft | null {
    const all = this.aside;
    const [taken] = all.splice(index, 1);
    this.put(this.asideKey, all.length ? JSON.stringify(all) : null);
    return taken ?? null;
  }

  private layAside(draft: Draft | null): void {
    if (!draft || isEmpty(draft)) return;
    const others = this.aside.filter((one) => !isSame(one, draft));
    this.put(this.asideKey, JSON.stringify([...others, draft].slice(-MOST_ASIDE)));
  }

  private stored(): Draft {
    const text = this.store.getItem(this.key) ?? "";
    try {
      return draftOf(JSON.parse(text)) ?? { text, folded: [] };
    } catch {
      return { text, folded: [] };
    }
  }

  private put(key: string, value: string | null): boolean {
    try {
      if (value === null) this.store.removeItem(key);
      else this.store.setItem(key, value);
      return true;
    } catch {
      return false;
    }
  }
}

function draftOf(value: unknown): Draft | null {
  const { text, folded } = (typeof value === "object" && value !== null ? value : {}) as Partial<Draft>;
  if (typeof text !== "string" || !Array.isArray(folded)) return null;
  return { text, folded: folded.filter((one) => typeof one === "string") };
}
