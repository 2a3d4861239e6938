// Finding by a few letters: what matches, how well, and which letters to show as matched.

export interface Match { score: number; positions: number[] }

/** The same letters in another case, one for one, so that positions stay true. */
const folded = (text: string): string => Array.from(text, (letter) => (letter.toLowerCase().length === letter.length ? letter.toLowerCase() : letter)).join("");

const isWordStart = (text: string, at: number): boolean => at === 0 || /[\s\-_/.:·(]/.test(text[at - 1] ?? "") || (/[A-Z]/.test(text[at] ?? "") && /[a-z]/.test(text[at - 1] ?? ""));

const WHOLE = 100;
const INSIDE = 60;
const SCATTERED = 30;

function run(from: number, length: number): number[] {
  return Array.from({ length }, (_, index) => from + index);
}

function asPiece(text: string, small: string, word: string): Match | null {
  let best: Match | null = null;
  for (let at = small.indexOf(word); at >= 0; at = small.indexOf(word, at + 1)) {
    const score = (isWordStart(text, at) ? WHOLE : INSIDE) - Math.min(at, 40) / 4 - (small.length - word.length) / 50;
    if (!best || score > best.score) best = { score, positions: run(at, word.length) };
  }
  return best;
}

/** Letters in their order with others between; beginnings of words are preferred, and far scattered ones do not count. */
function asScattered(text: string, small: string, word: string): Match | null {
  const positions: number[] = [];
  let from = 0;
  for (const letter of word) {
    let at = small.indexOf(letter, from);
    if (at < 0) return null;
    for (let later = at; later >= 0 && later - from < 24; later = small.indexOf(letter, later + 1)) {
      if (later === from || isWordStart(text, later)) {
        at = later;
        break;
      }
    }
    positions.push(at);
    from = at + 1;
  }
  const span = (positions.at(-1) ?? 0) - (positions[0] ?? 0) + 1;
  const starts = positions.filter((at) => isWordStart(text, at)).length;
  if (span > word.length * 3 && starts < word.length) return null;
  return { score: SCATTERED + (20 * starts) / word.length - Math.min(20, (span - word.length) / 2), positions };
}

function ofWord(text: string, word: string): Match | null {
  const small = folded(text);
  return asPiece(text, small, word) ?? asScattered(text, small, word);
}

/** Every word of the query has to be in the title or, for less, in what else describes the thing; null when one is not. */
export function match(query: string, title: string, besides = ""): Match | null {
  const words = folded(query).split(/\s+/).filter(Boolean);
  const positions = new Set<number>();
  let score = 0;
  for (const word of words) {
    const found = ofWord(title, word);
    const aside = found ? null : asPiece(besides, folded(besides), word);
    if (!found && !aside) return null;
    score += found ? found.score : (aside?.score ?? 0) / 2;
    for (const at of found?.positions ?? []) positions.add(at);
  }
  return { score: words.length ? score / words.length : 0, positions: [...positions].sort((one, other) => one - other) };
}

/** The text in pieces, matched letters apart from others. */
export function marked(text: string, positions: readonly number[]): { text: string; isMatched: boolean }[] {
  const pieces: { text: string; isMatched: boolean }[] = [];
  const matched = new Set(positions);
  for (let at = 0; at < text.length; at += 1) {
    const last = pieces.at(-1);
    const isMatched = matched.has(at);
    if (last?.isMatched === isMatched) last.text += text[at];
    else pieces.push({ text: text[at] ?? "", isMatched });
  }
  return pieces;
}

/** What fits, the best first; what fits equally well keeps its order. */
export function ranked<T>(query: string, items: readonly T[], textOf: (item: T) => string, matching: (query: string, text: string) => Match | null = match): { item: T; match: Match }[] {
  return items
    .flatMap((item) => {
      const found = matching(query, textOf(item));
      return found ? [{ item, match: found }] : [];
    })
    .sort((a, b) => b.match.score - a.match.score);
}
