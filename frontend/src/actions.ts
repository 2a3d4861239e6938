// What a person can do at the moment, in one list: the command palette shows it, its keys do it, and `?` tells the keys.

import { gettext } from "./i18n.ts";

/** A key or two in a row, as people read them: "Ctrl+K" (⌘ on a Mac), "g p", "?". Single keys are left alone while somebody types. */
export type Keys = string;

export interface Action {
  /** Unique; a second one with the same id takes the first one's place. */
  id: string;
  title: string;
  /** Where the palette and the list of keys show it. */
  group: string;
  keys?: Keys;
  /** Others that do the same, for instance while somebody types. */
  alsoKeys?: Keys;
  /** More words that find it. */
  words?: string;
  /** Not offered while this says no. */
  isOffered?: () => boolean;
  run: () => void;
}

const actions = new Map<string, Action>();

/** Offers an action until the returned function is called. */
export function offer(action: Action): () => void {
  actions.set(action.id, action);
  return () => {
    if (actions.get(action.id) === action) actions.delete(action.id);
  };
}

export const offered = (): Action[] => [...actions.values()].filter((action) => action.isOffered?.() ?? true);

/** The names of the groups, in the order in which they are shown. */
export const groups = { session: () => gettext("This session"), go: () => gettext("Go to"), make: () => gettext("Create"), view: () => gettext("View"), account: () => gettext("Account") };
