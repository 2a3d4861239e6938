// Buttons that server-rendered pages hide until this script is there: to copy something, to show what is typed into a password field.

import { copy } from "../copy.ts";
import { gettext } from "../i18n.ts";

function reveal(button: HTMLElement): void {
  const field = button.parentElement?.querySelector("input");
  if (!field) return;
  const isShown = field.type === "password";
  field.type = isShown ? "text" : "password";
  button.setAttribute("aria-pressed", String(isShown));
  button.title = isShown ? gettext("Hide the password") : gettext("Show the password");
  // Password managers look for the type when the form is sent.
  if (isShown) field.form?.addEventListener("submit", () => (field.type = "password"), { once: true });
}

/** Spaces around what was pasted into the field of a code are no part of it. */
function trimPasted(event: Event): void {
  const field = event.target;
  if (field instanceof HTMLInputElement && field.autocomplete === "one-time-code") field.value = field.value.trim();
}

export function listenToPageButtons(): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-reveal], [data-copy]")) button.hidden = false;
  document.addEventListener("click", ({ target }) => {
    const pressed = target instanceof Element ? target.closest<HTMLElement>("[data-reveal], [data-copy]") : null;
    if (pressed?.dataset.copy !== undefined) void copy(pressed.dataset.copy, pressed);
    else if (pressed) reveal(pressed);
  });
  document.addEventListener("change", trimPasted);
}
