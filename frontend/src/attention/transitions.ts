// What happened to one's own sessions between two looks at them. Pure.

export interface Summary { id: string; project_id: string; name: string; status: string; is_waiting: boolean; is_mine?: boolean }

export type Kind = "waiting" | "ended" | "failed";
export interface Happening { kind: Kind; session: Summary }

export const isMine = (session: Summary): boolean => session.is_mine !== false;

function kindOf(before: Summary | undefined, now: Summary): Kind | null {
  if (!before) return null; // just begun, or brought back
  if (now.is_waiting) return before.is_waiting ? null : "waiting";
  if (now.status === "ERROR") return before.status === "ERROR" ? null : "failed";
  // A turn that waited may be answered and over between two looks.
  const hasRun = before.status === "RUNNING" || before.status === "INITIALIZING" || before.is_waiting;
  return hasRun && (now.status === "COMPLETED" || now.status === "WAITING_INPUT") ? "ended" : null;
}

export function happenings(before: ReadonlyMap<string, Summary>, now: readonly Summary[]): Happening[] {
  return now.filter(isMine).flatMap((session) => {
    const kind = kindOf(before.get(session.id), session);
    return kind ? [{ kind, session }] : [];
  });
}

/** How many wait for the person, without the one that they are looking at. */
export const waitingFor = (sessions: readonly Summary[], lookedAt: string | null): number => sessions.filter((one) => one.is_waiting && isMine(one) && one.id !== lookedAt).length;
