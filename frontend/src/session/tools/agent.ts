// A sub-agent: what it was asked, and what it brought back; its own steps are nested below.

import { html, nothing } from "lit";
import { gettext } from "../../i18n.ts";
import { str } from "../../json.ts";
import { readable } from "../tools.ts";
import { type Body, failure, folded, prose } from "./body.ts";

export const agentBody: Body = (context) => {
  const { item, result } = context;
  const answer = readable(result?.text ?? "");
  return html`<p class="tool-part">${gettext("Its task")}</p>${folded(context, "prompt", str(item.input.prompt), { lines: 8 })}
    ${!result ? nothing : result.isError ? failure(context) : html`<p class="tool-part">${gettext("What it brought back")}</p>${prose(answer)}`}`;
};
