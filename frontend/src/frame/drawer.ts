// The sidebar: a drawer on a phone, a column that can be made wider, narrower or put away everywhere else.

import { gettext } from "../i18n.ts";

const WIDTH_KEY = "slipway.sidebar";
const CLOSED_KEY = "slipway.sidebar-closed";
const [NARROWEST, WIDEST, USUAL] = [200, 480, 264];
const EDGE_PX = 24;
const FLICK_PX = 56;

const isNarrow = (): boolean => matchMedia("(max-width: 760px)").matches;
const isOpen = (): boolean => document.body.classList.contains("drawer-is-open");

let opener: HTMLElement | null = null;

function showDrawer(open: boolean): void {
  document.body.classList.toggle("drawer-is-open", open);
  document.getElementById("main")?.toggleAttribute("inert", open);
  const sidebar = document.querySelector<HTMLElement>(".sidebar");
  if (open) {
    opener = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    sidebar?.setAttribute("role", "dialog");
    sidebar?.setAttribute("aria-modal", "true");
    sidebar?.querySelector<HTMLElement>("[aria-current=page], .brand")?.focus({ preventScroll: true });
  } else {
    sidebar?.setAttribute("role", "complementary");
    sidebar?.removeAttribute("aria-modal");
    if (sidebar?.contains(document.activeElement)) opener?.focus({ preventScroll: true });
  }
}

/** The back button closes the drawer, so it is a step in the history. */
export function setDrawer(open: boolean): void {
  if (!isNarrow() && open) return setSidebar(true);
  if (open === isOpen()) return;
  showDrawer(open);
  if (open) history.pushState({ drawer: true }, "");
  else if ((history.state as { drawer?: boolean } | null)?.drawer) history.back();
}

/** Closes it for a page that takes the drawer's step in the history. */
export function leaveDrawer(): boolean {
  if (!isOpen()) return false;
  showDrawer(false);
  return (history.state as { drawer?: boolean } | null)?.drawer === true;
}

export const isSidebarShown = (): boolean => document.documentElement.dataset.sidebar !== "closed";

export function setSidebar(isShown: boolean): void {
  document.documentElement.dataset.sidebar = isShown ? "open" : "closed";
  localStorage.setItem(CLOSED_KEY, isShown ? "" : "yes");
  if (!isShown && document.querySelector(".sidebar")?.contains(document.activeElement)) document.getElementById("main")?.focus();
}

export const toggleSidebar = (): void => (isNarrow() ? setDrawer(!isOpen()) : setSidebar(!isSidebarShown()));

function setWidth(px: number): void {
  const width = Math.round(Math.min(WIDEST, Math.max(NARROWEST, px)));
  document.documentElement.style.setProperty("--sidebar", `${width}px`);
  document.querySelector(".sidebar-edge")?.setAttribute("aria-valuenow", String(width));
  localStorage.setItem(WIDTH_KEY, String(width));
}

const width = (): number => Number(localStorage.getItem(WIDTH_KEY)) || USUAL;

function makeEdge(sidebar: HTMLElement): void {
  const edge = Object.assign(document.createElement("div"), { className: "sidebar-edge", tabIndex: 0 });
  for (const [name, value] of Object.entries({ role: "separator", "aria-orientation": "vertical", "aria-label": gettext("Width of the sidebar"), "aria-valuemin": NARROWEST, "aria-valuemax": WIDEST, "aria-valuenow": width() }))
    edge.setAttribute(name, String(value));
  const moved = (event: PointerEvent): void => setWidth(event.clientX);
  edge.addEventListener("pointerdown", (event) => {
    edge.setPointerCapture(event.pointerId);
    edge.addEventListener("pointermove", moved);
  });
  for (const name of ["pointerup", "pointercancel"] as const) edge.addEventListener(name, () => edge.removeEventListener("pointermove", moved));
  edge.addEventListener("dblclick", () => setWidth(USUAL));
  edge.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: width() - 16, ArrowRight: width() + 16, Home: NARROWEST, End: WIDEST }[event.key];
    if (event.key === "Enter") setSidebar(false);
    if (to === undefined) return;
    event.preventDefault();
    setWidth(to);
  });
  sidebar.append(edge);
}

function listenToSwipes(): void {
  let from: { x: number; y: number } | null = null;
  document.addEventListener("touchstart", ({ touches }) => {
    const [touch] = touches;
    const isMeant = touch && touches.length === 1 && isNarrow() && (isOpen() || touch.clientX < EDGE_PX);
    from = isMeant ? { x: touch.clientX, y: touch.clientY } : null;
  }, { passive: true });
  document.addEventListener("touchend", ({ changedTouches }) => {
    const [touch] = changedTouches;
    if (!from || !touch) return;
    const [dx, dy] = [touch.clientX - from.x, touch.clientY - from.y];
    from = null;
    if (Math.abs(dx) > FLICK_PX && Math.abs(dx) > 2 * Math.abs(dy)) setDrawer(dx > 0);
  }, { passive: true });
}

export function prepareSidebar(): void {
  const sidebar = document.querySelector<HTMLElement>(".sidebar");
  if (!sidebar) return;
  makeEdge(sidebar);
  listenToSwipes();
  window.addEventListener("popstate", () => {
    if (isOpen() && !(history.state as { drawer?: boolean } | null)?.drawer) showDrawer(false);
  });
  matchMedia("(max-width: 760px)").addEventListener("change", () => isOpen() && setDrawer(false));
  // A reload in the middle of an open drawer must not leave a step that does nothing.
  if ((history.state as { drawer?: boolean } | null)?.drawer) history.replaceState(null, "");
}
