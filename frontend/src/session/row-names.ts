// What a row of the conversation is, for those who hear it.

import { gettext } from "../i18n.ts";
import type { Row } from "./rows.ts";

export function nameOf(row: Row): string {
  if (row.type === "day") return gettext("A new day");
  if (row.type === "group" || (row.type === "item" && row.item.type === "tool")) return gettext("What the agent did");
  if (row.type === "item" && row.item.type === "user") return gettext("Message from {name}", { name: row.item.author || gettext("someone") });
  if (row.type === "live" || (row.type === "item" && row.item.type === "text")) return gettext("The agent's words");
  return row.type === "queued" || row.type === "unsent" ? gettext("A message that waits") : gettext("Note");
}
