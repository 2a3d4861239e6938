// What can be done on every page: going places, making things, how it looks, the account.

import { groups, offer } from "../actions.ts";
import { openPart } from "../dialogs.ts";
import { gettext } from "../i18n.ts";
import { setTheme } from "../theme.ts";
import { toast } from "../toast.ts";
import type { KeyList } from "./key-list.ts";
import type { Palette } from "./palette.ts";
import { toggleSidebar } from "./drawer.ts";
import { goTo } from "./navigate.ts";
import { noteUse } from "./recent.ts";
import { isUnread } from "./tree-model.ts";
import { store } from "./tree-store.ts";
import type { TreeView } from "./tree-view.ts";

export const openPalette = (): void => void openPart<Palette>("slw-palette", (palette) => void palette.open());
export const openKeyList = (): void => void openPart<KeyList>("slw-key-list", (list) => void list.open());

const tree = (): TreeView | null => document.querySelector<TreeView>("slw-tree");
const hasSessions = (): boolean => store.inOrder.length > 0;

/** To the neighbour in the tree, around its ends. */
function step(by: 1 | -1): void {
  const ids = store.inOrder.map((session) => session.id);
  const at = ids.indexOf(store.current);
  const next = ids[(at < 0 ? (by === 1 ? 0 : -1) : at + by + ids.length) % ids.length] ?? ids.at(-1);
  if (next) void goTo(`/sessions/${next}/`);
}

function goToWaiting(): void {
  const all = store.inOrder;
  const at = all.findIndex((session) => session.id === store.current);
  const after = [...all.slice(at + 1), ...all.slice(0, at + 1)];
  const next = after.find((session) => session.is_waiting && session.id !== store.current) ?? after.find((session) => isUnread(session) && session.id !== store.current);
  if (next) void goTo(`/sessions/${next.id}/`);
  else toast(gettext("No other session waits for you"));
}

const has = (selector: string) => (): boolean => document.querySelector(selector) !== null;
const press = (selector: string) => (): void => document.querySelector<HTMLElement>(selector)?.click();

export function offerStandardActions(): void {
  const { go, make, view, account } = groups;
  const isInside = has(".shell");
  offer({ id: "palette", title: gettext("Command palette"), group: go(), keys: "Ctrl+K", isOffered: isInside, run: openPalette });
  offer({ id: "go-projects", title: gettext("Projects"), group: go(), keys: "g p", words: gettext("home dashboard"), isOffered: isInside, run: () => void goTo("/") });
  offer({ id: "go-next", title: gettext("Next session"), group: go(), keys: "Alt+↓", isOffered: hasSessions, run: () => step(1) });
  offer({ id: "go-previous", title: gettext("Previous session"), group: go(), keys: "Alt+↑", isOffered: hasSessions, run: () => step(-1) });
  offer({ id: "go-waiting", title: gettext("Next session that waits for you"), group: go(), keys: "g w", words: gettext("permission question"), isOffered: hasSessions, run: goToWaiting });
  offer({ id: "new-session", title: gettext("New session"), group: make(), keys: "c", isOffered: has("[data-open=new-session]"), run: press("[data-open=new-session]") });
  offer({ id: "new-project", title: gettext("New project"), group: make(), keys: "Shift+C", isOffered: has("[data-open=new-project]"), run: press("[data-open=new-project]") });
  for (const [choice, title] of [["light", gettext("Light theme")], ["dark", gettext("Dark theme")], ["system", gettext("Theme of the system")]] as const)
    offer({ id: `theme-${choice}`, title, group: view(), words: gettext("colours appearance"), isOffered: isInside, run: () => setTheme(choice) });
  offer({ id: "sidebar", title: gettext("Show or hide the sidebar"), group: view(), keys: "Ctrl+B", isOffered: isInside, run: toggleSidebar });
  offer({ id: "fold-all", title: gettext("Fold all projects"), group: view(), words: gettext("collapse tree"), isOffered: has("slw-tree"), run: () => tree()?.foldAll(true) });
  offer({ id: "unfold-all", title: gettext("Unfold all projects"), group: view(), words: gettext("expand tree"), isOffered: has("slw-tree"), run: () => tree()?.foldAll(false) });
  offer({ id: "keys", title: gettext("Show the keys"), group: view(), keys: "?", words: gettext("help shortcuts"), run: openKeyList });
  offerMenus();
  offer({ id: "sign-out", title: gettext("Sign out"), group: account(), isOffered: has("form[action*=logout]"), run: () => document.querySelector<HTMLFormElement>("form[action*=logout]")?.requestSubmit() });
  const session = document.querySelector("slw-session")?.getAttribute("session-id");
  if (session) noteUse(session);
}

/** The pages that the sidebar's menus lead to: settings, and the other organisations. */
function offerMenus(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".sidebar-foot a.menu-item"))
    offer({ id: `page-${link.pathname}`, title: link.textContent.trim(), group: groups.account(), words: gettext("settings"), run: () => location.assign(link.href) });
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".sidebar-head a.menu-item:not([aria-current])"))
    offer({ id: `organization-${link.search}`, title: gettext("Switch to {name}", { name: link.textContent.trim() }), group: groups.go(), words: gettext("organisation"), run: () => location.assign(link.href) });
}
