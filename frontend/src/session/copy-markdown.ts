// A conversation as Markdown: messages and answers as they are, tools as short blocks.

import { exactTime } from "../format.ts";
import { gettext } from "../i18n.ts";
import { str } from "../json.ts";
import { withoutAnsi } from "./ansi.ts";
import type { Conversation, Item, ToolItem } from "./conversation.ts";
import { countsOf, isSubAgent, isWriting, patchOf, readable, todosOf, toolLine } from "./tools.ts";

type State = Pick<Conversation, "results" | "children" | "resolutions">;

const MOST_LINES = 30;

/** A fence that the text cannot end. */
function fenced(text: string, language = ""): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.replace(/\n+$/, "")}\n${fence}`;
}

function short(text: string): string {
  const lines = text.replace(/\n+$/, "").split("\n");
  return lines.length <= MOST_LINES ? lines.join("\n") : [...lines.slice(0, MOST_LINES), gettext("… {n} more lines", { n: lines.length - MOST_LINES })].join("\n");
}

const quoted = (text: string): string => text.split("\n").map((line) => `> ${line}`.trimEnd()).join("\n");

function toolBlock(item: ToolItem, state: State): string {
  const { name, input } = item;
  const result = state.results.get(item.callId);
  const { verb, target } = toolLine(name, input);
  const one = target.split("\n", 1)[0] ?? "";
  const head = `**${verb}**${one ? ` \`${one.replaceAll("`", "'")}\`` : ""}${result?.isError ? ` (${result.isInterrupted ? gettext("interrupted") : gettext("failed")})` : ""}`;
  if (isWriting(name) && !result?.isError) {
    const patches = patchOf(name, input, result?.patch);
    const { added, removed } = countsOf(patches);
    const lines = patches.flatMap((patch) => patch.lines.map((line) => line.kind + line.text));
    return `${[head, added && `+${added}`, removed && `−${removed}`].filter(Boolean).join(" ")}\n\n${fenced(short(lines.join("\n")), "diff")}`;
  }
  if (name === "TodoWrite") return `${head}\n\n${todosOf(input).map(({ text, state: done }) => `- [${done === "completed" ? "x" : " "}] ${text}`).join("\n")}`;
  if (name === "Bash") return `${head}\n\n${fenced(str(input.command), "sh")}${result?.text ? `\n\n${fenced(short(withoutAnsi(readable(result.text))))}` : ""}`;
  const inner = isSubAgent(name) ? itemsMarkdown(state.children.get(item.callId) ?? [], state) : "";
  return [head, inner && quoted(inner), isSubAgent(name) && result ? quoted(readable(result.text)) : ""].filter(Boolean).join("\n\n");
}

export function itemMarkdown(item: Item, state: State): string {
  switch (item.type) {
    case "user": return item.isWithdrawn ? "" : `### ${item.author || gettext("Someone")} · ${exactTime(item.at)}\n\n${item.text}`;
    case "text": return item.text;
    case "tool": return toolBlock(item, state);
    case "notice": return [item.text && quoted(item.text), item.detail && fenced(short(item.detail))].filter(Boolean).join("\n\n");
    case "decision": {
      const resolution = state.resolutions.get(item.permission.id);
      return resolution?.reason ? quoted(resolution.reason) : "";
    }
    case "thinking": case "footer": case "begun": case "retried": case "compacted": case "restored": case "moved": return "";
  }
}

export const itemsMarkdown = (items: readonly Item[], state: State): string => items.map((item) => itemMarkdown(item, state)).filter(Boolean).join("\n\n");
