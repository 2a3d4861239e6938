// The arrow keys of every `role="tablist"`: they choose the next tab, as a click does. Which pane that shows is the page's own matter.

import { Roving } from "./roving.ts";

const tabsOf = (list: Element): HTMLElement[] => [...list.querySelectorAll<HTMLElement>("[role=tab]:not([disabled])")];

export function listenToTabs(): void {
  document.addEventListener("keydown", (event) => {
    const tab = event.target instanceof Element ? event.target.closest("[role=tab]") : null;
    const list = tab?.closest("[role=tablist]");
    if (!list || event.key.length === 1) return;
    const isVertical = list.getAttribute("aria-orientation") === "vertical";
    if (!new Roving(() => tabsOf(list), isVertical ? "vertical" : "horizontal").onKey(event)) return;
    (document.activeElement as HTMLElement).click();
  });
}

/** For pages without an element of their own: the chosen tab's panel is shown, the others are not. */
export function chooseTab(tab: HTMLElement): void {
  const list = tab.closest("[role=tablist]");
  for (const one of list ? tabsOf(list) : []) {
    const isChosen = one === tab;
    one.setAttribute("aria-selected", String(isChosen));
    one.tabIndex = isChosen ? 0 : -1;
    const panel = document.getElementById(one.getAttribute("aria-controls") ?? "");
    if (panel) panel.hidden = !isChosen;
  }
}
