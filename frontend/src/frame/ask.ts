// A question that needs a yes: what will happen, in a dialog whose button says it.

import { gettext } from "../i18n.ts";

export interface Question { title: string; text: string; yes: string }

function button(text: string, className: string, value: string): HTMLButtonElement {
  return Object.assign(document.createElement("button"), { textContent: text, className, value });
}

/** Whether they mean it. */
export function ask({ title, text, yes }: Question): Promise<boolean> {
  const dialog = Object.assign(document.createElement("dialog"), { className: "dialog small" });
  dialog.setAttribute("aria-label", title);
  const form = Object.assign(document.createElement("form"), { method: "dialog" });
  const head = document.createElement("header");
  head.append(Object.assign(document.createElement("h2"), { className: "grow", textContent: title }));
  const body = Object.assign(document.createElement("div"), { className: "body" });
  body.append(Object.assign(document.createElement("p"), { textContent: text }));
  const foot = document.createElement("footer");
  foot.append(button(gettext("Cancel"), "button", ""), button(yes, "button danger primary", "yes"));
  form.append(head, body, foot);
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((answer) =>
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "yes");
    }),
  );
}
