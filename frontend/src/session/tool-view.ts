// One tool call: a line that unfolds to what its kind shows; a sub-agent's own work is nested below.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { PageElement, plain } from "../elements/base.ts";
import { duration } from "../format.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { BackgroundTask } from "../protocol.ts";
import { isAsked } from "./asked.ts";
import { type Conversation, EMPTY, type Item, type ToolItem, type ToolResult } from "./conversation.ts";
import { Folds } from "./folds.ts";
import { groupView } from "./group-view.ts";
import { lineCounts } from "./line-counts.ts";
import { foldedView, turned } from "./notice-view.ts";
import { imagesView } from "./tools/images.ts";
import { itemRows, type Row } from "./rows.ts";
import { sinceView } from "./since.ts";
import { countsOf, isSubAgent, isWriting, noteOf, patchOf, toolLine } from "./tools.ts";

type Bodies = typeof import("./tools/registry.ts");

/** What tools unfold to comes when the page is there: nobody unfolds one before. */
let bodies: Bodies | null = null;
let loading: Promise<Bodies> | null = null;

function withBodies(then: () => void): Bodies | null {
  if (!bodies) {
    loading ??= import("./tools/registry.ts");
    void loading.then((loaded) => {
      bodies = loaded;
      then();
    }, () => (loading = null));
  }
  return bodies;
}

const NESTED_SHOWN = 12;
const NESTED_MORE = 100;

@customElement("slw-tool")
export class ToolView extends PageElement {
  @property({ attribute: false }) item!: ToolItem;
  @property({ attribute: false }) result: ToolResult | null = null;
  @property({ attribute: false }) inner: readonly Item[] | null = null;
  /** Only where there is something nested. */
  @property({ attribute: false }) conversation: Conversation | null = null;
  @property({ type: Boolean }) isWaiting = false;
  @property({ type: Boolean }) isUnfinished = false;
  /** Tasks that go on after their call. */
  @property({ attribute: false }) background: readonly BackgroundTask[] = [];
  @property({ attribute: false }) folds = new Folds(() => this.requestUpdate());
  @property({ type: Number }) version = 0;

  override firstUpdated(): void {
    withBodies(() => {});
  }

  override render(): unknown {
    const { name, input, key } = this.item;
    const line = toolLine(name, input);
    const steps = this.inner?.length ? this.inner : null;
    const isOpen = this.folds.isOpen(key, steps !== null);
    return html`<details class="tool ${this.result?.isError && !this.result.isInterrupted ? "has-failed" : ""}" .open=${isOpen} @toggle=${this.onToggle}>
      <summary>${icon(line.icon)}<span class="verb">${plain(line.verb)}</span>
        <span class="target cut ${line.isProse ? "" : "mono"}">${plain(line.target.split("\n", 1)[0] ?? "")}</span>
        ${this.changeCounts()}<span class="outcome">${this.note()}${this.outcome()}</span>${turned}</summary>
      ${isOpen && !steps ? html`<div class="tool-body">${this.body()}</div>` : nothing}
    </details>
    ${!isOpen && this.result?.images.length ? html`<div class="tool-body is-images">${imagesView(this.result.images)}</div>` : nothing}
    ${isOpen && steps ? this.nested(steps) : nothing}`;
  }

  private readonly onToggle = (event: Event): void => {
    const details = event.target as HTMLDetailsElement;
    if (details === event.currentTarget) this.folds.set(this.item.key, details.open);
  };

  private note(): unknown {
    const { name, input } = this.item;
    const note = isSubAgent(name) && this.inner ? this.steps(this.inner) : noteOf(name, input, this.result);
    return note && !this.goesOn ? html`<span class="soft tool-note ${this.result?.isError ? "is-failure" : ""}">${note}</span>` : nothing;
  }

  /** Its call is answered while what it began still runs. */
  private get goesOn(): boolean {
    const { result } = this;
    return result !== null && !result.isError && this.background.some(({ id }) => id !== "" && result.text.includes(id));
  }

