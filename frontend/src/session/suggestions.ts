// What "always allow" would mean: the agent's suggestions, read as the data of a stranger.

import { gettext } from "../i18n.ts";
import { arr, obj, str } from "../json.ts";
import type { Json } from "../protocol.ts";

/** One thing that would hold from now on; `place` is how the server calls it, `rule` how it is kept. */
export interface Lasting { place: string; rule: string; words: string }

/** One rule as the agent's program writes it in its settings, and as it is kept. */
function ruleText(given: unknown): string {
  const { toolName, ruleContent } = obj(given);
  if (typeof toolName !== "string" || !toolName) return "";
  if (typeof ruleContent !== "string" || !ruleContent || ruleContent === "*") return toolName;
  return `${toolName}(${ruleContent.replace(/[\\()]/g, (character) => `\\${character}`)})`;
}

/** What a rule allows, in words; empty when its text says as much. */
function ruleWords(given: unknown): string {
  const { toolName, ruleContent } = obj(given);
  const [tool, content] = [str(toolName), str(ruleContent)];
  if (!content || content === "*") return gettext("Every use of {tool}", { tool });
  if (tool !== "Bash") return "";
  const start = /^(.*?)(?::\*| \*)$/s.exec(content)?.[1];
  if (start && !start.includes("*")) return gettext("Every command that begins with “{start}”", { start });
  return content.includes("*") ? gettext("Commands of this form; * stands for anything") : gettext("Just this command");
}

function otherWords(suggestion: Json): string {
  if (suggestion.type === "setMode" && suggestion.mode === "acceptEdits") return gettext("All edits of files, while this agent runs");
  if (suggestion.type === "addDirectories") return gettext("Work in {folders}, while this agent runs", { folders: arr(suggestion.directories).map(str).filter(Boolean).join(", ") });
  return "";
}

/** All that could be allowed for good, each once; nothing when there is nothing. */
export function lastingOf(suggestions: readonly unknown[]): Lasting[] {
  const found = suggestions.map(obj).flatMap((one, at): Lasting[] => {
    if (one.type === "addRules" && one.behavior === "allow") return arr(one.rules).map((rule, index) => ({ place: `${at}.${index}`, rule: ruleText(rule), words: ruleWords(rule) })).filter(({ rule }) => rule);
    const words = otherWords(one);
    return words ? [{ place: String(at), rule: "", words }] : [];
  });
  return found.filter((one, index) => found.findIndex((other) => other.rule === one.rule && other.words === one.words) === index);
}
