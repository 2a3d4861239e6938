// Marks strings for translation (`python3 dev messages` collects them) and fills in `{names}`.

/** What the script of the page's language says: texts by marks of their English, and which plural form each count takes. */
export interface Translations { texts: Record<string, string | string[]>; plurals: number[]; isWhole?: boolean }

declare global {
  var slipwayTexts: Translations | undefined;
}

const NONE: Translations = { texts: {}, plurals: [] };
// Scripts before ours bring what is said at once, so that it is there before anything is shown.
let translations = globalThis.slipwayTexts ?? NONE;
let language = (typeof document === "undefined" ? "" : document.documentElement.lang) || "en";
let forms: [RegExp, string][] | null = null;

const MOST_WAIT_MS = 5000;

/** The texts of what is not there at once come in a script of their own, for which only those wait who use them. */
function untilWhole(): Promise<void> {
  const script = typeof document === "undefined" ? null : document.querySelector("script[data-later]");
  if (!script || translations.isWhole) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      translations = globalThis.slipwayTexts ?? NONE;
      forms = null;
      resolve();
    };
    // Without it, English is better than nothing.
    for (const [target, name] of [[window, "slw-texts"], [script, "error"]] as const) target.addEventListener(name, done, { once: true });
    setTimeout(done, MOST_WAIT_MS);
  });
}

export const allTexts = untilWhole();
export const hasAllTexts = (): boolean => typeof document === "undefined" || translations.isWhole === true || !document.querySelector("script[data-later]");

/** Speaks another language; pages do not change theirs, tests do. */
export function speak(name: string, found: Partial<Translations> = NONE): void {
  [language, translations, forms] = [name, { ...NONE, ...found }, null];
}

/** The page's language, as `Intl` takes it. */
export const locale = (): string => language;

function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}

/** What stands for a text in a catalogue, which would else be twice as large. The server makes the same (`mark` in config/localization). */
export function markOf(text: string): string {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return (value >>> 0).toString(36).slice(-5);
}

const known = (message: string): string | string[] | undefined => (translations === NONE ? undefined : translations.texts[markOf(message)]);

export function gettext(message: string, values: Record<string, string | number> = {}): string {
  const found = known(message);
  return fill((Array.isArray(found) ? found[0] : found) || message, values);
}

/** Forms repeat with the last two digits of a count, in every language that gettext knows. */
const pluralOf = (count: number): number => translations.plurals[count < translations.plurals.length ? count : 100 + (count % 100)] ?? 0;

export function ngettext(one: string, many: string, count: number, values: Record<string, string | number> = {}): string {
  const found = known(one);
  const text = Array.isArray(found) ? found[pluralOf(count)] : undefined;
  return fill(text || (count === 1 ? one : many), { count: new Intl.NumberFormat(language).format(count), ...values });
}

const MOST_SENTENCES = 8;

/**
 * What the log says in English, in the reader's language: as one text or sentence by sentence. What is not known stays as it is;
 * behind known sentences it may be what a program wrote.
 */
export function told(text: string): string {
  if (!text || translations === NONE) return text;
  const whole = known(text);
  if (typeof whole === "string") return whole;
  const sentences = text.split(/(?<=[.!?]) /);
  for (let size = Math.min(sentences.length, MOST_SENTENCES); size > 0; size -= 1) {
    const found = toldInParts(sentences.slice(0, size));
    if (found !== null) return [found, ...sentences.slice(size)].join(" ");
  }
  return toldAsOne(text) ?? text;
}

/** The shortest beginning that is known, if the rest is known too. */
function toldInParts(sentences: string[]): string | null {
  if (sentences.length === 0) return "";
  for (let size = 1; size <= sentences.length; size += 1) {
    const found = toldAsOne(sentences.slice(0, size).join(" "));
    const rest = found === null ? null : toldInParts(sentences.slice(size));
    if (rest !== null) return `${found}${rest}`;
  }
  return null;
}

/** A text as the catalogue has it, or with values; those may be texts themselves. */
function toldAsOne(text: string): string | null {
  const found = known(text);
  if (typeof found === "string") return found;
  for (const [form, said] of (forms ??= allForms())) {
    const values = form.exec(text);
    if (values) return said.replace(/\{(\d)\}/g, (_, number: string) => toldAsOne(values[Number(number) + 1] ?? "") ?? values[Number(number) + 1] ?? "");
  }
  return null;
}

/** The texts into which the server has put values: `{0}`, `{1}`, in this order. They alone are there by their English. */
function allForms(): [RegExp, string][] {
  return Object.entries(translations.texts).flatMap(([text, said]): [RegExp, string][] => {
    if (typeof said !== "string" || !/\{\d\}/.test(text)) return [];
    const pattern = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\\\{\d\\\}/g, "(.+?)");
    return [[new RegExp(`^${pattern}$`, "s"), said]];
  });
}
