// Finds what people mean by a few letters of it: in this order, not necessarily side by side, best at the beginnings of words.

export interface Match { score: number; at: readonly number[] }

const TOGETHER = 12;
const WORD_START = 10;
const LAST_PART = 1;
const LONGEST_GAP = 12;
const NEVER = Number.NEGATIVE_INFINITY;
const LONGEST = 400;

const isSeparator = (character: string): boolean => /[\s/\\_.:-]/.test(character);

const isWordStart = (text: string, at: number): boolean => {
  const before = text[at - 1] ?? "/";
  const here = text[at] ?? "";
  return isSeparator(before) || (before === before.toLowerCase() && here !== here.toLowerCase());
};

/** The best way in which the letters of `query` are in `text`; null when they are not, and no letters are in everything. */
export function fuzzy(query: string, text: string): Match | null {
  const wanted = query.toLowerCase().replace(/\s+/g, "");
  if (!wanted) return { score: 0, at: [] };
  const given = text.slice(-LONGEST);
  const shift = text.length - given.length;
  const found = best(wanted, given);
  return found && { score: found.score - given.length / 100, at: found.at.map((at) => at + shift) };
}

const holds = (wanted: string, text: string): boolean => {
  let from = 0;
  for (const letter of wanted) {
    const at = text.indexOf(letter, from);
    if (at < 0) return false;
    from = at + letter.length;
  }
  return true;
};

/** Each row holds the best score with one more letter found, the letter being the one of its column. */
function best(wanted: string, text: string): Match | null {
  const lowered = text.toLowerCase();
  const letters = lowered.length === text.length ? lowered : text; // some letters grow when they become small
  if (!holds(wanted, letters)) return null;
  const lastPart = text.lastIndexOf("/", text.length - 2) + 1;
  const worth = (at: number): number => (isWordStart(text, at) ? WORD_START : 0) + (at >= lastPart ? LAST_PART : 0);
  const cameFrom: Int16Array[] = [];
  let row: Float64Array | null = null;
  for (const letter of wanted.split("")) {
    const [next, from] = nextRow(row, letters, letter, worth);
    cameFrom.push(from);
    row = next;
  }
  return row && traced(row, cameFrom);
}

/** One letter more: side by side with the one before, or after a gap, which costs the more the longer it is. */
function nextRow(before: Float64Array | null, letters: string, letter: string, worth: (at: number) => number): [Float64Array, Int16Array] {
  const row = new Float64Array(letters.length).fill(NEVER);
  const from = new Int16Array(letters.length).fill(-1);
  let far = -1; // the best place that is so far away that the distance no longer counts
  for (let at = 0; at < letters.length; at += 1) {
    const entering = at - LONGEST_GAP;
    if (before && entering >= 0 && (far < 0 || before[entering]! >= before[far]!)) far = entering;
    if (letters[at] !== letter) continue;
    if (!before) {
      row[at] = worth(at);
      continue;
    }
    let [score, origin] = [far < 0 ? NEVER : before[far]! - LONGEST_GAP, far];
    for (let one = Math.max(0, entering + 1); one < at; one += 1) {
      const here = before[one]! + (one === at - 1 ? TOGETHER : one - at);
      if (here >= score) [score, origin] = [here, one];
    }
    if (score === NEVER) continue;
    row[at] = score + worth(at);
    from[at] = origin;
  }
  return [row, from];
}

function traced(last: Float64Array, cameFrom: readonly Int16Array[]): Match | null {
  let end = -1;
  for (let at = 0; at < last.length; at += 1) if ((last[at] ?? NEVER) > (end < 0 ? NEVER : (last[end] ?? NEVER))) end = at;
  if (end < 0) return null;
  const at: number[] = [];
  for (let row = cameFrom.length - 1, here = end; row >= 0 && here >= 0; row -= 1) {
    at.unshift(here);
    here = cameFrom[row]?.[here] ?? -1;
  }
  return { score: last[end] ?? 0, at };
}

/** What fits, the best first; what fits equally well keeps its order. */
export function ranked<T>(query: string, items: readonly T[], textOf: (item: T) => string): { item: T; match: Match }[] {
  return items
    .flatMap((item) => {
      const match = fuzzy(query, textOf(item));
      return match ? [{ item, match }] : [];
    })
    .sort((a, b) => b.match.score - a.match.score);
}

export interface Letters { text: string; isFound: boolean }

/** A text in pieces, the found letters apart from the others. */
export function lettersOf(text: string, at: readonly number[]): Letters[] {
  const found = new Set(at);
  const runs: Letters[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const isFound = found.has(index);
    const last = runs.at(-1);
    if (last && last.isFound === isFound) last.text += text[index];
    else runs.push({ text: text[index] ?? "", isFound });
  }
  return runs;
}
