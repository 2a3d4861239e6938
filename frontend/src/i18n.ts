// Marks strings for translation (`makemessages -d djangojs` finds `gettext`) and fills in `{names}`.

/** What the server writes into the page: texts by their English, and which plural form each count takes. */
interface Translations { texts: Record<string, string | string[]>; plurals: number[] }

const NONE: Translations = { texts: {}, plurals: [] };
let translations = NONE;

/** Takes the translations that the server put into the page, if there are any. */
export function loadTranslations(text: string | null | undefined): void {
  translations = text ? { ...NONE, ...(JSON.parse(text) as Partial<Translations>) } : NONE;
}

function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}

const known = (message: string): string | string[] | undefined => (Object.hasOwn(translations.texts, message) ? translations.texts[message] : undefined);

export function gettext(message: string, values: Record<string, string | number> = {}): string {
  const found = known(message);
  return fill((Array.isArray(found) ? found[0] : found) || message, values);
}

/** Forms repeat with the last two digits of a count, in every language that gettext knows. */
const pluralOf = (count: number): number => translations.plurals[count < translations.plurals.length ? count : 100 + (count % 100)] ?? 0;

export function ngettext(one: string, many: string, count: number): string {
  const found = known(one);
  const text = Array.isArray(found) ? found[pluralOf(count)] : undefined;
  return fill(text || (count === 1 ? one : many), { count });
}
