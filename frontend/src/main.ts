// What every page needs: wires what the server-rendered pages ask for by data attributes, and loads the elements that a page has.

import { closeMenu, closeMenus, listenToMenus } from "./components/menu.ts";
import { listenToPageButtons } from "./components/page-buttons.ts";
import { listenToTabs } from "./components/tabs.ts";
import { listenToTitles } from "./components/tooltip.ts";
import { listenToFields } from "./components/validity.ts";
import { drawAttention } from "./attention.ts";
import { openPart } from "./dialogs.ts";
import type { Manage, Managed } from "./elements/manage.ts";
import type { NewProject } from "./elements/new-project.ts";
import type { NewSession } from "./elements/new-session.ts";
import { prepareSidebar, setDrawer } from "./frame/drawer.ts";
import { listenToKeys } from "./frame/keys.ts";
import { keepListsLive } from "./frame/live-lists.ts";
import { listenToMenuFilters } from "./frame/menu-filter.ts";
import { goTo, interceptLinks, isList, refresh } from "./frame/navigate.ts";
import { offerStandardActions, openPalette } from "./frame/standard-actions.ts";
import { store } from "./frame/tree-store.ts";
import { load, loadParts } from "./parts.ts";
import { CHANGED, hasPreferences, type Preferences, watchPreferences } from "./preferences.ts";
import { showTheme } from "./theme.ts";
import { tellTimes } from "./times.ts";
import { keepToasts } from "./toast.ts";

void loadParts();
watchPreferences();
document.addEventListener(CHANGED, (event) => showTheme((event as CustomEvent<Preferences>).detail.theme.toLowerCase()));

if (hasPreferences()) drawAttention();

function find<T extends Element>(event: Event, selector: string): T | null {
  return event.target instanceof Element ? event.target.closest<T>(selector) : null;
}

document.addEventListener("click", (event) => {
  const opener = find<HTMLElement>(event, "[data-open]");
  if (opener?.dataset.open === "new-project") void openPart<NewProject>("slw-new-project", (dialog) => void dialog.openWith(opener.dataset.source as never, opener.dataset.url));
  if (opener?.dataset.open === "new-session") void openPart<NewSession>("slw-new-session", (dialog) => void dialog.openFor(opener.dataset.project));
  const managed = find<HTMLElement>(event, "[data-manage]");
  // The dialog gives the focus back to what had it, which must not be inside of a closed menu.
  const menu = managed?.closest<HTMLDetailsElement>("details.menu");
  if (menu) closeMenu(menu);
  if (managed) event.preventDefault(); // it leads to where the same is done without a script
  if (managed) void openPart<Manage>("slw-manage", (dialog) => dialog.openFor(managed.dataset));
  const palette = find(event, "[data-palette]");
  if (palette) openPalette();
  if (find(event, "[data-drawer]")) setDrawer(true);
  else if (find(event, ".drawer-shade") || opener || managed || palette) setDrawer(false);
  closeMenus(event.target as Node);
});

/** Who points at a button that opens a dialog finds it ready. */
document.addEventListener("pointerover", (event) => {
  const opener = find<HTMLElement>(event, "[data-open=new-session]");
  if (opener) void load("slw-new-session").then(() => document.querySelector<NewSession>("slw-new-session")?.prepare(opener.dataset.project), () => undefined);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") setDrawer(false);
});

/** The page of what was deleted is left, lists show what is new; a session's own page shows its new name by itself. */
document.addEventListener("slw-managed", (event) => {
  const { kind, verb, id, name } = (event as CustomEvent<Managed>).detail;
  const isShown = location.pathname === `/${kind}s/${id}/` || (kind === "project" && store.session(store.current)?.project_id === id);
  if (verb === "rename") store.rename(id, name);
  else store.remove(id);
  // It would ask for what is gone.
  if (verb === "delete" && isShown) document.querySelector("slw-session")?.remove();
  if (verb === "delete" && isShown) void goTo("/", { isReplaced: true });
  else if (isList()) void refresh();
});

/** Who archives what they look at goes on to the next. */
document.addEventListener("slw-archived", (event) => {
  const { id, isArchived } = (event as CustomEvent<{ id: string; isArchived: boolean }>).detail;
  if (isList()) void refresh();
  else if (isArchived && id === store.current) void goTo("/");
});

/** The projects' page shows the new one at once, or when the dialog that somebody writes in is closed. */
document.addEventListener("slw-imported", () => {
  if (location.pathname !== "/" && !location.pathname.startsWith("/projects/")) return;
  const dialog = document.querySelector("dialog[open]");
  if (dialog) dialog.addEventListener("close", () => void refresh(), { once: true });
  else void refresh();
});

offerStandardActions();
listenToKeys();
listenToMenus();
listenToPageButtons();
listenToTabs();
listenToTitles();
listenToFields();
keepToasts();
prepareSidebar();
listenToMenuFilters();
keepListsLive();
interceptLinks();
document.addEventListener("slw-navigated", () => tellTimes());

tellTimes();
setInterval(() => tellTimes(), 30_000);

window.pressedEarly?.click();
