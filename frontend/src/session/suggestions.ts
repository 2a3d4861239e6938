// What "always allow" would mean: the agent's suggestions, read as the data of a stranger.

import { gettext } from "../i18n.ts";
import type { Json } from "../protocol.ts";

export interface Always { rules: string[]; others: string[] }

const obj = (value: unknown): Json => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** One rule as the agent's program writes it in its settings, and as it is kept. */
function ruleText(given: unknown): string {
  const { toolName, ruleContent } = obj(given);
  if (typeof toolName !== "string" || !toolName) return "";
  if (typeof ruleContent !== "string" || !ruleContent || ruleContent === "*") return toolName;
  return `${toolName}(${ruleContent.replace(/[\\()]/g, (character) => `\\${character}`)})`;
}

function otherText(suggestion: Json): string {
  if (suggestion.type === "setMode" && suggestion.mode === "acceptEdits") return gettext("All edits of files, while this agent runs");
  if (suggestion.type === "addDirectories") return gettext("Work in {folders}, while this agent runs", { folders: list(suggestion.directories).map(String).join(", ") });
  return "";
}

/** Null when there is nothing that could be allowed for good. */
export function alwaysOf(suggestions: readonly unknown[]): Always | null {
  const all = suggestions.map(obj);
  const rules = all.filter((one) => one.type === "addRules" && one.behavior === "allow").flatMap((one) => list(one.rules).map(ruleText));
  const others = all.map(otherText).filter(Boolean);
  const found = { rules: [...new Set(rules.filter(Boolean))], others };
  return found.rules.length || found.others.length ? found : null;
}
