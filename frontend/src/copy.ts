// Copying: by a button that says that it is done, or with a toast.

import { gettext } from "./i18n.ts";
import { toast } from "./toast.ts";

const SHOWN_MS = 1500;
/** Buttons that say something else for a moment, and what they say otherwise. */
const told = new WeakMap<HTMLElement, { word: string; timer: ReturnType<typeof setTimeout> }>();

function tell(button: HTMLElement, word: string): void {
  const before = told.get(button);
  clearTimeout(before?.timer);
  const usual = before?.word ?? button.textContent ?? "";
  button.textContent = word;
  const timer = setTimeout(() => {
    button.textContent = usual;
    told.delete(button);
  }, SHOWN_MS);
  told.set(button, { word: usual, timer });
}

export async function copy(text: string, button: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    tell(button, gettext("Copied"));
  } catch {
    tell(button, gettext("Press Ctrl+C"));
  }
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(gettext("Copied."));
  } catch {
    toast(gettext("The browser did not let us copy this."));
  }
}

/** A name or an address: it is said what it was, and shown where the browser refuses. */
export async function copyName(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(gettext("Copied {text}", { text }));
  } catch {
    toast(text);
  }
}

export function copyButton(text: () => string): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = gettext("Copy");
  button.addEventListener("click", () => void copy(text(), button));
  return button;
}
