// The permission modes of an agent, in words.

import { gettext } from "../i18n.ts";

export const modes = (): [string, string][] => [
  ["default", gettext("Ask before acting")],
  ["acceptEdits", gettext("Accept edits")],
  ["plan", gettext("Plan first")],
  ["bypassPermissions", gettext("Never ask")],
];
