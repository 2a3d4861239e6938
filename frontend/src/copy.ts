// Copy buttons, for code that is made outside of templates.

import { gettext } from "./i18n.ts";

const SHOWN_MS = 1500;

export async function copy(text: string, button: HTMLElement): Promise<void> {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = gettext("Copied");
  } catch {
    button.textContent = gettext("Press Ctrl+C");
  }
  setTimeout(() => (button.textContent = before), SHOWN_MS);
}

export function copyButton(text: () => string): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = gettext("Copy");
  button.addEventListener("click", () => void copy(text(), button));
  return button;
}
