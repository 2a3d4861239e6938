// How each tool of the agent is told in one line: icon, verb, target; and what unfolds below it.

import { gettext } from "../i18n.ts";
import type { IconName } from "../icons.ts";
import type { Json } from "../protocol.ts";

export interface ToolLine { icon: IconName; verb: string; target: string; isCommand?: boolean }
export interface PatchLine { kind: " " | "+" | "-"; text: string; old: number | null; new: number | null }
export interface Patch { header: string; lines: PatchLine[] }

const str = (value: unknown): string => (typeof value === "string" ? value : "");

/** A path as seen from the working tree. */
export const shortPath = (path: string): string => path.replace(/^\/workspace\//, "");

export function toolLine(name: string, input: Json): ToolLine {
  const path = shortPath(str(input.file_path) || str(input.notebook_path) || str(input.path));
  switch (name) {
    case "Bash": return { icon: "terminal", verb: gettext("Run"), target: str(input.command), isCommand: true };
    case "Read": return { icon: "fileText", verb: gettext("Read"), target: path };
    case "Write": return { icon: "filePen", verb: gettext("Write"), target: path };
    case "Edit":
    case "MultiEdit":
    case "NotebookEdit": return { icon: "filePen", verb: gettext("Edit"), target: path };
    case "Grep": return { icon: "search", verb: gettext("Search"), target: [str(input.pattern), path].filter(Boolean).join(" · ") };
    case "Glob": return { icon: "search", verb: gettext("Find files"), target: str(input.pattern) };
    case "WebFetch": return { icon: "globe", verb: gettext("Fetch"), target: str(input.url) };
    case "WebSearch": return { icon: "globe", verb: gettext("Search the web"), target: str(input.query) };
    case "Task":
    case "Agent": return { icon: "bot", verb: gettext("Sub-agent"), target: str(input.description) || str(input.subagent_type) };
    case "TodoWrite":
    case "TaskCreate":
    case "TaskUpdate": return { icon: "list", verb: gettext("Plan work"), target: str(input.subject) };
    case "ExitPlanMode": return { icon: "list", verb: gettext("Show the plan"), target: "" };
    case "AskUserQuestion": return { icon: "question", verb: gettext("Ask you"), target: "" };
    default: return { icon: "wrench", verb: name, target: str(input.description) || path };
  }
}

const textLines = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

function hunkOf(hunk: Json): Patch {
  let old = Number(hunk.old_start ?? hunk.oldStart ?? 1);
  let fresh = Number(hunk.new_start ?? hunk.newStart ?? 1);
  const raw = Array.isArray(hunk.lines) ? (hunk.lines as unknown[]) : [];
  const lines = raw.map((line): PatchLine => {
    const whole = typeof line === "string" ? line : `${str((line as Json).kind)}${str((line as Json).text)}`;
    const kind = whole.startsWith("+") ? "+" : whole.startsWith("-") ? "-" : " ";
    return { kind, text: whole.slice(1), old: kind === "+" ? null : old++, new: kind === "-" ? null : fresh++ };
  });
  return { header: str(hunk.header), lines };
}

const allOf = (kind: "+" | "-", text: string): PatchLine[] =>
  textLines(text).map((line, index) => ({ kind, text: line, old: kind === "-" ? index + 1 : null, new: kind === "+" ? index + 1 : null }));

/** The change that a writing tool makes: the result's own hunks, else what its input says. */
export function patchOf(name: string, input: Json, patch: unknown): Patch[] {
  const hunks = Array.isArray(patch) ? patch : ((patch as Json | null)?.hunks as unknown[] | undefined);
  if (Array.isArray(hunks) && hunks.length) return hunks.map((hunk) => hunkOf(hunk as Json));
  if (name === "Write") return [{ header: "", lines: allOf("+", str(input.content)) }];
  const edits = name === "Edit" ? [input] : name === "MultiEdit" && Array.isArray(input.edits) ? (input.edits as Json[]) : [];
  return edits.map((edit) => ({ header: "", lines: [...allOf("-", str(edit.old_string)), ...allOf("+", str(edit.new_string))].map((line) => ({ ...line, old: null, new: null })) }));
}

export const countsOf = (patches: Patch[]): { added: number; removed: number } => {
  const lines = patches.flatMap((patch) => patch.lines);
  return { added: lines.filter((line) => line.kind === "+").length, removed: lines.filter((line) => line.kind === "-").length };
};

export const isWriting = (name: string): boolean => ["Write", "Edit", "MultiEdit"].includes(name);
export const isSubAgent = (name: string): boolean => name === "Task" || name === "Agent";
