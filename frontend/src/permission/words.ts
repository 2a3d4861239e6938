// What the agent asks in a few words: for the card's head, for lists, for those who hear it.

import { gettext } from "../i18n.ts";
import type { IconName } from "../icons.ts";
import { str } from "../json.ts";
import type { Json, Permission } from "../protocol.ts";
import { toolLine } from "../session/tools.ts";
import { mcpTool } from "./names.ts";

export interface Heading { icon: IconName; text: string }

/** The question in a few words. */
export function headingOf({ kind, tool }: Permission): Heading {
  if (kind === "PLAN") return { icon: "list", text: gettext("Approve this plan?") };
  if (kind === "QUESTION") return { icon: "question", text: gettext("The agent asks") };
  switch (tool) {
    case "Bash": return { icon: "terminal", text: gettext("Run this command?") };
    case "Write": return { icon: "filePen", text: gettext("Write this file?") };
    case "Edit":
    case "MultiEdit":
    case "NotebookEdit": return { icon: "filePen", text: gettext("Change this file?") };
    case "Read": return { icon: "fileText", text: gettext("Read this file?") };
    case "WebFetch": return { icon: "globe", text: gettext("Fetch this page?") };
    case "WebSearch": return { icon: "globe", text: gettext("Search the web for this?") };
    default: return mcpTool(tool) ? { icon: "wrench", text: gettext("Use this server's tool?") } : { icon: "shield", text: gettext("May the agent do this?") };
  }
}

/** What is asked in one line, for lists, the folded card and those who hear it. */
export function summaryOf({ kind, tool, input }: Permission): string {
  if (kind === "PLAN") return str(input.plan).replace(/^[#\s]+/, "").split("\n", 1)[0] ?? "";
  if (kind === "QUESTION") return Array.isArray(input.questions) ? str((input.questions[0] as Json | undefined)?.question) : "";
  const mcp = mcpTool(tool);
  if (mcp) return `${mcp.server}: ${mcp.name}`;
  const { target } = toolLine(tool, input);
  return target.split("\n", 1)[0] || tool;
}

/** Whether what is asked says by itself what describes it: the command's own beginning, or the verb and the file. */
export function isSaid(description: string, input: Json): boolean {
  const said = description.replace(/…$|\.\.\.$/, "").trim().replace(/^[A-Z][A-Za-z]* (?=\S)/, "");
  return ["command", "file_path", "notebook_path", "url", "query", "pattern"].some((name) => str(input[name]).replace(/\s+/g, " ").includes(said.replace(/\s+/g, " ")));
}
