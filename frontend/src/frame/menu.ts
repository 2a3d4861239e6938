// A menu at a row, a button or where the pointer is: opened by any of them, worked by keys, closed by whatever happens elsewhere.

import { strokesOf } from "./strokes.ts";
import { capsOf } from "./strokes.ts";

export interface MenuItem { label: string; keys?: string; isDangerous?: boolean; act: () => void }
/** Null is a line between two parts. */
export type MenuItems = (MenuItem | null)[];

export interface Place { left: number; top: number; bottom: number }

const EDGE_PX = 8;
let close: ((isBack: boolean) => void) | null = null;

export const closeMenu = (): void => close?.(false);

function itemButton(item: MenuItem): HTMLButtonElement {
  const button = Object.assign(document.createElement("button"), { type: "button", className: `menu-item ${item.isDangerous ? "danger" : ""}` });
  button.setAttribute("role", "menuitem");
  button.tabIndex = -1;
  button.append(Object.assign(document.createElement("span"), { className: "grow", textContent: item.label }));
  if (item.keys) {
    const caps = Object.assign(document.createElement("span"), { className: "menu-keys", textContent: capsOf(item.keys).map((stroke) => stroke.join("+")).join(" ") });
    caps.setAttribute("aria-hidden", "true");
    button.append(caps);
    button.setAttribute("aria-keyshortcuts", strokesOf(item.keys).join(" "));
  }
  return button;
}

function line(): HTMLElement {
  const made = Object.assign(document.createElement("div"), { className: "menu-line" });
  made.setAttribute("role", "separator");
  return made;
}

function put(menu: HTMLElement, { left, top, bottom }: Place): void {
  const { width, height } = menu.getBoundingClientRect();
  const isBelow = bottom + height + EDGE_PX <= innerHeight || top < height + EDGE_PX;
  menu.style.left = `${Math.max(EDGE_PX, Math.min(left, innerWidth - width - EDGE_PX))}px`;
  menu.style.top = `${Math.max(EDGE_PX, Math.min(isBelow ? bottom : top - height, innerHeight - height - EDGE_PX))}px`;
}

/** Opens it; the focus goes back to where it was when it closes, unless an item takes it elsewhere. */
export function openMenu(label: string, items: MenuItems, place: Place): void {
  closeMenu();
  const before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  const menu = Object.assign(document.createElement("div"), { className: "row-menu" });
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", label);
  const shade = Object.assign(document.createElement("div"), { className: "row-menu-shade" });
  const title = Object.assign(document.createElement("div"), { className: "row-menu-title cut", textContent: label });
  title.setAttribute("aria-hidden", "true");
  menu.append(title);
  const buttons: HTMLButtonElement[] = [];
  for (const item of items) {
    const made = item ? itemButton(item) : line();
    menu.append(made);
    if (!item || !(made instanceof HTMLButtonElement)) continue;
    buttons.push(made);
    made.addEventListener("click", () => {
      close?.(true);
      item.act();
    });
    made.addEventListener("pointermove", () => made.focus({ preventScroll: true }));
  }
  close = (isBack) => {
    close = null;
    shade.remove();
    menu.remove();
    removeEventListener("resize", closeMenu);
    if (isBack) before?.focus({ preventScroll: true });
  };
  const move = (to: number): void => buttons[(to + buttons.length) % buttons.length]?.focus();
  menu.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const found = event.key.length === 1 && !event.ctrlKey && !event.metaKey
      ? [...buttons.slice(at + 1), ...buttons.slice(0, at + 1)].find((button) => button.textContent?.toLowerCase().startsWith(event.key.toLowerCase())) : undefined;
    if (event.key === "ArrowDown") move(at + 1);
    else if (event.key === "ArrowUp") move(at - 1);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(-1);
    else if (event.key === "Escape" || event.key === "Tab") close?.(true);
    else if (found) found.focus();
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
  });
  shade.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    close?.(true);
  });
  shade.addEventListener("contextmenu", (event) => event.preventDefault());
  addEventListener("resize", closeMenu);
  document.body.append(shade, menu);
  if (matchMedia("(min-width: 561px)").matches) put(menu, place);
  buttons[0]?.focus({ preventScroll: true });
}
