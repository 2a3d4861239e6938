// Changes of files as lines: from the result of a call, or from what its input says.

import { arr, num, obj, str } from "../../json.ts";
import type { Json } from "../../protocol.ts";

export interface PatchLine { kind: " " | "+" | "-"; text: string; old: number | null; new: number | null }
export interface Patch { header: string; lines: PatchLine[] }

const textLines = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

function hunkOf(hunk: Json): Patch {
  let old = num(hunk.old_start ?? hunk.oldStart ?? 1);
  let fresh = num(hunk.new_start ?? hunk.newStart ?? 1);
  const lines = arr(hunk.lines).map((line): PatchLine => {
    const whole = typeof line === "string" ? line : `${str(obj(line).kind)}${str(obj(line).text)}`;
    const kind = whole.startsWith("+") ? "+" : whole.startsWith("-") ? "-" : " ";
    return { kind, text: whole.slice(1), old: kind === "+" ? null : old++, new: kind === "-" ? null : fresh++ };
  });
  return { header: str(hunk.header), lines };
}

const allOf = (kind: "+" | "-", text: string): PatchLine[] =>
  textLines(text).map((line, index) => ({ kind, text: line, old: kind === "-" ? index + 1 : null, new: kind === "+" ? index + 1 : null }));

/** An edit that only names what it replaces: lines that both begin or end with are not changes. */
function editOf(edit: Json): Patch {
  const [before, after] = [textLines(str(edit.old_string)), textLines(str(edit.new_string))];
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < before.length - head && tail < after.length - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  const line = (kind: PatchLine["kind"]) => (text: string): PatchLine => ({ kind, text, old: null, new: null });
  return {
    header: "",
    lines: [
      ...before.slice(0, head).map(line(" ")), ...before.slice(head, before.length - tail).map(line("-")),
      ...after.slice(head, after.length - tail).map(line("+")), ...after.slice(after.length - tail).map(line(" ")),
    ],
  };
}

/** The change that a writing tool makes: the result's own hunks, else what its input says. */
export function patchOf(name: string, input: Json, patch: unknown): Patch[] {
  const hunks = Array.isArray(patch) ? patch : arr(obj(patch).hunks);
  if (hunks.length) return hunks.map((hunk) => hunkOf(obj(hunk)));
  if (name === "Write") return [{ header: "", lines: allOf("+", str(input.content)) }];
  if (name === "NotebookEdit") return [{ header: "", lines: allOf(input.edit_mode === "delete" ? "-" : "+", str(input.new_source)) }];
  const edits = name === "Edit" ? [input] : name === "MultiEdit" ? arr(input.edits).map(obj) : [];
  return edits.map(editOf);
}

export const countsOf = (patches: readonly Patch[]): { added: number; removed: number } => {
  let [added, removed] = [0, 0];
  for (const { lines } of patches) for (const { kind } of lines) [added, removed] = [added + Number(kind === "+"), removed + Number(kind === "-")];
  return { added, removed };
};
