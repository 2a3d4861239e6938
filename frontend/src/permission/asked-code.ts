// A command or a file as the agent asks to run or write it: coloured, unless something in it would mislead.

import { html, type PropertyValues, render } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { PageElement, plain } from "../elements/base.ts";
import { highlight } from "../highlight.ts";
import { gettext } from "../i18n.ts";
import { pieces } from "../odd-characters.ts";

@customElement("slw-asked-code")
export class AskedCode extends PageElement {
  @property() text = "";
  @property() language = "";
  @query("pre") private pre!: HTMLElement;

  /** Each text gets an element of its own, since colouring takes it out of our hands. */
  override updated(_changed: PropertyValues): void {
    const code = document.createElement("code");
    render(html`${plain(this.text)}`, code);
    this.pre.replaceChildren(code);
    // Colours would take the place of the marks on characters that hide or reorder others.
    if (this.language && !pieces(this.text).some((piece) => piece.isOdd)) highlight(code, this.language);
  }

  override render(): unknown {
    return html`<pre class="command" tabindex="0" role="region" aria-label=${gettext("In full")}></pre>`;
  }
}
