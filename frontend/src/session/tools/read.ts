// A file that was read: its lines with their numbers.

import { html } from "lit";
import { languageOfPath } from "../../highlight.ts";
import { gettext } from "../../i18n.ts";
import { str } from "../../json.ts";
import { readable } from "../tools.ts";
import { type Body, linesView, output } from "./body.ts";
import type { PatchLine } from "./patch.ts";

const NUMBERED = /^\s*(\d+)(?:→|\t)(.*)$/;

/** The lines as the agent's program numbers them; null when it did not. */
export function numberedLines(text: string): PatchLine[] | null {
  const lines = text.replace(/\n+$/, "").split("\n").map((line) => NUMBERED.exec(line));
  // It counts an empty line after the last one.
  if (lines.length > 1 && lines.at(-1)?.[2] === "") lines.pop();
  if (!lines.length || lines.some((line) => !line)) return null;
  return lines.map((line) => ({ kind: " ", text: line?.[2] ?? "", old: null, new: Number(line?.[1]) }));
}

export const readBody: Body = (context) => {
  const { item, result } = context;
  const lines = result && !result.isError ? numberedLines(readable(result.text)) : null;
  if (!lines) return output(context);
  const path = str(item.input.file_path);
  return html`${linesView(context, [{ header: "", lines }], { language: languageOfPath(path), label: gettext("Lines of the file"), some: 30 })}
    ${result?.isTruncated ? html`<p class="soft">${gettext("The output was longer and has been cut.")}</p>` : ""}`;
};
