// What the palette offers besides the actions with keys: all that menus, settings and the page itself have. It is loaded with the palette.

import { type Action, groups } from "../actions.ts";
import { openPart } from "../dialogs.ts";
import type { Manage } from "../elements/manage.ts";
import type { NewProject } from "../elements/new-project.ts";
import { gettext } from "../i18n.ts";
import { changePreferences, preferences } from "../preferences.ts";
import { setTheme } from "../theme.ts";
import { messageOf, toast } from "../toast.ts";
import { goTo } from "./navigate.ts";
import { itemsOfProject } from "./row-items.ts";
import { markUnread } from "./tree-acts.ts";
import { isUnread } from "./tree-model.ts";
import { store } from "./tree-store.ts";
import type { TreeView } from "./tree-view.ts";

const tree = (): TreeView | null => document.querySelector<TreeView>("slw-tree");

/** Worked out anew for each opening, since pages and projects come and go. */
export function actionsHere(): Action[] {
  const anywhere = [...ofSession(), ...ofProject(), ...making(), ...viewing(), ...account(), ...organizations()];
  const known = new Set(anywhere.map(({ title }) => title));
  return [...anywhere, ...ofPage().filter(({ title }) => !known.has(title))];
}

function ofSession(): Action[] {
  const session = store.session(store.current);
  if (!session) return [];
  const group = groups.session();
  const [up, down] = [tree()?.moving(session.id, -1), tree()?.moving(session.id, 1)];
  return [
    ...(isUnread(session) ? [] : [{ id: "session-unread", title: gettext("Mark as unread"), group, run: () => markUnread(session.id) }]),
    ...(up ? [{ id: "session-up", title: gettext("Move up"), group, words: gettext("order sort"), run: up }] : []),
    ...(down ? [{ id: "session-down", title: gettext("Move down"), group, words: gettext("order sort"), run: down }] : []),
  ];
}

/** What the menu of its row in the tree has. */
function ofProject(): Action[] {
  const id = /^\/projects\/([0-9a-f-]{36})\//.exec(location.pathname)?.[1] ?? store.session(store.current)?.project_id;
  const project = store.projects.find((one) => one.id === id);
  if (!project) return [];
  const rename = (): void => void openPart<Manage>("slw-manage", (dialog) => dialog.openFor({ manage: "rename", kind: "project", id: project.id, name: project.name }));
  const items = itemsOfProject(project, { rename, move: () => null, go: (href) => void goTo(href) });
  const group = gettext("Project {name}", { name: project.name });
  return items.flatMap((item, at) => (item ? [{ id: `project-${at}`, title: item.label, group, run: item.act }] : []));
}

const nameOf = (control: HTMLElement): string => (control.ariaLabel || control.textContent).trim().replace(/\s+/g, " ");

/** Of which thing on the page it is: what its card is called. */
function thingOf(control: HTMLElement): string {
  const card = control.closest("[aria-labelledby]")?.getAttribute("aria-labelledby") ?? "";
  return document.getElementById(card)?.textContent.trim() ?? "";
}

/** Not offered: what opens a menu or sends what one has yet to write, and what is among the other actions. */
const isLeftOut = (control: HTMLElement): boolean =>
  control.matches("summary, :disabled, [data-drawer], [data-palette], [data-open]:not([data-project]), .topbar [data-open]") || control.closest("[hidden], .settings-nav, .toast") !== null ||
  (control.matches("button:not([type=button])") && control.closest("form")?.querySelector("input:not([type=hidden]), textarea, select") !== null);

/** Whatever can be pressed on the page, also in its menus. */
function ofPage(): Action[] {
  const group = gettext("On this page");
  const controls = [...document.querySelectorAll<HTMLElement>(".main .topbar .button, .page :is(.button, .menu-item)")].filter((one) => !isLeftOut(one));
  return controls.map((control) => {
    const [name, thing] = [nameOf(control), thingOf(control)];
    const title = !thing || name.includes(thing) ? name : gettext("{name}: {action}", { name: thing, action: name });
    return { id: `here-${title}`, title, group, run: () => control.click() };
  });
}

