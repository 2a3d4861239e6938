// The server's clock, by which events are dated: how long something has gone on is reckoned with it, however wrong the browser's is.

import { duration } from "../format.ts";
import { gettext } from "../i18n.ts";

const TOLD_FROM_S = 3;
let aheadMs = 0;

/** What the server's clock shows just now. */
export function setClock(now: string | undefined, heardAt = Date.now()): void {
  const at = Date.parse(now ?? "");
  if (at) aheadMs = heardAt - at;
}

/** How long it is since then, in whole seconds; nothing in the first moments. */
export function elapsed(at: string, now = Date.now()): string {
  const seconds = Math.floor((now - aheadMs - Date.parse(at)) / 1000);
  if (!(seconds >= TOLD_FROM_S)) return "";
  return seconds < 10 ? gettext("{n} s", { n: seconds }) : duration(seconds * 1000);
}
