// Opens the dialogs whose scripts are loaded when they are asked for: at once when they are there, else after an outline of one.

import { gettext } from "./i18n.ts";
import { load, type PartName } from "./parts.ts";
import { toast } from "./toast.ts";

const OUTLINE_AFTER_MS = 100;

function outline(): HTMLDialogElement {
  const dialog = Object.assign(document.createElement("dialog"), { className: "dialog outline" });
  dialog.setAttribute("aria-label", gettext("Loading…"));
  dialog.setAttribute("aria-busy", "true");
  const body = Object.assign(document.createElement("div"), { className: "body" });
  body.append(...["short", "", "", "medium"].map((length) => Object.assign(document.createElement("div"), { className: `skeleton ${length}` })));
  dialog.append(body);
  return dialog;
}

/** The one of its kind in the page, made when it is first asked for. */
function only<T extends HTMLElement>(name: PartName): T {
  const found = document.querySelector<T>(name) ?? (document.createElement(name) as T);
  if (!found.isConnected) document.body.append(found);
  return found;
}

/** Calls `open` with the page's element of this name, as soon as its script is there. Who closes the outline meanwhile wants it no more. */
export async function openPart<T extends HTMLElement>(name: PartName, open: (element: T) => void): Promise<void> {
  const waiting = outline();
  const timer = setTimeout(() => {
    document.body.append(waiting);
    waiting.showModal();
  }, OUTLINE_AFTER_MS);
  try {
    if (!customElements.get(name)) await load(name);
    clearTimeout(timer);
    if (waiting.isConnected && !waiting.open) return;
    waiting.close();
    open(only<T>(name));
  } catch {
    toast(gettext("This could not be loaded. Check your connection and try again."));
  } finally {
    clearTimeout(timer);
    waiting.remove();
  }
}
