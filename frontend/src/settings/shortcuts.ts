// The list of all keys, by groups, with those of a session and its questions, wherever one is.

import { html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { PageElement } from "../elements/base.ts";
import { keyGroups, keysView } from "../frame/key-list.ts";
import { gettext } from "../i18n.ts";
import { offerReadingActions } from "../session/reading-actions.ts";
import { offerSession } from "../session/session-actions.ts";

const nothing = (): void => undefined;

/** What a session at work offers, for as long as it takes to write it down. */
function listed(): ReturnType<typeof keyGroups> {
  const ends = [
    offerSession({ name: "", branch: "", sessionId: "", canWrite: true, isWorking: true, isStopped: false, act: nothing, toggleSide: nothing, showDetails: nothing, writeMessage: nothing, rename: nothing }),
    offerReadingActions({ isInFindBar: false, find: nothing, foldAll: nothing, copyAll: async () => undefined, saveAll: nothing, toBottom: nothing, goTo: async () => undefined }),
  ];
  const groups = keyGroups(true);
  for (const end of ends) end();
  const asked = [[gettext("Allow once"), "a"], [gettext("Always allow"), "Shift+A"], [gettext("Deny"), "d"]].map(([title = "", keys = ""]) => ({ title, keys }));
  return [...groups, [gettext("When the agent asks"), asked]];
}

@customElement("slw-shortcuts")
export class Shortcuts extends PageElement {
  override render(): TemplateResult[] {
    return listed().map(([name, list]) => html`<section class="card settings-list"><header><h3>${name}</h3></header>
      <ul>${list.map((one) => html`<li><span class="grow">${one.title}</span><span>${keysView(one)}</span></li>`)}</ul></section>`);
  }
}
