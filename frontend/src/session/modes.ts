// The permission modes of an agent, in words.

import { gettext } from "../i18n.ts";
import type { IconName } from "../icons.ts";

export interface Mode { name: string; label: string; detail: string; icon: IconName; isWarning?: boolean }

export const modeList = (): Mode[] => [
  { name: "default", label: gettext("Ask first"), detail: gettext("Reads freely; asks before it changes files or runs commands."), icon: "shield" },
  { name: "acceptEdits", label: gettext("Accept edits"), detail: gettext("Changes files without asking; asks before it runs commands."), icon: "filePen" },
  { name: "plan", label: gettext("Plan first"), detail: gettext("Looks around and writes a plan; changes nothing until you approve it."), icon: "list" },
  { name: "bypassPermissions", label: gettext("Never ask"), detail: gettext("Does everything without asking. Only the sandbox limits it."), icon: "now", isWarning: true },
];

export const modes = (): [string, string][] => modeList().map((mode) => [mode.name, mode.label]);

const CYCLE = ["default", "acceptEdits", "plan"];

/** The mode that Shift+Tab goes on to; never to the one that asks for nothing, which has to be chosen. */
export const nextMode = (mode: string): string => CYCLE[(CYCLE.indexOf(mode) + 1) % CYCLE.length] ?? "default";
