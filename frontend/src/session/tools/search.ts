// A search in files: what was looked for, and where it was found.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../../elements/base.ts";
import { gettext } from "../../i18n.ts";
import { foundCount, readable, shortPath } from "../tools.ts";
import { type Body, folded, output } from "./body.ts";

const MATCH = /^(.+?):(\d+):(.*)$/;
const MOST_LISTED = 200;

export interface Found { path: string; line: string; text: string }

/** Matches as `path:line:text`, and files as paths; null when the output is something else. */
export function foundIn(text: string): Found[] | null {
  const lines = text.split("\n").filter((line) => line.trim() && !/^Found \d+|^\(Results are truncated/.test(line));
  const found = lines.map((line) => {
    const match = MATCH.exec(line);
    return match ? { path: shortPath(match[1] ?? ""), line: match[2] ?? "", text: match[3] ?? "" } : { path: shortPath(line), line: "", text: "" };
  });
  return found.length && found.every(({ path, line }) => line !== "" || !/[\s{}()<>"=]/.test(path)) ? found : null;
}

const foundView = ({ path, line, text }: Found): TemplateResult =>
  html`<li><span class="found-path">${plain(path)}${line ? html`<span class="soft">:${line}</span>` : nothing}</span>${text ? html`<code class="cut">${plain(text.trim())}</code>` : nothing}</li>`;

export const searchBody: Body = (context) => {
  const { item, result } = context;
  if (!result || result.isError) return output(context);
  const text = readable(result.text);
  if (foundCount(item.name, item.input, text) === 0) return html`<p class="soft">${gettext("Nothing was found.")}</p>`;
  const found = foundIn(text);
  if (!found || found.length > MOST_LISTED) return folded(context, "output", text, { cut: result.isTruncated });
  return html`<ul class="found">${found.map(foundView)}</ul>${result.isTruncated ? html`<p class="soft">${gettext("The output was longer and has been cut.")}</p>` : nothing}`;
};
