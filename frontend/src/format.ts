// Times, money, counts, sizes and lists as people read them in the page's language.

import { gettext, locale } from "./i18n.ts";

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];
const KEPT = new Map<string, unknown>();

/** Making a formatter costs more than using it a thousand times. */
function kept<T>(kind: string, make: (language: string) => T): T {
  const key = `${locale()} ${kind}`;
  if (!KEPT.has(key)) KEPT.set(key, make(locale()));
  return KEPT.get(key) as T;
}

function digits(value: number, options: Intl.NumberFormatOptions = {}): string {
  return kept(`number ${JSON.stringify(options)}`, (language) => new Intl.NumberFormat(language, options)).format(value);
}

function moment(iso: string, options: Intl.DateTimeFormatOptions): string {
  const at = Date.parse(iso);
  return Number.isNaN(at) ? "" : kept(`time ${JSON.stringify(options)}`, (language) => new Intl.DateTimeFormat(language, options)).format(at);
}

/** A whole number with its separators: 12,345. */
export const number = (value: number): string => digits(value);

/** A large number in short, as the language counts: 12.3K, 1.2万. */
export const count = (value: number): string => digits(value, { notation: "compact", maximumFractionDigits: value < 1e15 ? 1 : 0 });

/** Of a share between 0 and 1. */
export const percent = (share: number): string => digits(share, { style: "percent" });

export function duration(ms: number): string {
  const whole = Math.round(ms / SECOND);
  if (ms < SECOND) return gettext("{n} ms", { n: digits(Math.round(ms)) });
  if (ms < 10 * SECOND) return gettext("{n} s", { n: digits(ms / SECOND, { minimumFractionDigits: 1, maximumFractionDigits: 1 }) });
  if (whole < 60) return gettext("{n} s", { n: whole });
  if (whole < 3600) return gettext("{m} min {s} s", { m: Math.floor(whole / 60), s: whole % 60 });
  return gettext("{h} h {m} min", { h: digits(Math.floor(whole / 3600)), m: Math.floor((whole % 3600) / 60) });
}

/** US dollars with as many digits as the size of the sum asks for. */
export function money(usd: string | number): string {
  const value = Number(usd);
  const precision = Number.isFinite(value) && value > 0 && value < 0.01 ? 4 : 2;
  return digits(Number.isFinite(value) ? value : 0, { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol", minimumFractionDigits: precision, maximumFractionDigits: precision });
}

/** A file's size, in steps of 1024 as people's systems count. */
export function bytes(size: number): string {
  if (size < 1024) return digits(size, { style: "unit", unit: "byte", unitDisplay: "long" });
  const [unit, value] = size < 1024 ** 2 ? ["kilobyte", size / 1024] : size < 1024 ** 3 ? ["megabyte", size / 1024 ** 2] : ["gigabyte", size / 1024 ** 3];
  return digits(value, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: value < 10 && unit !== "kilobyte" ? 1 : 0 });
}

/** “a, b and c”. */
export const list = (words: string[]): string => kept("list", (language) => new Intl.ListFormat(language, { type: "conjunction" })).format(words);

/** How long ago, or how long until: in words, on request in short ones, up to a month, then the date. */
export function ago(iso: string, now = Date.now(), isShort = false): string {
  const since = now - Date.parse(iso);
  const size = Math.abs(since);
  if (Number.isNaN(since)) return "";
  if (size < MINUTE) return gettext("just now");
  if (size >= 30 * DAY) return day(iso);
  const [unit, length]: [Intl.RelativeTimeFormatUnit, number] = size < HOUR ? ["minute", MINUTE] : size < DAY ? ["hour", HOUR] : ["day", DAY];
  return kept(`ago ${isShort}`, (language) => new Intl.RelativeTimeFormat(language, { style: isShort ? "short" : "long" })).format(-Math.sign(since) * Math.floor(size / length), unit);
}

/** The date: Nov 29, 2026; 2026/11/29. */
export const day = (iso: string): string => moment(iso, { dateStyle: "medium" });

/** A calendar month, `2026-11`: November 2026; 2026年11月. */
export const month = (name: string): string => moment(`${name}-01T00:00:00Z`, { year: "numeric", month: "long", timeZone: "UTC" });

/** The time of the day: 9:05 PM; 21:05. */
export const clock = (iso: string): string => moment(iso, { timeStyle: "short" });

/** To the second, with the zone that it is told in: the reader's. */
export const exactTime = (iso: string): string => moment(iso, { dateStyle: "medium", timeStyle: "long" });

/** How a session's state is called and which of the four meanings it has; who may only read is not the one that it waits for. */
export function statusWord(status: string, isWaiting: boolean, canAnswer = true): { word: string; meaning: string } {
  if (isWaiting) return { word: canAnswer ? gettext("Waits for you") : gettext("Waits for an answer"), meaning: "waiting" };
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
