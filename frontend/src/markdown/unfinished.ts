// Markdown that is still being written, made so that it reads now as it will when it is finished: nothing flashes up as raw signs and changes later.

// Each character can be read in one way only: otherwise a long line of signs would be tried in all of them.
const MARKERS_ONLY = /^[ \t>]*(?:[-=*+_~`#|:][ \t]*|\d[.)]?[ \t]*)+$/;
const DELIMITER_ROW = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const BEGINS_BLOCK = /^[ \t>]*(?:[-*+][ \t]|\d{1,9}[.)][ \t]|#{1,6}[ \t])/;
const OPEN_LINK = /!?\[([^\[\]\n]*)(?:\](?:\([^)\n]*|\[[^\]\n]*)?)?$|!$/;
const BEGINS_FENCE = /^[ \t>]*(?:`{3,}[^`]*|~{3,}.*)$/;
const OPENING_FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;

export interface Fence { sign: string; /** Where the code begins, after the line that opens it. */ begins: number }

/** The fence that the text begins with and does not close; null when it closes it, or begins otherwise. */
export function openFence(text: string): Fence | null {
  const end = text.indexOf("\n");
  const sign = OPENING_FENCE.exec(end < 0 ? text : text.slice(0, end))?.[1];
  if (!sign || end < 0) return null;
  return closes(text.slice(end + 1), sign) ? null : { sign, begins: end + 1 };
}

/** Whether one of the lines is the end of a fence. */
export const closes = (lines: string, sign: string): boolean => new RegExp(`^ {0,3}${sign[0]}{${sign.length},}[ \\t]*$`, "m").test(lines);

/** How much of a text within a fence is certain: a last line that may become the fence's end is not. */
export function certainCode(text: string, sign: string): number {
  const from = text.lastIndexOf("\n") + 1;
  return new RegExp(`^ {0,3}${sign[0]}+[ \\t]*$`).test(text.slice(from)) ? Math.max(0, from - 1) : text.length;
}

/** What of the text can be shown for good. It is what a block begins with that may still grow. */
export function showable(text: string): string {
  const { fence, endsAt } = lastFence(text);
  if (endsAt === text.length) return text;
  if (fence) return text.slice(0, fence.begins + certainCode(text.slice(fence.begins), fence.sign));
  return mended(withoutHalfTable(withoutHalfLine(text)));
}

/** The fence, of whatever list or quote, that is open at the end of the text; and where the last one ends that is not. */
function lastFence(text: string): { fence: Fence | null; endsAt: number } {
  let fence: Fence | null = null;
  let endsAt = -1;
  for (const { 0: line, index } of text.matchAll(/^[ \t>]*(?:[-*+]|\d+[.)])?[ \t]*(?:`{3,}|~{3,}).*\n?/gm)) {
    const sign = /`{3,}|~{3,}/.exec(line)?.[0] ?? "";
    const isEnd = fence && sign[0] === fence.sign[0] && sign.length >= fence.sign.length && line.trim().replace(/^[>\s]+/, "") === sign;
    if (isEnd) [fence, endsAt] = [null, index + line.length];
    else if (!fence && line.endsWith("\n") && (sign[0] === "~" || !line.slice(line.indexOf(sign) + sign.length).includes("`"))) fence = { sign, begins: index + line.length };
  }
  return { fence, endsAt };
}

/** A last line of nothing but signs may become a list, a heading, a rule or a fence. */
function withoutHalfLine(text: string): string {
  const from = text.lastIndexOf("\n") + 1;
  const line = text.slice(from);
  if (BEGINS_FENCE.test(line)) return text.slice(0, from);
  return line && MARKERS_ONLY.test(line) && !isInTable(text.slice(0, from)) ? text.slice(0, from) : text;
}

const lastLines = (text: string): { from: number; lines: string[] } => {
  const from = text.lastIndexOf("\n\n") + 1;
  return { from, lines: text.slice(from).split("\n") };
};

