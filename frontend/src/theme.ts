// Light, dark, or as the system has it. A cookie keeps the choice, so that the server renders it and nothing flashes.

const YEAR_S = 365 * 24 * 3600;

export function setTheme(choice: string): void {
  const isChosen = choice === "light" || choice === "dark";
  if (isChosen) document.documentElement.dataset.theme = choice;
  else delete document.documentElement.dataset.theme;
  document.cookie = `theme=${isChosen ? choice : ""}; path=/; max-age=${isChosen ? YEAR_S : 0}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  for (const button of document.querySelectorAll<HTMLElement>("[data-theme-choice]")) {
    button.toggleAttribute("aria-current", button.dataset.themeChoice === (isChosen ? choice : "system"));
  }
}