  private steps(inner: readonly Item[]): string {
    const calls = inner.filter((item) => item.type === "tool").length;
    return calls ? ngettext("{count} step", "{count} steps", calls) : "";
  }

  private outcome(): unknown {
    if (!this.result && this.isWaiting) return html`<span class="status waiting">${gettext("waits")}</span>`;
    if (!this.result) return this.isUnfinished ? html`<span class="soft">${gettext("not finished")}</span>` : html`<span class="status running">${gettext("running")} ${sinceView(startOf(this.item))}</span>`;
    if (this.goesOn) return html`<span class="status running">${gettext("in background")}</span>`;
    const took = this.item.input.run_in_background === true ? 0 : Date.parse(this.result.at) - Date.parse(startOf(this.item));
    const time = took >= 1000 ? html`<span class="soft took">${duration(took)}</span>` : nothing;
    if (this.result.isInterrupted) return html`${time}<span class="soft">${gettext("interrupted")}</span>`;
    return this.result.isError ? html`${time}<span class="removed">${gettext("failed")}</span>` : html`${time}<span class="ok">${icon("check")}<span class="unseen">${gettext("ok")}</span></span>`;
  }

  private changeCounts(): unknown {
    const { name, input } = this.item;
    if (!isWriting(name)) return nothing;
    const { added, removed } = countsOf(patchOf(name, input, this.result?.patch));
    return lineCounts(added, removed);
  }

  private body(): unknown {
    const { item, result, folds } = this;
    const body = withBodies(() => this.requestUpdate())?.bodyOf(item.name);
    return html`${body?.({ item, result, folds, again: () => this.requestUpdate() })}${result ? imagesView(result.images) : nothing}`;
  }

  /** The newest steps; those before them when they are asked for. */
  private nested(inner: readonly Item[]): TemplateResult {
    const state = this.conversation ?? EMPTY;
    const key = `${this.item.key}:inner`;
    const size = this.folds.size(key, NESTED_SHOWN);
    const rows = itemRows({ items: inner, pending: state.pending, results: state.results }, null);
    const hidden = rows.length > size * 1.25 ? rows.length - size : 0;
    return html`<div class="nested">
      ${foldedView(`${this.item.key}:more`, this.folds, "thinking", html`${gettext("Task and result")}${turned}`, () => html`<div class="tool-body">${this.body()}</div>`)}
      ${hidden ? html`<p class="fold-row"><button class="fold" type="button" @click=${() => this.folds.resize(key, size + NESTED_MORE)}>${ngettext("Show {count} earlier step", "Show {count} earlier steps", hidden)}</button></p>` : nothing}
      ${rows.slice(hidden).map((row) => this.nestedRow(row, state))}</div>`;
  }

  private nestedRow(row: Row, state: Conversation): unknown {
    if (row.type === "group") return groupView(row, state, this.folds);
    if (row.type !== "item") return nothing;
    const { item } = row;
    if (item.type === "tool") return toolView(item, state, this.folds, this.background);
    if (item.type === "text") return html`<slw-markdown class="prose" .text=${item.text}></slw-markdown>`;
    if (item.type === "thinking") return html`<details class="thinking"><summary>${icon("brain")} ${gettext("Thought")}${turned}</summary><div class="thought">${item.text}</div></details>`;
    return nothing;
  }
}

/** When a call began to run, as far as anybody knows. */
export const startOf = ({ at, allowedAt }: ToolItem): string => allowedAt ?? at;

/** A call as it stands in this conversation. */
export const toolView = (item: ToolItem, state: Conversation, folds: Folds, background: readonly BackgroundTask[] = []): TemplateResult => {
  const inner = state.children.get(item.callId) ?? null;
  return html`<slw-tool .item=${item} .result=${state.results.get(item.callId) ?? null} .inner=${inner} .conversation=${inner ? state : null} .background=${background} .folds=${folds} .version=${folds.version}
    .isWaiting=${isAsked(state, item)} .isUnfinished=${state.unfinished.has(item.callId)}></slw-tool>`;
};
