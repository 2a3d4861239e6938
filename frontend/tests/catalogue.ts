// Texts as catalogues are compiled: by their marks, by their English only where the server puts in values.

import { markOf, type Translations } from "../src/i18n.ts";

export const compiled = (texts: Translations["texts"]): Translations["texts"] =>
  Object.fromEntries(Object.entries(texts).map(([text, said]) => [/\{\d\}/.test(text) ? text : markOf(text), said]));
