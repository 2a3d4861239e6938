// Times, money and sizes as people read them.

import { gettext, ngettext } from "./i18n.ts";

export function duration(ms: number): string {
  if (ms < 1000) return gettext("{n} ms", { n: Math.round(ms) });
  if (ms < 60_000) return gettext("{n} s", { n: (ms / 1000).toFixed(ms < 10_000 ? 1 : 0) });
  return gettext("{m} min {s} s", { m: Math.floor(ms / 60_000), s: Math.round((ms % 60_000) / 1000) });
}

/** US dollars with as many digits as the size of the sum asks for. */
export function money(usd: string | number): string {
  const value = Number(usd);
  if (!Number.isFinite(value) || value === 0) return "$0.00";
  if (value < 0.01) return `$${value.toFixed(4)}`;
  return `$${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

export function count(value: number): string {
  if (value < 1000) return String(value);
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

export function ago(iso: string, now = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  if (seconds < 60) return gettext("just now");
  if (seconds < 3600) return ngettext("{count} minute ago", "{count} minutes ago", Math.floor(seconds / 60));
  if (seconds < 86_400) return ngettext("{count} hour ago", "{count} hours ago", Math.floor(seconds / 3600));
  return ngettext("{count} day ago", "{count} days ago", Math.floor(seconds / 86_400));
}

export const exactTime = (iso: string): string => new Date(iso).toLocaleString();

/** How a session's state is called and which of the four meanings it has. */
export function statusWord(status: string, isWaiting: boolean): { word: string; meaning: string } {
  if (isWaiting) return { word: gettext("Waits for you"), meaning: "waiting" };
  switch (status) {
    case "INITIALIZING": return { word: gettext("New"), meaning: "stopped" };
    case "RUNNING": return { word: gettext("Running"), meaning: "running" };
    case "WAITING_INPUT": return { word: gettext("Ready"), meaning: "stopped" };
    case "COMPLETED": return { word: gettext("Done"), meaning: "done" };
    case "ERROR": return { word: gettext("Failed"), meaning: "failed" };
    case "STOPPED": return { word: gettext("Stopped"), meaning: "stopped" };
    default: return { word: status, meaning: "stopped" };
  }
}
