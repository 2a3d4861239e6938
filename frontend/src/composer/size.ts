// How large a message may be, and what is said before it is too large.

import { bytes as sized } from "../format.ts";
import { gettext } from "../i18n.ts";

export const MOST_BYTES = 4 * 2 ** 20;
export const FOLDED_FROM = 5000;
const TOLD_FROM = 0.75;

/** As the server counts; long text is only measured when it may matter. */
export function bytesOf(texts: readonly string[]): number {
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  if (characters * 3 < MOST_BYTES * TOLD_FROM) return characters;
  return texts.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0);
}

export interface SizeWord { text: string; isTooLarge: boolean }

/** Null while there is nothing to worry about. */
export function sizeWord(bytes: number): SizeWord | null {
  if (bytes < MOST_BYTES * TOLD_FROM) return null;
  const values = { size: sized(bytes), most: sized(MOST_BYTES) };
  if (bytes > MOST_BYTES) return { text: gettext("{size}: a message has at most {most}. Put long text into a file.", values), isTooLarge: true };
  return { text: gettext("{size} of {most}", values), isTooLarge: false };
}

/** The message as it is sent: what was typed, then what was pasted and folded, in full. */
export const wholeText = (text: string, folded: readonly string[]): string => [text.trim() ? text : "", ...folded].filter(Boolean).join("\n\n");