function making(): Action[] {
  if (!store.canWrite) return [];
  const make = groups.make();
  const project = (source: "URL" | "UPLOAD" | "SAMPLE" | "EMPTY", title: string): Action =>
    ({ id: `new-project-${source}`, title, group: make, words: gettext("new project"), run: () => void openPart<NewProject>("slw-new-project", (dialog) => void dialog.openWith(source)) });
  return [
    project("URL", gettext("Import a repository")),
    project("UPLOAD", gettext("Upload an archive")),
    project("SAMPLE", gettext("New project from the sample")),
    project("EMPTY", gettext("New empty project")),
    ...(store.isAdmin ? [to("/settings/environments/new/", gettext("Add environment"), "docker ssh modal sandbox container image machine", make)] : []),
  ];
}

function viewing(): Action[] {
  const group = groups.view();
  const theme = (choice: string, title: string): Action => ({ id: `theme-${choice}`, title, group, words: gettext("colours appearance"), run: () => setTheme(choice) });
  const wrap = (): void => void changePreferences({ wrap_code: !preferences().wrap_code }).catch((error: unknown) => toast(messageOf(error)));
  return [
    theme("light", gettext("Light theme")), theme("dark", gettext("Dark theme")), theme("system", gettext("Theme of the system")),
    { id: "wrap", title: preferences().wrap_code ? gettext("Let long lines of code scroll") : gettext("Wrap long lines of code"), group, run: wrap },
    { id: "fold-all", title: gettext("Fold all projects"), group, words: gettext("collapse tree"), run: () => tree()?.foldAll(true) },
    { id: "unfold-all", title: gettext("Unfold all projects"), group, words: gettext("expand tree"), run: () => tree()?.foldAll(false) },
  ];
}

const to = (path: string, title: string, words: string, group = groups.account()): Action => ({ id: `page-${path}`, title, words, group, run: () => location.assign(path) });

function account(): Action[] {
  return [
    to("/settings/profile/", gettext("Settings: profile"), "name account"),
    to("/accounts/email/", gettext("Change the email address"), "e-mail account"),
    to("/accounts/password/change/", gettext("Change the password"), "account"),
    to("/accounts/2fa/", gettext("Two-step sign-in"), "mfa totp authenticator recovery codes"),
    to("/settings/profile/#browsers", gettext("Where you are signed in"), "browsers sign out"),
    to("/settings/appearance/", gettext("Settings: appearance"), "theme dark light language wrap"),
    to("/settings/notifications/", gettext("Settings: notifications"), "sound browser"),
    to("/settings/keyboard/", gettext("Settings: keyboard shortcuts"), "keys"),
    to("/settings/organization/", gettext("Settings: organisation"), "members name rename"),
    to("/settings/environments/", gettext("Settings: environments"), "docker ssh modal sandbox container image machine"),
    to("/settings/usage/", gettext("Settings: usage"), "cost money tokens budget"),
    to("/settings/model-key/", gettext("Settings: model key"), "anthropic api key"),
    to("/settings/tokens/", gettext("Settings: API tokens"), "key script"),
    { id: "sign-out", title: gettext("Sign out"), group: groups.account(), run: () => document.querySelector<HTMLFormElement>("form[action*=logout]")?.requestSubmit() },
  ];
}

/** The others that the sidebar leads to. */
function organizations(): Action[] {
  return [...document.querySelectorAll<HTMLAnchorElement>(".sidebar-head a.menu-item:not([aria-current])")].map((link) =>
    ({ id: `organization-${link.search}`, title: gettext("Switch to {name}", { name: link.textContent.trim() }), group: groups.go(), words: gettext("organisation"), run: () => location.assign(link.href) }));
}
