// One image, as large as the window: closed by a click, Escape or its button.

import { gettext } from "../i18n.ts";

export function enlarge(source: string, alt: string): void {
  const dialog = Object.assign(document.createElement("dialog"), { className: "enlarged" });
  dialog.setAttribute("aria-label", alt);
  const image = Object.assign(document.createElement("img"), { src: source, alt });
  const close = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: gettext("Close") });
  dialog.append(image, close);
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
