// What the living page of the components needs: it prints their sizes, and opens what opens.

import { chooseTab } from "../components/tabs.ts";
import { attachSplit } from "../session/split.ts";
import { toast } from "../toast.ts";

class Design extends HTMLElement {
  connectedCallback(): void {
    for (const box of this.querySelectorAll<HTMLInputElement>(".is-mixed")) box.indeterminate = true;
    for (const item of this.querySelectorAll<HTMLElement>("[data-size]")) this.print(item);
    for (const panes of this.querySelectorAll<HTMLElement>(".panes")) attachSplit(panes);
    this.addEventListener("click", this.onClick);
  }

  private print(item: HTMLElement): void {
    const { width, height } = item.getBoundingClientRect();
    item.dataset.size = `${Math.round(width)} × ${Math.round(height)}`;
    item.title ||= item.dataset.size;
  }

  private readonly onClick = ({ target }: Event): void => {
    const pressed = target instanceof Element ? target.closest<HTMLElement>("[data-toast], [data-show], [role=tab]") : null;
    if (!pressed) return;
    const { toast: text, undo, kind, show } = pressed.dataset;
    if (text) toast(text, undo === undefined ? undefined : { label: "Undo", act: () => toast("It is back") }, kind === "error" ? "error" : "");
    if (show) (document.getElementById(show) as HTMLDialogElement).showModal();
    if (pressed.role === "tab") chooseTab(pressed);
  };
}

customElements.define("slw-design", Design);
