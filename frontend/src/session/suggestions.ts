// What "always allow" would mean: the agent's suggestions, read as the data of a stranger.

import { gettext } from "../i18n.ts";
import { arr, obj, str } from "../json.ts";
import { mcpTool } from "../permission/names.ts";
import type { Json } from "../protocol.ts";

/** One thing that would hold from now on; `place` is how the server calls it, `rule` how it is kept, `until` how long it holds without being kept. */
export interface Lasting { place: string; rule: string; words: string; until: string; /** What the button says that allows it. */ button: string }

/** One rule as the agent's program writes it in its settings, and as it is kept. */
function ruleText(given: unknown): string {
  const { toolName, ruleContent } = obj(given);
  if (typeof toolName !== "string" || !toolName) return "";
  if (typeof ruleContent !== "string" || !ruleContent || ruleContent === "*") return toolName;
  return `${toolName}(${ruleContent.replace(/[\\()]/g, (character) => `\\${character}`)})`;
}

/** What a rule allows. */
function ruleWords(given: unknown): Pick<Lasting, "words" | "button"> {
  const { toolName, ruleContent } = obj(given);
  const [tool, content] = [str(toolName), str(ruleContent)];
  const button = gettext("Always allow {tool}", { tool: mcpTool(tool)?.name ?? tool });
  if (!content || content === "*") return { words: gettext("Every use of {tool}", { tool }), button };
  if (tool !== "Bash") return { words: gettext("{tool}, only for “{content}”", { tool, content }), button };
  const start = /^(.*?)(?::\*| \*)$/s.exec(content)?.[1];
  if (!content.includes("*")) return { words: gettext("Just this command"), button: gettext("Always allow this command") };
  return { words: start && !start.includes("*") ? gettext("Every command that begins with “{start}”", { start }) : gettext("Commands of this form; * stands for anything"), button: gettext("Always allow these commands") };
}

/** The mode becomes the session's own; folders are known to the process alone. */
function otherWords(suggestion: Json): Omit<Lasting, "place" | "rule"> | null {
  if (suggestion.type === "setMode" && suggestion.mode === "acceptEdits") return { words: gettext("Edit any file in its folder"), until: gettext("In this session, until you change its mode"), button: gettext("Allow all edits") };
  const folders = suggestion.type === "addDirectories" ? arr(suggestion.directories).map(str).filter(Boolean).join(", ") : "";
  return folders ? { words: gettext("Work in {folders}", { folders }), until: gettext("In this session, until its agent is restarted"), button: gettext("Allow these folders") } : null;
}

/** All that could be allowed for good, each once; nothing when there is nothing. */
export function lastingOf(suggestions: readonly unknown[]): Lasting[] {
  const found = suggestions.map(obj).flatMap((one, at): Lasting[] => {
    if (one.type === "addRules" && one.behavior === "allow") return arr(one.rules).map((rule, index) => ({ place: `${at}.${index}`, rule: ruleText(rule), until: "", ...ruleWords(rule) })).filter(({ rule }) => rule);
    const other = otherWords(one);
    return other ? [{ place: String(at), rule: "", ...other }] : [];
  });
  return found.filter((one, index) => found.findIndex((other) => other.rule === one.rule && other.words === one.words) === index);
}
