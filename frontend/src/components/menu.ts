// Menus made of <details class="menu">, which open without any script: this gives them the keyboard, and a place above everything else.

import { beside, windowSize } from "./place.ts";
import { Roving } from "./roving.ts";

const OPEN = "details.menu[open]";
const isPopoverKnown = "popover" in HTMLElement.prototype;

const bodyOf = (menu: HTMLDetailsElement): HTMLElement | null => menu.querySelector<HTMLElement>(":scope > .menu-body");
const summaryOf = (menu: HTMLDetailsElement): HTMLElement | null => menu.querySelector<HTMLElement>(":scope > summary");
const openMenus = (): HTMLDetailsElement[] => [...document.querySelectorAll<HTMLDetailsElement>(OPEN)];
const itemsOf = (menu: HTMLDetailsElement): HTMLElement[] =>
  [...(bodyOf(menu)?.querySelectorAll<HTMLElement>(".menu-item, a, button") ?? [])].filter((item) => !(item as HTMLButtonElement).disabled && item.offsetParent !== null);

/** The one that is chosen, else the first. */
const firstOf = (menu: HTMLDetailsElement): HTMLElement | undefined => itemsOf(menu).find((item) => item.hasAttribute("aria-current")) ?? itemsOf(menu)[0];

/** Puts the open menu into the top layer, so that no pane that scrolls cuts it off. */
function lift(menu: HTMLDetailsElement): void {
  const [body, summary] = [bodyOf(menu), summaryOf(menu)];
  if (!body || !summary || !isPopoverKnown) return;
  body.popover = "manual";
  body.showPopover();
  put(menu);
}

function put(menu: HTMLDetailsElement): void {
  const [body, summary] = [bodyOf(menu), summaryOf(menu)];
  if (!body?.popover || !summary) return;
  const anchor = summary.getBoundingClientRect();
  body.style.removeProperty("--menu-height");
  if (!menu.classList.contains("end")) body.style.setProperty("--menu-width", `${anchor.width}px`);
  const size = { width: body.offsetWidth, height: body.offsetHeight };
  const { left, top, height } = beside(anchor, size, windowSize(), { isAbove: menu.classList.contains("up"), isEnd: menu.classList.contains("end") });
  for (const [name, value] of [["left", left], ["top", top], ["height", height]] as const) body.style.setProperty(`--menu-${name}`, `${value}px`);
}

function drop(menu: HTMLDetailsElement): void {
  bodyOf(menu)?.removeAttribute("popover");
}

export function closeMenu(menu: HTMLDetailsElement, isFocusKept = true): void {
  if (isFocusKept && menu.contains(document.activeElement)) summaryOf(menu)?.focus();
  menu.open = false;
  drop(menu);
}

export function closeMenus(except?: Node | null): void {
  for (const menu of openMenus()) if (!except || !menu.contains(except)) closeMenu(menu);
}

const rovings = new WeakMap<HTMLDetailsElement, Roving>();

function rovingOf(menu: HTMLDetailsElement): Roving {
  const roving = rovings.get(menu) ?? new Roving(() => itemsOf(menu));
  rovings.set(menu, roving);
  return roving;
}

function onKey(event: KeyboardEvent): void {
  const menu = event.target instanceof Element ? event.target.closest<HTMLDetailsElement>("details.menu") : null;
  if (event.key === "Escape" && openMenus().length) {
    event.stopPropagation();
    event.preventDefault(); // in a dialog only the menu is closed
    return closeMenus();
  }
  if (!menu) return;
  if (!menu.open) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    menu.open = true;
    lift(menu);
    return (event.key === "ArrowDown" ? firstOf(menu) : itemsOf(menu).at(-1))?.focus();
  }
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
  if (rovingOf(menu).onKey(event)) event.stopPropagation();
}

/** A menu opens by the mouse with the focus where it was, by Enter and Space on what is chosen. */
function onToggle(event: Event): void {
  const menu = event.target;
  if (!(menu instanceof HTMLDetailsElement) || !menu.matches(".menu")) return;
  if (!menu.open) return drop(menu);
  for (const other of openMenus()) if (other !== menu && !other.contains(menu)) closeMenu(other, false);
  if (!bodyOf(menu)?.popover) lift(menu);
  if (summaryOf(menu)?.matches(":focus-visible") && menu.contains(document.activeElement)) firstOf(menu)?.focus();
}

/** Whoever goes on with Tab leaves the menu behind its last item. */
function onLeave({ target, relatedTarget }: FocusEvent): void {
  const menu = target instanceof Element ? target.closest<HTMLDetailsElement>(OPEN) : null;
  if (menu && relatedTarget instanceof Node && !menu.contains(relatedTarget)) closeMenu(menu, false);
}

export function listenToMenus(): void {
  document.addEventListener("focusout", onLeave);
  document.addEventListener("keydown", onKey, true);
  document.addEventListener("toggle", onToggle, true);
  addEventListener("resize", () => openMenus().forEach(put));
  document.addEventListener("scroll", (event) => openMenus().forEach((menu) => bodyOf(menu)?.contains(event.target as Node) || put(menu)), { capture: true, passive: true });
  for (const menu of openMenus()) lift(menu);
}
