// What was shown of a session, or was fetched while somebody pointed at it: it is there at once, and the connection brings what is new.

import { get } from "../api.ts";
import type { Session } from "../protocol.ts";
import type { NewestPage } from "../session/log-feed.ts";
import { store } from "./tree-store.ts";

export interface Kept {
  page: NewestPage;
  /** Null when only its log was fetched. */
  session: Session | null;
}

const MOST_SESSIONS = 6;
/** What is longer is fetched again rather than held. */
const MOST_EVENTS = 1000;
const AHEAD_EVENTS = 300;
const END = Number.MAX_SAFE_INTEGER;

const kept = new Map<string, Kept>();
const fetching = new Set<string>();

export function keep(id: string, what: Kept): void {
  kept.delete(id);
  if (!what.page.items.length || what.page.items.length > MOST_EVENTS) return;
  kept.set(id, what);
  if (kept.size > MOST_SESSIONS) kept.delete(kept.keys().next().value ?? "");
}

/** Nothing of what is in the tree no more; of what the session's row says the tree's word is newer. */
export function keptOf(id: string): Kept | null {
  const [found, now] = [kept.get(id), store.session(id)];
  if (!found || !now) return null;
  const { name, title, status, git_status } = now;
  return { ...found, session: found.session && { ...found.session, name, title, status, git_status } };
}

export const forget = (id: string): void => void kept.delete(id);

/** Fetches the end of the log that somebody is about to ask for, unless it is here. */
export async function fetchAhead(id: string): Promise<void> {
  const before = kept.get(id);
  if (fetching.has(id) || id === store.current || (before?.page.last_seq ?? 0) >= (store.session(id)?.last_seq ?? 0)) return;
  fetching.add(id);
  try {
    const page = await get<NewestPage>(`/sessions/${id}/events?before=${END}&limit=${AHEAD_EVENTS}`);
    if (id !== store.current) keep(id, { page, session: before?.session ?? null });
  } catch {
    // Whoever goes there meets what is wrong, and is told.
  } finally {
    fetching.delete(id);
  }
}
