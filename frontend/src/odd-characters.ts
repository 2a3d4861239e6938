// Finds characters that hide, reorder or fake text, so that what a person approves is what they see.

export interface Piece { text: string; isOdd: boolean }

// Control characters but tab and line feed; soft hyphen, bidi marks and overrides, zero-width and other invisible characters,
// line separators, unusual blanks, variation selectors beyond emoji's own, and the tag block.
const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;

const named = (character: string): string => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;

/** The text in pieces; an odd character becomes its name, such as `U+202E`. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ODD)) {
    if (match.index > from) found.push({ text: text.slice(from, match.index), isOdd: false });
    found.push({ text: named(match[0]), isOdd: true });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ text: text.slice(from), isOdd: false });
  return found;
}
