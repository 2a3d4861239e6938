// How each tool of the agent is told in one line: icon, verb, target; and what it found or did, in a few words.

import { gettext, ngettext } from "../i18n.ts";
import { arr, num, obj, str, text } from "../json.ts";
import type { IconName } from "../icons.ts";
import { mcpTool } from "../permission/names.ts";
import type { Json } from "../protocol.ts";
import type { ToolResult } from "./conversation.ts";

export { countsOf, type Patch, type PatchLine, patchOf } from "./tools/patch.ts";

export interface ToolLine { icon: IconName; verb: string; target: string; /** What is said, rather than a path, a pattern or a command. */ isProse?: true }

/** A path as seen from the working tree, or from where the agent keeps what is its own. */
export const shortPath = (path: string): string => path.replace(/^(?:\/workspace|\/home\/agent\/\.claude)\//, "");

const firstQuestion = (input: Json): string => str(obj(arr(input.questions)[0]).question);

function rangeOf(input: Json): string {
  const [from, count] = [num(input.offset) || 1, num(input.limit)];
  if (!input.offset && !count) return "";
  return count ? gettext("lines {from}–{to}", { from, to: from + count - 1 }) : gettext("from line {from}", { from });
}

const withMore = (...parts: string[]): string => parts.filter(Boolean).join(" · ");

export function toolLine(name: string, input: Json): ToolLine {
  const path = shortPath(str(input.file_path) || str(input.notebook_path) || str(input.path));
  switch (name) {
    case "Bash": return { icon: "terminal", verb: gettext("Run"), target: str(input.command) };
    case "BashOutput":
    case "TaskOutput": return { icon: "terminal", verb: gettext("Read output"), target: str(input.bash_id) || str(input.task_id) };
    case "KillShell":
    case "KillBash":
    case "TaskStop": return { icon: "stop", verb: gettext("Stop task"), target: str(input.shell_id) || str(input.task_id) };
    case "Read": return { icon: "fileText", verb: gettext("Read"), target: withMore(path, rangeOf(input)) };
    case "NotebookRead": return { icon: "fileText", verb: gettext("Read"), target: path };
    case "Write": return { icon: "filePen", verb: gettext("Write"), target: path };
    case "Edit":
    case "MultiEdit": return { icon: "filePen", verb: gettext("Edit"), target: path };
    case "NotebookEdit": return { icon: "filePen", verb: gettext("Edit notebook"), target: withMore(path, str(input.cell_id)) };
    case "Grep": return { icon: "search", verb: gettext("Search"), target: withMore(str(input.pattern), path, str(input.glob) || str(input.type)) };
    case "Glob": return { icon: "search", verb: gettext("Find files"), target: withMore(str(input.pattern), path) };
    case "LS": return { icon: "search", verb: gettext("List folder"), target: path };
    case "WebFetch": return { icon: "globe", verb: gettext("Fetch"), target: str(input.url) };
    case "WebSearch": return { icon: "globe", verb: gettext("Search the web"), target: str(input.query), isProse: true };
    case "Task":
    case "Agent": return { icon: "bot", verb: gettext("Sub-agent"), target: str(input.description) || str(input.subagent_type), isProse: true };
    case "TodoWrite": return { icon: "list", verb: gettext("Task list"), target: currentTask(input), isProse: true };
    case "TaskCreate": return { icon: "list", verb: gettext("Add task"), target: str(input.subject), isProse: true };
    case "TaskUpdate": return { icon: "list", verb: gettext("Update task"), target: str(input.subject) || (text(input.taskId) ? `#${text(input.taskId)}` : ""), isProse: true };
    case "TaskList": return { icon: "list", verb: gettext("Look at the tasks"), target: "" };
    case "EnterPlanMode": return { icon: "list", verb: gettext("Begin to plan"), target: "" };
    case "ExitPlanMode": return { icon: "list", verb: gettext("Propose a plan"), target: "" };
    case "AskUserQuestion": return { icon: "question", verb: gettext("Question"), target: firstQuestion(input), isProse: true };
    case "Skill": return { icon: "wrench", verb: gettext("Use skill"), target: str(input.skill) || str(input.command) };
    default: {
      const mcp = mcpTool(name);
      return { icon: "wrench", verb: mcp ? gettext("Use {tool} ({server})", { tool: mcp.name, server: mcp.server }) : name, target: str(input.description) || path, isProse: true };
    }
  }
}

export type TodoState = "pending" | "in_progress" | "completed";
export interface Todo { text: string; state: TodoState }

/** The tasks of a list, whatever of it has the right shape. */
export function todosOf(input: Json): Todo[] {
  return arr(input.todos).filter((one) => typeof one === "object" && one !== null).map(obj).map((one) => {
    const state: TodoState = one.status === "completed" || one.status === "in_progress" ? one.status : "pending";
    return { text: (state === "in_progress" ? str(one.activeForm) : "") || str(one.content), state };
  });
}

const currentTask = (input: Json): string => todosOf(input).find((one) => one.state === "in_progress")?.text ?? "";

/** The result as people read it: without what the agent's program adds for the model. */
export const readable = (text: string): string => (/^\(Bash completed with no output\)\s*$/.test(text) ? "" : text.replace(/\n*<system-reminder>[\s\S]*?<\/system-reminder>\s*/g, ""));

/** How a command that failed ended. */
export function exitCodeOf({ text, isError }: Pick<ToolResult, "text" | "isError">): number | null {
  const found = isError ? /^Exit code (\d+)\b/.exec(text) : null;
  return found ? Number(found[1]) : null;
}

const lineCount = (text: string): number => text.split("\n").filter((line) => line.trim()).length;

/** The agent's program counts an empty line after the last one. */
const linesRead = (text: string): number => text.replace(/\n+$/, "").replace(/\n\s*\d+(?:→|\t)$/, "").split("\n").length;

/** How many things a search found. */
export function foundCount(name: string, input: Json, text: string): number {
  if (/^No (?:files|matches) found/.test(text)) return 0;
  const told = /^Found (\d+)/.exec(text) ?? /Found (\d+) total/.exec(text);
  if (told) return Number(told[1]);
  if (name === "Grep" && (input["-C"] || input["-A"] || input["-B"] || input.context)) return text.split("\n").filter((line) => /^(?:[^:]*:)?\d+:/.test(line)).length;
  return lineCount(text.replace(/^\(Results are truncated.*$/m, ""));
}

/** What came of a call, for its line; empty when the outcome says enough. */
export function noteOf(name: string, input: Json, result: ToolResult | null): string {
  if (name === "TodoWrite") {
    const todos = todosOf(input);
    return todos.length ? gettext("{done} of {all} done", { done: todos.filter((one) => one.state === "completed").length, all: todos.length }) : "";
  }
  if (name === "TaskUpdate") return { completed: gettext("done"), in_progress: gettext("at work"), pending: gettext("to do") }[str(input.status)] ?? "";
  if (name === "Bash" && input.run_in_background === true) return gettext("in background");
  if (!result) return "";
  const code = name === "Bash" ? exitCodeOf(result) : null;
  if (code !== null) return gettext("exit {n}", { n: code });
  if (result.isError) return "";
  const text = readable(result.text);
  if (name === "Grep" && input.output_mode === "content") return ngettext("{count} match", "{count} matches", foundCount(name, input, text));
  if (name === "Grep" || name === "Glob") return ngettext("{count} file", "{count} files", foundCount(name, input, text));
  if (name === "Read" && text) return result.images.length ? "" : ngettext("{count} line", "{count} lines", linesRead(text));
  return "";
}

export const isWriting = (name: string): boolean => ["Write", "Edit", "MultiEdit", "NotebookEdit"].includes(name);
export const isSubAgent = (name: string): boolean => name === "Task" || name === "Agent";

/** Calls of which many in a row are told in one line. */
export type GroupKind = "read" | "search" | "look";
const GROUPS: Record<string, GroupKind> = { Read: "read", NotebookRead: "read", Grep: "search", Glob: "search", LS: "search" };

/** A single plain command that only looks. */
const LOOKS = /^(?:rg|grep|egrep|fgrep|find|fd|ls|tree|cat|head|tail|wc|pwd|which|file|stat|git (?:grep|log|show|diff|status|ls-files|blame))(?:\s[^;&|<>`$\n]*)?$/;
const ACTS = /\s-(?:delete|exec|execdir|ok|okdir|fprint\w*)\b|\s--output\b/;

export function groupOf(name: string, input: Json): GroupKind | null {
  if (name === "Bash") return input.run_in_background !== true && LOOKS.test(str(input.command).trim()) && !ACTS.test(str(input.command)) ? "look" : null;
  return Object.hasOwn(GROUPS, name) ? (GROUPS[name] ?? null) : null;
}
