// Output that shows its first lines, and more of it when asked for, a few thousand lines at a time.

import { html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { PageElement, plain } from "../elements/base.ts";
import { number } from "../format.ts";
import { gettext } from "../i18n.ts";
import { toast } from "../toast.ts";
import { ansiPieces, withoutAnsi } from "./ansi.ts";
import { Folds } from "./folds.ts";

const LINES_AT_ONCE = 5000;
const LONGEST_PREVIEW = 6000;
const LONG = 200;

@customElement("slw-folded-text")
export class FoldedText extends PageElement {
  @property() text = "";
  @property({ type: Number }) lines = 20;
  @property({ type: Boolean }) cut = false;
  /** Whether it is what a terminal would show. */
  @property({ type: Boolean }) isTerminal = false;
  /** Where is remembered how much is shown, and under which name. */
  @property({ attribute: false }) folds = new Folds(() => this.requestUpdate());
  @property() name = "text";
  @property({ type: Number }) version = 0;

  override render(): unknown {
    const all = this.text.replace(/\n+$/, "").split("\n");
    const isLong = all.length > this.lines * 1.2 || this.text.length > LONGEST_PREVIEW * 1.2;
    const size = isLong ? this.folds.size(this.name, this.lines) : all.length;
    const shown = this.shown(all, size, isLong);
    return html`<pre class="output" tabindex="0"><code>${this.isTerminal ? terminal(shown) : plain(shown)}</code></pre>
      ${isLong ? this.buttons(all.length, size) : nothing}
      ${this.cut ? html`<p class="soft">${gettext("The output was longer and has been cut.")}</p>` : nothing}`;
  }

  private shown(all: readonly string[], size: number, isLong: boolean): string {
    const text = size < all.length ? all.slice(0, size).join("\n") : all.join("\n");
    return isLong && size <= this.lines ? text.slice(0, LONGEST_PREVIEW) : text;
  }

  private buttons(count: number, size: number): unknown {
    const next = Math.min(count, size <= this.lines ? LINES_AT_ONCE : size + LINES_AT_ONCE);
    const more = next >= count ? gettext("Show all {n} lines", { n: number(count) }) : gettext("Show {n} of {all} lines", { n: number(next), all: number(count) });
    const isWhole = size > this.lines && size >= count;
    return html`<p class="fold-row">${isWhole ? nothing : html`<button class="fold" type="button" aria-expanded="false" @click=${() => this.folds.resize(this.name, Math.max(next, this.lines + 1))}>${more}</button>`}
      ${size > this.lines ? html`<button class="fold" type="button" aria-expanded="true" @click=${() => this.folds.resize(this.name, this.lines)}>${gettext("Show less")}</button>` : nothing}
      <button class="fold" type="button" @click=${this.copy}>${gettext("Copy all")}</button>
      ${count > LONG ? html`<button class="fold" type="button" @click=${this.download}>${gettext("Download")}</button>` : nothing}</p>`;
  }

  private get whole(): string {
    return this.isTerminal ? withoutAnsi(this.text) : this.text;
  }

  private readonly copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(this.whole);
      toast(gettext("Copied."));
    } catch {
      toast(gettext("The browser did not let us copy this."));
    }
  };

  private readonly download = (): void => {
    const url = URL.createObjectURL(new Blob([this.whole], { type: "text/plain" }));
    Object.assign(document.createElement("a"), { href: url, download: "output.txt" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
}

const terminal = (text: string): unknown => ansiPieces(text).map(({ text: said, classes }) => (classes ? html`<span class=${classes}>${plain(said)}</span>` : plain(said)));
