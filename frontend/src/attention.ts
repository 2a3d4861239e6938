// Draws attention to sessions that wait, end or fail: in the title, on the icon, and by notifications while nobody looks.

import { noteRunning, watchForUse } from "./attention/offer.ts";
import { tell } from "./attention/telling.ts";
import { happenings, isMine, type Summary, waitingFor } from "./attention/transitions.ts";
import { setBadge } from "./page-title.ts";

/** What `slw-activity` brings: all sessions of the organisation as they are now. */
interface Activity { sessions: Summary[]; projects?: { id: string; name: string }[]; isFirst?: boolean; isLeader?: boolean }

let before: ReadonlyMap<string, Summary> | null = null;
let sessions: readonly Summary[] = [];

const shownSession = (): string | null => document.querySelector("slw-session")?.getAttribute("session-id") ?? null;

const count = (): void => setBadge(waitingFor(sessions, document.visibilityState === "visible" ? shownSession() : null));

function take({ detail }: CustomEvent<Activity>): void {
  const happened = before && !detail.isFirst ? happenings(before, detail.sessions) : [];
  sessions = detail.sessions;
  before = new Map(sessions.map((session) => [session.id, session]));
  count();
  noteRunning(sessions.some((session) => isMine(session) && session.status === "RUNNING"));
  if (happened.length && detail.isLeader !== false) void tell(happened, (id) => detail.projects?.find((project) => project.id === id)?.name ?? "");
}

export function drawAttention(): void {
  document.addEventListener("slw-activity", (event) => take(event as CustomEvent<Activity>));
  document.addEventListener("slw-navigated", count);
  document.addEventListener("visibilitychange", count);
  watchForUse();
}
