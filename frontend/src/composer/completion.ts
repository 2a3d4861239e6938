// What is being typed at the caret that a menu can finish: a command of the agent at a line's start, or a file after "@".

export interface Typing { kind: "command" | "file"; query: string; from: number; to: number }
export interface Edit { text: string; caret: number }

const COMMAND = /(?:^|\n)\/([^\s/]*)$/;
// Not in the middle of a word, as in an address; in scripts that have no blanks, anywhere.
const FILE = /(?<![\w.+-])@([^\s@"]*)$/;
const QUOTED_FILE = /(?<![\w.+-])@"([^"\n]*)$/;

/** Null when nothing before the caret asks for a menu. */
export function typingAt(text: string, caret: number): Typing | null {
  const before = text.slice(0, caret);
  const command = COMMAND.exec(before)?.[1];
  if (command !== undefined) return { kind: "command", query: command, from: caret - command.length - 1, to: caret + rest(text, caret) };
  const quoted = QUOTED_FILE.exec(before)?.[1];
  if (quoted !== undefined) return { kind: "file", query: quoted, from: caret - quoted.length - 2, to: caret + quotedRest(text, caret) };
  const file = FILE.exec(before)?.[1];
  if (file !== undefined) return { kind: "file", query: file, from: caret - file.length - 1, to: caret + rest(text, caret) };
  return null;
}

const rest = (text: string, caret: number): number => /^[^\s]*/.exec(text.slice(caret))?.[0].length ?? 0;

const quotedRest = (text: string, caret: number): number => {
  const end = /^[^"\n]*"/.exec(text.slice(caret));
  return end ? end[0].length : 0;
};

/** A file as the agent's program reads it in a message. */
export const mention = (path: string): string => (/[\s"]/.test(path) ? `@"${path.replaceAll('"', "")}"` : `@${path}`);

/** Puts what was chosen in the place of what was typed; one blank follows, unless more of the word is to come. */
export function finished(text: string, { from, to }: Typing, chosen: string, isWhole = true): Edit {
  const after = text.slice(to);
  const blank = isWhole && !/^[ \n]/.test(after) ? " " : "";
  const head = text.slice(0, from) + chosen + blank;
  return { text: head + after, caret: head.length + (isWhole && !blank ? 1 : 0) };
}

/** Puts a sign that opens a menu where the caret is, apart from the word before it; a command can only begin a line. */
export function opened(text: string, caret: number, sign: "@" | "/"): Edit {
  const before = text.slice(0, caret);
  const gap = before === "" || before.endsWith("\n") ? "" : sign === "/" ? "\n" : /\s$/.test(before) ? "" : " ";
  const head = before + gap + sign;
  return { text: head + text.slice(caret), caret: head.length };
}
