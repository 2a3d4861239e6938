// What people do to a session or a project of the tree: shown at once, sent, taken back when it fails, and undone when they say so.

import { ApiError, call, post } from "../api.ts";
import { openPart } from "../dialogs.ts";
import type { Manage, Managed } from "../elements/manage.ts";
import { gettext } from "../i18n.ts";
import type { Session } from "../protocol.ts";
import { messageOf, toast } from "../toast.ts";
import { ask } from "./ask.ts";
import { isUnread } from "./tree-model.ts";
import { store } from "./tree-store.ts";

export type Kind = "session" | "project";

const undo = (act: () => void): { label: string; act: () => void } => ({ label: gettext("Undo"), act });

const tell = (detail: Managed): boolean => document.dispatchEvent(new CustomEvent("slw-managed", { detail }));

const nameOf = (kind: Kind, id: string): string => (kind === "session" ? store.session(id)?.name : store.projectName(id)) ?? "";

/** Raises what the server said, so that whoever typed the name can go on typing. */
export async function rename(kind: Kind, id: string, name: string, isUndo = false): Promise<void> {
  const before = nameOf(kind, id);
  if (!name || name === before) return;
  store.rename(id, name);
  try {
    await call("PATCH", `/${kind}s/${id}`, { name });
  } catch (error) {
    store.rename(id, before);
    throw error;
  }
  tell({ verb: "rename", kind, id, name });
  if (!isUndo) toast(gettext("Renamed to {name}", { name }), undo(() => void rename(kind, id, before, true).catch((error: unknown) => toast(messageOf(error)))));
}

export function pin(id: string, isPinned: boolean, isUndo = false): void {
  const name = nameOf("session", id);
  store.mark(id, { is_pinned: isPinned });
  call("PUT", `/sessions/${id}/mark`, { is_pinned: isPinned }).catch((error: unknown) => {
    store.mark(id, { is_pinned: !isPinned });
    toast(messageOf(error));
  });
  if (isUndo) return;
  toast(isPinned ? gettext("{name} is pinned to the top", { name }) : gettext("{name} is no longer pinned", { name }), undo(() => pin(id, !isPinned, true)));
}

export function togglePin(id: string): void {
  pin(id, !store.session(id)?.is_pinned);
}

export function markUnread(id: string): void {
  const session = store.session(id);
  if (!session || isUnread(session)) return;
  store.mark(id, { last_read_seq: Math.max(0, session.last_seq - 1) });
  void call("PUT", `/sessions/${id}/mark`, { is_unread: true }).catch((error: unknown) => toast(messageOf(error)));
}

export async function archive(id: string): Promise<void> {
  const name = nameOf("session", id);
  try {
    await post<Session>(`/sessions/${id}/archive`);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) return toast(messageOf(error));
    const isMeant = await ask({
      title: gettext("Stop {name} and archive it?", { name }),
      text: gettext("Its agent is working. It is stopped first; its work so far is kept."),
      yes: gettext("Stop and archive"),
    });
    if (!isMeant) return;
    try {
      await post<Session>(`/sessions/${id}/archive`, { stop: true });
    } catch (again) {
      return toast(messageOf(again));
    }
  }
  store.remove(id);
  document.dispatchEvent(new CustomEvent("slw-archived", { detail: { id, isArchived: true } }));
  toast(gettext("{name} is archived", { name }), undo(() => void unarchive(id)));
}

export async function unarchive(id: string): Promise<void> {
  try {
    const { name } = await post<Session>(`/sessions/${id}/unarchive`);
    document.dispatchEvent(new CustomEvent("slw-archived", { detail: { id, isArchived: false } }));
    toast(gettext("{name} is back", { name }));
  } catch (error) {
    toast(messageOf(error));
  }
}

export function order(ids: readonly string[]): void {
  store.order(ids);
  void call("PUT", `/orgs/${store.organizationId}/session-order`, { session_ids: ids }).catch((error: unknown) => toast(messageOf(error)));
}

export const remove = (kind: Kind, id: string): void =>
  void openPart<Manage>("slw-manage", (dialog) => dialog.openFor({ manage: "delete", kind, id, name: nameOf(kind, id) }));

export async function stop(id: string): Promise<void> {
  try {
    await post(`/sessions/${id}/stop`);
  } catch (error) {
    toast(messageOf(error));
  }
}
