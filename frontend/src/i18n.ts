// Marks strings for translation (`makemessages -d djangojs` finds `gettext`) and fills in `{names}`.

let catalogue: Record<string, string> = {};

/** Takes the translations that the server put into the page, if there are any. */
export function loadTranslations(text: string | null | undefined): void {
  if (text) catalogue = JSON.parse(text) as Record<string, string>;
}

export function gettext(message: string, values: Record<string, string | number> = {}): string {
  const text = catalogue[message] ?? message;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

export function ngettext(one: string, many: string, count: number): string {
  return gettext(count === 1 ? one : many, { count });
}
