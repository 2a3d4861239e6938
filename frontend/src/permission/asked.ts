// What the agent asks to do, in full: each kind of tool as people read it, everything of it as text.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { languageOfPath } from "../highlight.ts";
import { gettext, ngettext } from "../i18n.ts";
import { str } from "../json.ts";
import type { Json, Permission } from "../protocol.ts";
import { lineCounts } from "../session/line-counts.ts";
import { patchView } from "../session/patch-view.ts";
import { countsOf, patchOf } from "../session/tools.ts";
import "./asked-code.ts";
import { addressParts, type McpTool, mcpTool } from "./names.ts";
import { isSaid } from "./words.ts";

export function askedView({ tool, input, description, cwd }: Permission): TemplateResult {
  const path = str(input.file_path) || str(input.notebook_path);
  const folder = cwd && !path.startsWith("/") ? html`<p class="asked-place soft">${gettext("Folder:")} <span class="mono">${plain(cwd)}</span></p>` : nothing;
  const about = description && !isSaid(description, input) ? html`<p class="asked-about">${plain(description)}</p>` : nothing;
  return html`${about}${bodyOf(tool, input)}${folder}`;
}

function bodyOf(tool: string, input: Json): TemplateResult {
  const path = str(input.file_path) || str(input.notebook_path);
  switch (tool) {
    case "Bash": return html`${input.run_in_background === true ? html`<p class="soft">${gettext("It goes on in the background.")}</p>` : nothing}<slw-asked-code .text=${str(input.command)} .language=${"bash"}></slw-asked-code>`;
    case "Write": return html`${pathView(path, ngettext("{count} line", "{count} lines", linesOf(str(input.content))))}<slw-asked-code .text=${str(input.content)} .language=${languageOfPath(path)}></slw-asked-code>`;
    case "Edit":
    case "MultiEdit": return editView(tool, path, input);
    case "WebFetch": return html`${addressView(str(input.url))}${input.prompt ? html`<p class="asked-about">${plain(str(input.prompt))}</p>` : nothing}`;
    case "WebSearch": return html`<p class="asked-query">${plain(str(input.query))}</p>${rest(input, ["query"])}`;
    case "Read": return html`${pathView(path)}${rest(input, ["file_path"])}`;
    default: return otherView(tool, input, mcpTool(tool));
  }
}

const linesOf = (text: string): number => (text === "" ? 0 : text.replace(/\n$/, "").split("\n").length);

function pathView(path: string, more = ""): TemplateResult {
  const cut = path.lastIndexOf("/") + 1;
  return html`<p class="asked-path mono"><span class="soft">${plain(path.slice(0, cut))}</span><b>${plain(path.slice(cut))}</b>${more ? html` <span class="soft asked-more">${more}</span>` : nothing}</p>`;
}

function editView(tool: string, path: string, input: Json): TemplateResult {
  const patches = patchOf(tool, input, null);
  const { added, removed } = countsOf(patches);
  return html`${pathView(path)}<p class="row">${lineCounts(added, removed)}${input.replace_all === true ? html` <span class="soft">${gettext("in all places where it stands")}</span>` : nothing}</p>${patchView(patches)}`;
}

/** The host stands out, since it is what decides where something goes. */
function addressView(url: string): TemplateResult {
  const parts = addressParts(url);
  if (!parts) return html`<pre class="command asked-address" tabindex="0"><code>${plain(url)}</code></pre>`;
  return html`<p class="asked-address mono"><span class="soft">${plain(parts.before)}</span><b>${plain(parts.host)}</b><span class="soft">${plain(parts.after)}</span></p>
    ${parts.ascii ? html`<p class="note warning">${gettext("This host is written with letters of other scripts. Its name for the network is {host}.", { host: parts.ascii })}</p>` : nothing}`;
}

function otherView(tool: string, input: Json, mcp: McpTool | null): TemplateResult {
  const what = mcp
    ? html`<dl class="asked-tool"><div><dt>${gettext("Server")}</dt><dd class="mono">${plain(mcp.server)}</dd></div><div><dt>${gettext("Tool")}</dt><dd class="mono">${plain(mcp.name)}</dd></div></dl>`
    : html`<p><b class="mono">${plain(tool)}</b></p>`;
  return html`${what}${Object.keys(input).length ? html`<slw-asked-code .text=${JSON.stringify(input, null, 2)} .language=${"json"}></slw-asked-code>` : html`<p class="soft">${gettext("Without arguments.")}</p>`}`;
}

/** Whatever else there is in the input: nothing that is asked stays unseen. */
function rest(input: Json, shown: readonly string[]): TemplateResult | typeof nothing {
  const others = Object.fromEntries(Object.entries(input).filter(([name]) => !shown.includes(name)));
  return Object.keys(others).length ? html`<slw-asked-code .text=${JSON.stringify(others, null, 2)} .language=${"json"}></slw-asked-code>` : nothing;
}
