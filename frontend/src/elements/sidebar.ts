// The sidebar: its tree is live, and one stream keeps it true.

import { followActivity } from "../frame/activity.ts";
import { beginTree, store } from "../frame/tree-store.ts";
import "../frame/tree-view.ts";
import { keepChoices } from "../frame/project-choices.ts";

export class Sidebar extends HTMLElement {
  private hasBegun = false;

  connectedCallback(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    beginTree();
    store.listen(keepChoices);
    followActivity();
  }
}

customElements.define("slw-sidebar", Sidebar);
