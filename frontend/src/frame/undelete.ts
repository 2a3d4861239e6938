// Takes back that a session or a project was deleted, as long as the server keeps it.

import { post } from "../api.ts";
import { gettext } from "../i18n.ts";
import { messageOf, toast } from "../toast.ts";
import { isList, refresh } from "./navigate.ts";

interface Deleted { kind: "session" | "project"; id: string; name: string }

/** A toast that stays long enough to think, and comes along to the next page. */
export function offerUndo(deleted: Deleted): void {
  const { kind, id, name } = deleted;
  toast(gettext("{name} is deleted", { name }), { label: gettext("Undo"), act: () => void undelete(deleted), request: { method: "POST", path: `/${kind}s/${id}/undelete` } });
}

async function undelete({ kind, id, name }: Deleted): Promise<void> {
  try {
    await post(`/${kind}s/${id}/undelete`);
    toast(gettext("{name} is back", { name }));
    if (isList()) void refresh();
  } catch (error) {
    toast(messageOf(error), undefined, "error");
  }
}
