// Output that shows its first lines, and the rest when asked for.

import { html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { PageElement, plain } from "../elements/base.ts";
import { gettext } from "../i18n.ts";

@customElement("slw-folded-text")
export class FoldedText extends PageElement {
  @property() text = "";
  @property({ type: Number }) lines = 20;
  @property({ type: Boolean }) cut = false;
  @state() private isOpen = false;

  override render(): unknown {
    const all = this.text.replace(/\n+$/, "").split("\n");
    const isLong = all.length > this.lines * 1.2;
    const shown = isLong && !this.isOpen ? all.slice(0, this.lines) : all;
    return html`<pre class="output" tabindex="0"><code>${plain(shown.join("\n"))}</code></pre>
      ${isLong ? html`<button class="fold" type="button" aria-expanded=${this.isOpen} @click=${() => (this.isOpen = !this.isOpen)}>
        ${this.isOpen ? gettext("Show less") : gettext("Show all {n} lines", { n: all.length })}</button>` : nothing}
      ${this.cut ? html`<p class="soft">${gettext("The output was longer and has been cut.")}</p>` : nothing}`;
  }
}
