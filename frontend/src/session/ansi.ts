// Output as terminals show it: colours and weight as names of classes; everything else that a terminal would obey is dropped.

export interface AnsiPiece { text: string; classes: string }

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
// CSI, OSC and the like (ended by BEL or ST), and two-character escapes.
const ESCAPES = /\u001b(?:\[([0-?]*)[ -/]*([@-~])|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])|\u009b[0-?]*[ -/]*[@-~]/g;
const HAS_ANY = /[\u001b\u009b\r\u0008]/;

interface Style { colour: string; back: string; bold: boolean; dim: boolean; italic: boolean; under: boolean }
const PLAIN: Style = { colour: "", back: "", bold: false, dim: false, italic: false, under: false };

function withoutBackspaces(line: string): string {
  if (!line.includes("\b")) return line;
  const kept: string[] = [];
  for (const character of line) {
    if (character === "\b") kept.pop();
    else kept.push(character);
  }
  return kept.join("");
}

/** What a line looks like in the end when parts of it were written over: progress bars leave their last state. */
function settled(text: string): string {
  if (!text.includes("\r") && !text.includes("\b")) return text;
  return text.replace(/\r+\n/g, "\n").split("\n").map((line) => {
    const parts = line.split("\r").filter(Boolean);
    return withoutBackspaces(parts.at(-1) ?? "");
  }).join("\n");
}

/** The text in pieces of one look each. */
export function ansiPieces(text: string): AnsiPiece[] {
  if (!HAS_ANY.test(text)) return text ? [{ text, classes: "" }] : [];
  const source = settled(text);
  const pieces: AnsiPiece[] = [];
  let style = PLAIN;
  let from = 0;
  const put = (to: number): void => {
    const said = source.slice(from, to);
    const classes = classesOf(style);
    const last = pieces.at(-1);
    if (said && last?.classes === classes) last.text += said;
    else if (said) pieces.push({ text: said, classes });
  };
  for (const match of source.matchAll(ESCAPES)) {
    put(match.index);
    from = match.index + match[0].length;
    if (match[2] === "m") style = styled(style, match[1] ?? "");
  }
  put(source.length);
  return pieces;
}

/** The text as it would be read, without any look. */
export const withoutAnsi = (text: string): string => (HAS_ANY.test(text) ? settled(text).replace(ESCAPES, "") : text);

function classesOf({ colour, back, bold, dim, italic, under }: Style): string {
  return [colour && `ansi-${colour}`, back && `ansi-on-${back}`, bold && "ansi-bold", dim && "ansi-dim", italic && "ansi-italic", under && "ansi-under"].filter(Boolean).join(" ");
}

/** The style after one sequence of codes; ones that we do not show are left out, with what belongs to them. */
function styled(before: Style, given: string): Style {
  const codes = given.split(/[;:]/).map((code) => Number(code || 0));
  let style = { ...before };
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] ?? 0;
    if (code === 38 || code === 48) {
      const colour = codes[index + 1] === 5 ? (NAMES[(codes[index + 2] ?? 99) % 8] ?? "") : "";
      const isNamed = codes[index + 1] === 5 && (codes[index + 2] ?? 99) < 16;
      if (isNamed) style = code === 38 ? { ...style, colour } : { ...style, back: colour };
      index += codes[index + 1] === 5 ? 2 : codes[index + 1] === 2 ? 4 : 0;
    } else style = after(style, code);
  }
  return style;
}

function after(style: Style, code: number): Style {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 3) return { ...style, italic: true };
  if (code === 4) return { ...style, under: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 23) return { ...style, italic: false };
  if (code === 24) return { ...style, under: false };
  if (code === 39) return { ...style, colour: "" };
  if (code === 49) return { ...style, back: "" };
  const [group, name] = [Math.floor(code / 10), NAMES[code % 10] ?? ""];
  if ((group === 3 || group === 9) && name) return { ...style, colour: name };
  if ((group === 4 || group === 10) && name) return { ...style, back: name };
  return style;
}
