// The list of all keys, by groups, as the palette and `?` know them; with those of a session, too.

import { html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { PageElement } from "../elements/base.ts";
import { keyGroups, keysView } from "../frame/key-list.ts";

@customElement("slw-shortcuts")
export class Shortcuts extends PageElement {
  override render(): TemplateResult[] {
    return keyGroups(true).map(([name, list]) => html`<section class="card settings-list"><header><h3>${name}</h3></header>
      <ul>${list.map((one) => html`<li><span class="grow">${one.title}</span><span>${keysView(one)}</span></li>`)}</ul></section>`);
  }
}
