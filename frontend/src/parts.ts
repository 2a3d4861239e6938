// The elements that a page may have, each loaded only where it is: what main itself needs stays small.
// Pages name what they surely need in `{% scripts_for %}`, so that it is fetched together with main.

import { allTexts, gettext } from "./i18n.ts";
import { toast } from "./toast.ts";

/** The build reads these lines, too. */
export const PARTS = {
  "slw-autosave": () => import("./settings/autosave.ts"),
  "slw-design": () => import("./elements/design.ts"),
  "slw-environment-test": () => import("./settings/environment-test.ts"),
  "slw-environments": () => import("./settings/environments.ts"),
  "slw-environment-image": () => import("./images/environment-image.ts"),
  "slw-filter": () => import("./elements/filter.ts"),
  "slw-first-run": () => import("./elements/first-run.ts"),
  "slw-host-key": () => import("./settings/host-key.ts"),
  "slw-import": () => import("./elements/import-progress.ts"),
  "slw-key-list": () => import("./frame/key-list.ts"),
  "slw-manage": () => import("./elements/manage.ts"),
  "slw-move": () => import("./session/move-dialog.ts"),
  "slw-new-project": () => import("./elements/new-project.ts"),
  "slw-new-session": () => import("./elements/new-session.ts"),
  "slw-notifications": () => import("./settings/notifications-card.ts"),
  "slw-palette": () => import("./frame/palette.ts"),
  "slw-permission": () => import("./session/permission-card.ts"),
  "slw-provider-key": () => import("./elements/usage.ts"),
  "slw-queue": () => import("./session/queue-strip.ts"),
  "slw-rules": () => import("./elements/rules.ts"),
  "slw-session": () => import("./session/session-view.ts"),
  "slw-shortcuts": () => import("./settings/shortcuts.ts"),
  "slw-sidebar": () => import("./elements/sidebar.ts"),
  "slw-tour": () => import("./elements/tour.ts"),
  "slw-tokens": () => import("./elements/tokens.ts"),
  "slw-usage": () => import("./elements/usage.ts"),
};

export type PartName = keyof typeof PARTS;

/** There as soon as the page is, and so are their texts; the others' come later. The catalogues' portions go by this line, too. */
const AT_ONCE: readonly PartName[] = ["slw-sidebar", "slw-session"];
/** Dialogs wait until somebody asks for them, or the page has nothing else to do. */
const LATER: readonly PartName[] = ["slw-key-list", "slw-manage", "slw-new-project", "slw-new-session", "slw-palette"];
/** Made when they are first asked for, on any page with a sidebar. */
const MADE: readonly PartName[] = ["slw-key-list", "slw-palette"];

const isIn = (root: ParentNode, name: PartName): boolean => root.querySelector(MADE.includes(name) ? "slw-sidebar" : name) !== null;

/** Loads an element's script; a failure is tried once more, since a phone's network comes and goes. */
export async function load(name: PartName): Promise<void> {
  if (!AT_ONCE.includes(name)) await allTexts;
  try {
    await PARTS[name]();
  } catch {
    await PARTS[name]();
  }
}

/** After an upgrade of a server that keeps no old files, or without a network. */
function tellLoss(): void {
  toast(gettext("A part of this page could not be loaded."), { label: gettext("Load it again"), act: () => location.reload() }, "error");
}

/** Loads what is in the page, then, when all is quiet, what may be opened. */
export async function loadParts(root: ParentNode = document): Promise<void> {
  const present = (Object.keys(PARTS) as PartName[]).filter((name) => isIn(root, name));
  const loaded = await Promise.allSettled(present.filter((name) => !LATER.includes(name)).map(load));
  if (loaded.some(({ status }) => status === "rejected")) tellLoss();
  const whenIdle = window.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 200));
  whenIdle(() => void Promise.allSettled(present.filter((name) => LATER.includes(name)).map(load)));
}
