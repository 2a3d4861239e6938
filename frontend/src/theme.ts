// Light, dark, or as the system has it. The server renders the person's choice, so that nothing flashes; a cookie keeps it for the pages before sign-in.

import { changePreferences, hasPreferences, type Theme } from "./preferences.ts";
import { messageOf, toast } from "./toast.ts";

const YEAR_S = 365 * 24 * 3600;

/** "light", "dark" or "system". */
export function setTheme(choice: string): void {
  showTheme(choice);
  if (hasPreferences()) void changePreferences({ theme: choice.toUpperCase() as Theme }).catch((error: unknown) => toast(messageOf(error)));
}

export function showTheme(choice: string): void {
  const isChosen = choice === "light" || choice === "dark";
  if (isChosen) document.documentElement.dataset.theme = choice;
  else delete document.documentElement.dataset.theme;
  document.cookie = `theme=${isChosen ? choice : ""}; path=/; max-age=${isChosen ? YEAR_S : 0}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}
