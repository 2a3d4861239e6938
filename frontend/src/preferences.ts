// How the person likes it: written into the page by the server, changed by anything in the page, the same in all tabs at once.

import { call } from "./api.ts";

export type Theme = "SYSTEM" | "LIGHT" | "DARK";
export type Notifications = "UNDECIDED" | "ON" | "OFF";

export interface Preferences {
  theme: Theme;
  language: string;
  wrap_code: boolean;
  notifications: Notifications;
  notify_waiting: boolean;
  notify_ended: boolean;
  notify_failed: boolean;
  has_sound: boolean;
  is_tour_done: boolean;
}

/** Told to the document with the new preferences, whoever changed them. */
export const CHANGED = "slw-preferences";

const UNCHOSEN: Preferences = {
  theme: "SYSTEM", language: "", wrap_code: false, notifications: "UNDECIDED", notify_waiting: true, notify_ended: true, notify_failed: true, has_sound: false, is_tour_done: false,
};

let known: Preferences | null = null;
let newest = 0;
let tabs: BroadcastChannel | null = null;

const written = (): string | null => document.getElementById("preferences-data")?.textContent ?? null;

/** False on the pages before sign-in. */
export const hasPreferences = (): boolean => written() !== null;

export function preferences(): Preferences {
  return (known ??= { ...UNCHOSEN, ...(JSON.parse(written() ?? "{}") as Partial<Preferences>) });
}

function take(fresh: Preferences): void {
  known = fresh;
  document.documentElement.toggleAttribute("data-wrap-code", fresh.wrap_code);
  document.dispatchEvent(new CustomEvent(CHANGED, { detail: fresh }));
}

/** Holds at once in this tab, and in the others when the server has it. Throws what the server says, and takes it back. */
export async function changePreferences(fields: Partial<Preferences>): Promise<void> {
  const before = preferences();
  const mine = (newest += 1);
  take({ ...before, ...fields });
  try {
    const fresh = await call<Preferences>("PATCH", "/me/preferences", fields);
    if (mine !== newest) return; // what was chosen since is on its way, and must not be undone meanwhile
    take(fresh);
    tabs?.postMessage(fresh);
  } catch (error) {
    if (mine === newest) take(before);
    throw error;
  }
}

/** Hears of what other tabs change. */
export function watchPreferences(): void {
  if (!hasPreferences() || typeof BroadcastChannel === "undefined") return;
  tabs = new BroadcastChannel("slipway.preferences");
  tabs.addEventListener("message", (event: MessageEvent<Preferences>) => take({ ...UNCHOSEN, ...event.data }));
}
