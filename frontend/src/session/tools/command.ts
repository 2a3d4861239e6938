// A command: what was run, what it wrote, how it ended.

import { html, nothing } from "lit";
import { plain } from "../../elements/base.ts";
import { gettext } from "../../i18n.ts";
import { str } from "../../json.ts";
import { exitCodeOf } from "../tools.ts";
import { type Body, folded, output } from "./body.ts";

/** So many characters of a command are in its line also on a phone. */
const SEEN_ANYWHERE = 20;

export const commandBody: Body = (context) => {
  const { input } = context.item;
  const { result } = context;
  const command = str(input.command);
  const code = result ? exitCodeOf(result) : null;
  const written = result?.text.replace(/^Exit code \d+\n?/, "") ?? "";
  return html`${input.description ? html`<p class="soft">${plain(str(input.description))}</p>` : nothing}
    ${command.length > SEEN_ANYWHERE || command.includes("\n") ? html`<pre class="command" tabindex="0"><code>${plain(command)}</code></pre>` : nothing}
    ${input.run_in_background === true ? html`<p class="soft">${gettext("It runs in the background, and the agent goes on meanwhile.")}</p>` : nothing}
    ${code === null ? output(context, { isTerminal: true }) : html`${written.trim() ? folded(context, "output", written, { isTerminal: true, cut: result?.isTruncated ?? false }) : nothing}
      <p class="removed">${gettext("It ended with exit code {n}.", { n: code })}</p>`}`;
};

/** What a command in the background wrote by now. */
export const outputBody: Body = (context) => output(context, { isTerminal: true });
