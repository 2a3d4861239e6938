// The list of keys (`?`): what can be done on this page, by groups.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { type Action, offered } from "../actions.ts";
import { PageElement } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { groupOrder } from "./choices.ts";
import { caps } from "./key-caps.ts";

/** Keys that belong to a part of the page, which hears them by itself while it has the focus. */
const local = (): Pick<Action, "title" | "group" | "keys" | "alsoKeys">[] => [
  { title: gettext("Send"), group: gettext("Message"), keys: "Enter" },
  { title: gettext("New line"), group: gettext("Message"), keys: "Shift+Enter" },
  { title: gettext("Send at once, interrupting what runs"), group: gettext("Message"), keys: "Ctrl+Enter" },
  { title: gettext("Previous and next message"), group: gettext("Message"), keys: "↑", alsoKeys: "↓" },
  { title: gettext("Search in earlier messages"), group: gettext("Message"), keys: "Ctrl+R" },
  { title: gettext("Next permission mode"), group: gettext("Message"), keys: "Shift+Tab" },
  { title: gettext("Agent commands"), group: gettext("Message"), keys: "/" },
  { title: gettext("Mention a file"), group: gettext("Message"), keys: "@" },
];

type Listed = Pick<Action, "title" | "keys" | "alsoKeys">;

/** What can be done by keys, by groups in their order. */
export function keyGroups(hasSession: boolean): [string, Listed[]][] {
  const all = [...offered(), ...(hasSession ? local() : [])].filter((action) => action.keys);
  const order = [...groupOrder(), ...all.map((action) => action.group)];
  const names = [...new Set(all.map((action) => action.group))].sort((one, other) => order.indexOf(one) - order.indexOf(other));
  return names.map((name) => [name, all.filter((action) => action.group === name)]);
}

export const keysView = ({ keys = "", alsoKeys }: Listed): TemplateResult => html`${caps(keys)}${alsoKeys ? html` ${gettext("or")} ${caps(alsoKeys)}` : nothing}`;

@customElement("slw-key-list")
export class KeyList extends PageElement {
  @state() private isOpen = false;
  @query("dialog") private dialog!: HTMLDialogElement;

  async open(): Promise<void> {
    this.isOpen = true;
    await this.updateComplete;
    if (!this.dialog.open) this.dialog.showModal();
  }

  override render(): TemplateResult {
    return html`<dialog class="dialog" aria-label=${gettext("Keyboard shortcuts")} @close=${() => (this.isOpen = false)}>${this.isOpen ? this.sheet() : nothing}</dialog>`;
  }

  private sheet(): TemplateResult {
    return html`<div class="sheet"><header><h2 class="grow">${gettext("Keyboard shortcuts")}</h2>
        <button class="button quiet square" type="button" aria-label=${gettext("Close")} @click=${() => this.dialog.close()}>${icon("cross")}</button></header>
      <div class="body key-list" tabindex="0" role="region" aria-label=${gettext("Keyboard shortcuts")}>${keyGroups(document.querySelector("slw-session") !== null).map(([name, list]) => html`<section><h3>${name}</h3><dl>
        ${list.map((one) => html`<div><dt>${one.title}</dt><dd>${keysView(one)}</dd></div>`)}</dl></section>`)}</div></div>`;
  }
}
