// What a connection tells and needs, and the real surroundings of a page; tests bring their own.

import type { Delta, LogEvent, Session } from "../protocol.ts";
import type { EventPage, NewestPage } from "./log-feed.ts";

export type ConnectionState =
  | "connecting" | "open" | "streaming" | "polling" | "reconnecting" | "restarting" | "busy" | "signed-out" | "forbidden" | "gone";

export interface Listener {
  hello(session: Session, live: unknown, version: string): void;
  events(events: LogEvent[]): void;
  /** Reading begins here: what was shown before has to go. */
  page(page: NewestPage): void;
  delta(delta: Delta): void;
  places(places: Record<string, number>): void;
  /** The server's log is another one (a restored backup): what is shown has to go. */
  reset(): void;
  state(state: ConnectionState): void;
}

export interface Surroundings {
  openSocket(after: number): WebSocket;
  openStream(after: number): EventSource;
  fetchEvents(after: number): Promise<EventPage>;
  fetchNewest(): Promise<NewestPage>;
  random(): number;
}

export type Timer = ReturnType<typeof setTimeout> | undefined;

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/** A doubling pause with a random part, so that many pages do not come back in one moment. */
export const growing = (times: number, random: number, first = FIRST_PAUSE_MS, longest = LONGEST_PAUSE_MS): number =>
  Math.min(longest, first * 2 ** times) * (0.5 + random / 2);

export const statusOf = (error: unknown): number => (error as { status?: number }).status ?? 0;

const FIRST_PAGE_EVENTS = 300;
const MISSED_EVENTS = 1000;
const END = Number.MAX_SAFE_INTEGER;

/** Who knows nothing begins with the newest page; who missed too much begins anew. */
const from = (after: number): string => (after ? `after=${after}&tail=${MISSED_EVENTS}` : `tail=${FIRST_PAGE_EVENTS}`);

export interface Fetching { after: (seq: number) => Promise<EventPage>; before: (seq: number, limit: number) => Promise<NewestPage> }

export function browserSurroundings(sessionId: string, fetching: Fetching): Surroundings {
  const origin = location.origin.replace(/^http/, "ws");
  return {
    openSocket: (after) => new WebSocket(`${origin}/ws/sessions/${sessionId}?${from(after)}`),
    openStream: (after) => new EventSource(`/api/sessions/${sessionId}/stream?${from(after)}`),
    fetchEvents: fetching.after,
    fetchNewest: () => fetching.before(END, FIRST_PAGE_EVENTS),
    random: Math.random,
  };
}
