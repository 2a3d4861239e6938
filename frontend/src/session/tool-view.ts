// One tool call: a line that unfolds to its input, its output, its change, or the sub-agent's own work.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { PageElement, plain } from "../elements/base.ts";
import { duration } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import "../markdown.ts";
import type { Json } from "../protocol.ts";
import type { Conversation, Item, TextItem, ToolItem, ToolResult } from "./conversation.ts";
import "./folded-text.ts";
import { patchView } from "./patch-view.ts";
import { countsOf, isSubAgent, isWriting, patchOf, toolLine } from "./tools.ts";

const SAFE_IMAGE = /^image\/(?:png|jpeg|gif|webp)$/;

@customElement("slw-tool")
export class ToolView extends PageElement {
  @property({ attribute: false }) item!: ToolItem;
  @property({ attribute: false }) result: ToolResult | null = null;
  @property({ attribute: false }) inner: readonly Item[] | null = null;
  @property({ attribute: false }) conversation: Conversation | null = null;
  @property({ type: Boolean }) isWaiting = false;
  @property({ type: Boolean }) isUnfinished = false;
  @state() private isOpen = false;

  override render(): unknown {
    const { name, input } = this.item;
    const line = toolLine(name, input);
    const hasChildren = this.inner !== null && this.inner.length > 0;
    return html`<details class="tool ${this.result?.isError ? "has-failed" : ""}" .open=${this.isOpen}
      @toggle=${(event: Event) => { if (event.target === event.currentTarget) this.isOpen = (event.target as HTMLDetailsElement).open; }}>
      <summary>${icon(line.icon)}<span class="verb">${plain(line.verb)}</span>
        <span class="target cut ${line.isCommand ? "mono" : ""}">${plain(line.target.split("\n", 1)[0] ?? "")}</span>
        ${this.changeCounts(name, input)}<span class="outcome">${this.outcome()}</span><span class="icon-turn">${icon("chevron")}</span></summary>
      ${this.isOpen ? html`<div class="tool-body">${this.body(name, input)}</div>` : nothing}
    </details>
    ${hasChildren ? html`<div class="nested">${this.nested()}</div>` : nothing}`;
  }

  private outcome(): unknown {
    if (!this.result && this.isWaiting) return html`<span class="status waiting">${gettext("waits for you")}</span>`;
    if (!this.result) return html`<span class="soft">${this.isUnfinished ? gettext("not finished") : gettext("running…")}</span>`;
    const took = Date.parse(this.result.at) - Date.parse(this.item.at);
    const time = took >= 1000 ? html`<span class="soft took">${duration(took)}</span>` : nothing;
    return this.result.isError ? html`${time}<span class="removed">${gettext("failed")}</span>` : html`${time}<span class="ok">${icon("check")}<span class="unseen">${gettext("ok")}</span></span>`;
  }

  private changeCounts(name: string, input: Json): unknown {
    if (!isWriting(name)) return nothing;
    const { added, removed } = countsOf(patchOf(name, input, this.result?.patch));
    return html`<span class="counts"><span class="added">+${added}</span> <span class="removed">−${removed}</span></span>`;
  }

  private body(name: string, input: Json): unknown {
    const patches = isWriting(name) && !this.result?.isError ? patchOf(name, input, this.result?.patch) : [];
    if (patches.length) return patchView(patches);
    return html`${this.input(name, input)}${this.output()}`;
  }

  private input(name: string, input: Json): TemplateResult {
    if (name === "Bash") return html`<pre class="command" tabindex="0"><code>${plain(String(input.command ?? ""))}</code></pre>`;
    if (isSubAgent(name)) return html`<slw-folded-text .text=${String(input.prompt ?? "")} .lines=${8}></slw-folded-text>`;
    return html`<slw-folded-text .text=${JSON.stringify(input, null, 2)}></slw-folded-text>`;
  }

  private output(): unknown {
    if (!this.result) return nothing;
    const { text, isTruncated, images } = this.result;
    return html`${text ? html`<slw-folded-text .text=${text} ?cut=${isTruncated}></slw-folded-text>` : nothing}${images.map(imageView)}
      ${text || images.length ? nothing : html`<p class="soft">${gettext("No output.")}</p>`}`;
  }

  private nested(): unknown {
    const state = this.conversation;
    return repeat(this.inner ?? [], (item) => item.key, (item) => {
      if (item.type === "tool") return html`<slw-tool .item=${item} .result=${state?.results.get(item.callId) ?? null}
        .inner=${state?.children.get(item.callId) ?? null} .conversation=${state} .isWaiting=${state ? isAsked(state, item) : false} .isUnfinished=${state?.unfinished.has(item.callId) ?? false}></slw-tool>`;
      return html`<slw-markdown class="prose" .text=${(item as TextItem).text ?? ""}></slw-markdown>`;
    });
  }
}

/** Whether a permission for just this call is asked for. */
export function isAsked({ pending, results }: Conversation, { callId, name, input }: ToolItem): boolean {
  if (!pending.length || results.has(callId)) return false;
  const wanted = JSON.stringify(input);
  return pending.some((one) => one.tool === name && JSON.stringify(one.input) === wanted);
}

/** Shows `{"media_type", "data"}` (base64) of the raster kinds; anything else is left out. */
function imageView(image: unknown): unknown {
  const { media_type: type, data } = image as { media_type?: string; data?: string };
  if (!type || !data || !SAFE_IMAGE.test(type) || !/^[\w+\/=\s]+$/.test(data)) return nothing;
  return html`<img class="tool-image" alt=${gettext("Image from the tool")} src="data:${type};base64,${data}" />`;
}