function isInTable(text: string): boolean {
  const { lines } = lastLines(text);
  return lines.some((line, index) => index > 0 && DELIMITER_ROW.test(line) && line.includes("|"));
}

/** Rows that become a table only with the line that follows the first. */
function withoutHalfTable(text: string): string {
  const { from, lines } = lastLines(text);
  const first = lines.findIndex((line) => /^ {0,3}\|/.test(line));
  if (first < 0) return text;
  const hasSecond = first + 2 < lines.length;
  if (hasSecond) return text;
  const before = lines.slice(0, first).join("\n");
  return text.slice(0, from) + before + (first ? "\n" : "");
}

/** Closes what is open in the last line of words: code, bold, links. */
function mended(text: string): string {
  const from = lastWords(text);
  const words = text.slice(from);
  const { closing, kept } = open(words.replace(/^\[[ xX]\]\s*$/, "").replace(OPEN_LINK, (_, label = "") => (/^[ xX]?$/.test(label) ? "" : label)));
  return text.slice(0, from) + kept + closing;
}

/** Where the paragraph, the item or the cell begins that is being written. */
function lastWords(text: string): number {
  const paragraph = text.lastIndexOf("\n\n") + 1;
  let at = paragraph;
  for (let from = paragraph; from >= 0 && from < text.length; ) {
    const end = text.indexOf("\n", from);
    const line = text.slice(from, end < 0 ? text.length : end);
    if (BEGINS_BLOCK.test(line)) at = from + (BEGINS_BLOCK.exec(line)?.[0].length ?? 0);
    else if (/^ {0,3}\|/.test(line)) at = from + line.replace(/\|[ \t]*$/, "").lastIndexOf("|") + 1;
    if (end < 0) break;
    from = end + 1;
  }
  return at;
}

const RUNS = /\\.|(`+)|(\*+|_+|~+)/gs;

/** Signs that are open at the end of the words, as what would close them; a sign that nothing follows yet is taken away. */
function open(words: string): { kept: string; closing: string } {
  const stack: string[] = [];
  let code = "";
  let codeAt = 0;
  let end = words.length;
  for (const match of words.matchAll(RUNS)) {
    const [whole, ticks, signs] = match;
    if (ticks) {
      if (!code) [code, codeAt] = [ticks, match.index + ticks.length];
      else if (ticks === code) code = "";
    } else if (signs && !code) {
      const after = match.index + whole.length;
      const left = step(stack, signs, words[match.index - 1] ?? " ", words[after] ?? " ");
      // What may yet begin or end something is not shown.
      if (after === words.length) end -= left;
    }
  }
  if (code) {
    const inside = words.slice(codeAt);
    // What may become the end of the code is not shown yet.
    const kept = inside.trim() ? words.replace(/`+$/, "") : words.slice(0, codeAt - code.length);
    return { kept: kept.trimEnd(), closing: (inside.trim() ? code : "") + stack.reverse().join("") };
  }
  const kept = words.slice(0, end);
  return stack.length || end < words.length ? { kept: kept.trimEnd(), closing: stack.reverse().join("") } : { kept, closing: "" };
}

/** One run of signs: it ends what it fits, or begins something. Says how many of them do neither. */
function step(stack: string[], signs: string, before: string, after: string): number {
  const isWordInside = signs[0] === "_" && /[\p{L}\p{N}]/u.test(before) && /[\p{L}\p{N}]/u.test(after);
  if (isWordInside || (/\s/.test(before) && /\s/.test(after))) return signs.length;
  let left = signs;
  while (!/\s/.test(before) && stack.length && left.startsWith(stack.at(-1) ?? "") && left) left = left.slice(stack.pop()?.length ?? 0);
  if (!left || /\s/.test(after)) return left.length;
  if (left.length === 3 && left[0] !== "~") stack.push(left.slice(0, 2), left.slice(0, 1));
  else if (left.length <= 2) stack.push(left);
  return 0;
}
