// Short words at the edge of the window, read out to those who do not see them, perhaps with a way to take something back.

import { gettext } from "./i18n.ts";

const TOAST_MS = 6000;
const TOAST_WITH_ACTION_MS = 12_000;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : gettext("Something went wrong."));

export function toast(text: string, action?: { label: string; act: () => void }): void {
  let place = document.querySelector(".toasts");
  if (!place) {
    place = Object.assign(document.createElement("div"), { className: "toasts" });
    place.setAttribute("role", "status");
    document.body.append(place);
  }
  const note = Object.assign(document.createElement("div"), { className: "toast" });
  note.append(Object.assign(document.createElement("span"), { className: "grow", textContent: text }));
  if (action) note.append(toastAction(action, note));
  place.append(note);
  setTimeout(() => note.remove(), action ? TOAST_WITH_ACTION_MS : TOAST_MS);
}

function toastAction({ label, act }: { label: string; act: () => void }, note: HTMLElement): HTMLButtonElement {
  const button = Object.assign(document.createElement("button"), { className: "link", type: "button", textContent: label });
  button.addEventListener("click", () => {
    note.remove();
    act();
  });
  return button;
}
