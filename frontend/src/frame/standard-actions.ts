// What keys do on every page. What has none is among `palette-actions.ts`, which comes with the palette.

import { groups, offer } from "../actions.ts";
import { openPart } from "../dialogs.ts";
import { gettext } from "../i18n.ts";
import { toast } from "../toast.ts";
import type { KeyList } from "./key-list.ts";
import type { Palette } from "./palette.ts";
import { toggleSidebar } from "./drawer.ts";
import { goTo } from "./navigate.ts";
import { noteUse } from "./recent.ts";
import { isUnread } from "./tree-model.ts";
import { store } from "./tree-store.ts";

export const openPalette = (): void => void openPart<Palette>("slw-palette", (palette) => void palette.open());
export const openKeyList = (): void => void openPart<KeyList>("slw-key-list", (list) => void list.open());

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
/** The first of these that is there. */
const press = (...selectors: string[]) => (): void => selectors.map((one) => document.querySelector<HTMLElement>(one)).find(Boolean)?.click();

export function offerStandardActions(): void {
  const { go, make, view } = groups;
  const isInside = has(".shell");
  offer({ id: "palette", title: gettext("Command palette"), group: go(), keys: "Ctrl+K", isOffered: isInside, run: openPalette });
  offer({ id: "go-projects", title: gettext("Projects"), group: go(), keys: "g p", words: gettext("home dashboard"), isOffered: isInside, run: () => void goTo("/") });
  offer({ id: "go-next", title: gettext("Next session"), group: go(), keys: "Alt+↓", isOffered: hasSessions, run: () => step(1) });
  offer({ id: "go-previous", title: gettext("Previous session"), group: go(), keys: "Alt+↑", isOffered: hasSessions, run: () => step(-1) });
  offer({ id: "go-waiting", title: gettext("Next session that waits for you"), group: go(), keys: "g w", words: gettext("permission question"), isOffered: hasSessions, run: goToWaiting });
  offer({ id: "new-session", title: gettext("New session"), group: make(), keys: "c", isOffered: has("[data-open=new-session]"), run: press(".topbar [data-open=new-session]", "[data-open=new-session]") });
  offer({ id: "new-project", title: gettext("New project"), group: make(), keys: "Shift+C", isOffered: has("[data-open=new-project]"), run: press("[data-open=new-project]") });
  offer({ id: "sidebar", title: gettext("Show or hide the sidebar"), group: view(), keys: "Ctrl+B", isOffered: isInside, run: toggleSidebar });
  offer({ id: "keys", title: gettext("Show shortcuts"), group: view(), keys: "?", words: gettext("help keys keyboard"), run: openKeyList });
  const session = document.querySelector("slw-session")?.getAttribute("session-id");
  if (session) noteUse(session);
}
