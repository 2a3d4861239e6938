// A file that was changed, made or cut up: the change, line by line.

import { html, nothing } from "lit";
import { languageOfPath } from "../../highlight.ts";
import { gettext } from "../../i18n.ts";
import { str } from "../../json.ts";
import { patchOf } from "../tools.ts";
import { type Body, failure, linesView, output } from "./body.ts";

export const editBody: Body = (context) => {
  const { name, input } = context.item;
  if (context.result?.isError) return failure(context);
  const patches = patchOf(name, input, context.result?.patch);
  if (!patches.some((patch) => patch.lines.length)) return output(context);
  const isNew = name === "Write" && !context.result?.patch;
  const language = name === "NotebookEdit" ? (input.cell_type === "markdown" ? "markdown" : "python") : languageOfPath(str(input.file_path));
  return html`${isNew ? html`<p class="soft">${gettext("The whole file")}</p>` : input.replace_all === true ? html`<p class="soft">${gettext("At every place where it is found")}</p>` : nothing}
    ${linesView(context, patches, { language, some: isNew ? 30 : 120 })}`;
};
