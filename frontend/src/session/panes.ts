// What can stand beside the conversation: its tabs on a wide screen, the bottom bar on a phone. One more is one more entry here.

import { html, type TemplateResult } from "lit";
import { gettext } from "../i18n.ts";
import type { IconName } from "../icons.ts";
import "./changes-view.ts";

/** What panes are told. */
export interface PaneState { sessionId: string; checkpoints: number; isShown: boolean }

export interface PaneKind {
  id: string;
  icon: IconName;
  title: () => string;
  render: (state: PaneState) => TemplateResult;
}

export const PANES: readonly PaneKind[] = [
  {
    id: "changes",
    icon: "filePen",
    title: () => gettext("Changes"),
    render: ({ sessionId, checkpoints, isShown }) => html`<slw-changes .sessionId=${sessionId} .version=${checkpoints} .isShown=${isShown}></slw-changes>`,
  },
];

const KEY = "slipway.pane";

/** The one that was looked at last. */
export function lastPane(): string {
  const kept = localStorage.getItem(KEY);
  return PANES.some((pane) => pane.id === kept) ? (kept ?? "") : (PANES[0]?.id ?? "");
}

export const keepPane = (id: string): void => localStorage.setItem(KEY, id);
