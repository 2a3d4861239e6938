// What the agent asks to do, in full: each kind of tool as people read it, everything of it as text.

import { html, nothing, type TemplateResult } from "lit";
import { plain } from "../elements/base.ts";
import { gettext, ngettext } from "../i18n.ts";
import type { IconName } from "../icons.ts";
import type { Json, Permission } from "../protocol.ts";
import { patchView } from "../session/patch-view.ts";
import { countsOf, patchOf, toolLine } from "../session/tools.ts";
import "./asked-code.ts";
import { languageOf } from "./asked-code.ts";
import { addressParts, type McpTool, mcpTool } from "./names.ts";

const str = (value: unknown): string => (typeof value === "string" ? value : "");

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

export function askedView({ tool, input, description, cwd }: Permission): TemplateResult {
  const folder = cwd ? html`<p class="asked-place soft">${gettext("Folder:")} <span class="mono">${plain(cwd)}</span></p>` : nothing;
  const about = description && description !== str(input.command) ? html`<p class="asked-about">${plain(description)}</p>` : nothing;
  return html`${about}${bodyOf(tool, input)}${folder}`;
}

function bodyOf(tool: string, input: Json): TemplateResult {
  const path = str(input.file_path) || str(input.notebook_path);
  switch (tool) {
    case "Bash": return html`${input.run_in_background === true ? html`<p class="soft">${gettext("It goes on in the background.")}</p>` : nothing}<slw-asked-code .text=${str(input.command)} .language=${"bash"}></slw-asked-code>`;
    case "Write": return html`${pathView(path, ngettext("{count} line", "{count} lines", linesOf(str(input.content))))}<slw-asked-code .text=${str(input.content)} .language=${languageOf(path)}></slw-asked-code>`;
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
  return html`${pathView(path)}<p class="asked-counts"><span class="added">+${added}</span> <span class="removed">−${removed}</span>${input.replace_all === true ? html` <span class="soft">${gettext("in all places where it stands")}</span>` : nothing}</p>${patchView(patches)}`;
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
