// What the menu of a row offers.

import { copyName } from "../copy.ts";
import { openPart } from "../dialogs.ts";
import type { NewSession } from "../elements/new-session.ts";
import { gettext } from "../i18n.ts";
import type { MenuItems } from "./menu.ts";
import { archive, markUnread, remove, stop, togglePin } from "./tree-acts.ts";
import { isUnread, type SessionSummary, type TreeProject } from "./tree-model.ts";
import { store } from "./tree-store.ts";

export interface RowActs {
  rename(id: string): void;
  /** Null where it cannot go further. */
  move(id: string, step: -1 | 1): (() => void) | null;
  go(href: string): void;
}

const none: MenuItems = [];

export function itemsOfSession(session: SessionSummary, acts: RowActs): MenuItems {
  const { id } = session;
  const [up, down] = [acts.move(id, -1), acts.move(id, 1)];
  return [
    { label: gettext("Open in a new tab"), act: () => void window.open(`/sessions/${id}/`, "_blank", "noopener") },
    { label: session.is_pinned ? gettext("Unpin") : gettext("Pin to the top"), act: () => togglePin(id) },
    ...(isUnread(session) ? none : [{ label: gettext("Mark as unread"), act: () => markUnread(id) }]),
    null,
    { label: gettext("Copy link"), act: () => void copyName(`${location.origin}/sessions/${id}/`) },
    { label: gettext("Copy branch name"), act: () => void copyName(session.branch) },
    ...(up || down ? [null] : none),
    ...(up ? [{ label: gettext("Move up"), keys: "Alt+Shift+↑", act: up }] : none),
    ...(down ? [{ label: gettext("Move down"), keys: "Alt+Shift+↓", act: down }] : none),
    ...(store.canWrite ? [
      null,
      { label: gettext("Rename"), keys: "F2", act: () => acts.rename(id) },
      ...(session.status === "STOPPED" || session.status === "INITIALIZING" ? none : [{ label: gettext("Stop"), act: () => void stop(id) }]),
      { label: gettext("Archive"), act: () => void archive(id) },
      { label: gettext("Delete…"), isDangerous: true, act: () => remove("session", id) },
    ] : none),
  ];
}

export function itemsOfProject(project: TreeProject, acts: RowActs): MenuItems {
  const { id } = project;
  return [
    { label: gettext("Show the project"), act: () => acts.go(`/projects/${id}/`) },
    ...(store.canWrite ? [
      ...(project.status === "READY" ? [{ label: gettext("New session…"), act: () => void openPart<NewSession>("slw-new-session", (dialog) => void dialog.openFor(id)) }] : none),
      null,
      { label: gettext("Rename"), keys: "F2", act: () => acts.rename(id) },
      { label: gettext("Delete…"), isDangerous: true, act: () => remove("project", id) },
    ] : none),
  ];
}
