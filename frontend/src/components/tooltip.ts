// The hint of a `title`: shown to the keyboard as well as to the mouse, in our own type, and gone with Escape.

import { beside, windowSize } from "./place.ts";

const AFTER_MS = 500;
const ID = "tooltip";

let owner: HTMLElement | null = null;
let words = "";
let timer: ReturnType<typeof setTimeout> | undefined;

function tip(): HTMLElement {
  const known = document.getElementById(ID);
  if (known) return known;
  const made = Object.assign(document.createElement("div"), { id: ID, className: "tooltip", popover: "manual" });
  made.setAttribute("role", "tooltip");
  return made;
}

function show(element: HTMLElement): void {
  if (owner !== element || !element.isConnected || !element.matches(":hover, :focus-visible")) return;
  const box = tip();
  // Within a dialog, all that is outside of it is hidden from screen readers; and what is read belongs to a landmark.
  (element.closest("dialog, main, aside, [role=complementary]") ?? document.body).append(box);
  box.textContent = words;
  if (words !== element.getAttribute("aria-label") && !element.hasAttribute("aria-describedby")) element.setAttribute("aria-describedby", ID);
  box.showPopover?.();
  put(element, box);
}

function put(element: HTMLElement, box: HTMLElement): void {
  const { left, top } = beside(element.getBoundingClientRect(), { width: box.offsetWidth, height: box.offsetHeight }, windowSize());
  box.style.setProperty("--tip-left", `${left}px`);
  box.style.setProperty("--tip-top", `${top}px`);
}

function hide(): void {
  clearTimeout(timer);
  document.getElementById(ID)?.remove();
  // Whoever renders the element may have given it a new one meanwhile.
  if (owner && !owner.title) owner.title = words;
  if (owner?.getAttribute("aria-describedby") === ID) owner.removeAttribute("aria-describedby");
  owner = null;
}

/** What the keyboard brought into view takes its hint along. */
function onScroll(): void {
  const box = document.getElementById(ID);
  if (!box || !owner) return;
  if (owner === document.activeElement) put(owner, box);
  else hide();
}

/** The browser's own hint would come as well, so the title is taken out until this one goes. */
function take(element: HTMLElement, isAtOnce: boolean): void {
  if (owner === element) return;
  hide();
  owner = element;
  words = element.title;
  if (element.getAttribute("aria-label") || element.textContent?.trim()) element.title = "";
  timer = setTimeout(() => show(element), isAtOnce ? 0 : AFTER_MS);
}

const titled = (event: Event): HTMLElement | null => (event.target instanceof Element ? event.target.closest<HTMLElement>("[title]:not([title=''], iframe, svg *)") : null);

export function listenToTitles(): void {
  if (!("popover" in HTMLElement.prototype)) return;
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const element = titled(event);
    if (element) take(element, false);
    else if (owner && !owner.contains(event.target as Node)) hide();
  });
  document.addEventListener("focusin", (event) => {
    const element = titled(event);
    if (element?.matches(":focus-visible")) take(element, true);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("pointerdown", hide, true);
  document.addEventListener("scroll", onScroll, { capture: true, passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide(), true);
}
