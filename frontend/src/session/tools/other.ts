// Any other tool, of an MCP server or one that we do not know: what it was given, tidily, and what it answered.

import { html, nothing } from "lit";
import { gettext } from "../../i18n.ts";
import { type Body, linesView, output, type ToolContext } from "./body.ts";
import type { PatchLine } from "./patch.ts";

const asLines = (text: string): PatchLine[] => text.split("\n").map((line) => ({ kind: " ", text: line, old: null, new: null }));

function tidy(text: string): string | null {
  if (!/^\s*[[{]/.test(text) || text.length > 100_000) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

const given = (context: ToolContext): unknown =>
  Object.keys(context.item.input).length
    ? linesView(context, [{ header: "", lines: asLines(JSON.stringify(context.item.input, null, 2)) }], { language: "json", label: gettext("What the tool was given"), some: 20 })
    : nothing;

function answered(context: ToolContext): unknown {
  const { result, item } = context;
  const json = result && !result.isError ? tidy(result.text) : null;
  if (json === null) return output(context);
  const inner = { ...context, item: { ...item, key: `${item.key}:answer` } };
  return linesView(inner, [{ header: "", lines: asLines(json) }], { language: "json", label: gettext("What the tool answered"), some: 20 });
}

export const jsonBody: Body = (context) => html`${given(context)}${answered(context)}`;
