// A form of a page of its own, shown as a dialog over this one: the same form that browsers without scripts go to.

import { gettext } from "../i18n.ts";
import cross from "lucide-static/icons/x.svg";
import { shape } from "../shape.ts";
import { loadParts } from "../parts.ts";
import { tellTimes } from "../times.ts";
import { messageOf } from "../toast.ts";

type Done = (page: Document) => void;

/** Elements in a form that have more to do once it was saved, such as an upload; the dialog stays open until they are done. */
export interface Saver extends HTMLElement { fill?: (data: FormData) => void; save?: (id: string) => Promise<void> }

export const errorText = (error: unknown): string =>
  error instanceof TypeError ? gettext("The server cannot be reached. Check your connection and try again.") : messageOf(error);

async function pageOf(response: Response): Promise<Document> {
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (response.ok || page.querySelector("[data-sheet-body]")) return page;
  throw new Error(page.querySelector("main p")?.textContent.trim() || gettext("The server could not answer. Try again in a moment."));
}

const formOf = (page: Document): HTMLFormElement | null => page.querySelector<HTMLFormElement>("[data-sheet-body] form");

/** Opens the form at this address; `done` gets the page that the server answers with when all is well. */
export async function openSheet(address: string, done: Done, opener?: HTMLElement): Promise<void> {
  const form = formOf(await pageOf(await fetch(address, { credentials: "same-origin" })));
  if (!form) return location.assign(address);
  const dialog = Object.assign(document.createElement("dialog"), { className: "dialog" });
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener?.isConnected) opener.focus();
  });
  put(dialog, form, done);
  dialog.showModal();
  const isFine = matchMedia("(pointer: fine)").matches;
  dialog.tabIndex = -1;
  (isFine ? (dialog.querySelector<HTMLElement>(".body .input:not([type=hidden])") ?? dialog) : dialog).focus();
}

function put(dialog: HTMLDialogElement, form: HTMLFormElement, done: Done): void {
  const mine = document.adoptNode(form);
  dialog.replaceChildren(mine);
  const title = mine.querySelector("h2")?.textContent ?? "";
  dialog.setAttribute("aria-label", title);
  dialog.classList.toggle("small", mine.classList.contains("is-small"));
  mine.querySelector("header")?.append(closeButton(dialog));
  mine.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-close]")) return;
    event.preventDefault();
    dialog.close();
  });
  mine.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(dialog, mine, event.submitter, done);
  });
  mine.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) mine.requestSubmit();
  });
  tellTimes(dialog);
  void loadParts(dialog);
}

function closeButton(dialog: HTMLDialogElement): HTMLButtonElement {
  const button = Object.assign(document.createElement("button"), { className: "button quiet square", type: "button" });
  button.setAttribute("aria-label", gettext("Close"));
  button.append(shape(cross));
  button.addEventListener("click", () => dialog.close());
  return button;
}

async function send(dialog: HTMLDialogElement, form: HTMLFormElement, submitter: HTMLElement | null, done: Done): Promise<void> {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  submitter?.setAttribute("aria-busy", "true");
  form.querySelector("[data-problem]")?.remove();
  const data = new FormData(form, submitter);
  const savers = [...form.querySelectorAll<Saver>("[data-saver]")];
  for (const one of savers) one.fill?.(data);
  try {
    const response = await fetch(form.action, { method: "POST", body: data, credentials: "same-origin" });
    const page = await pageOf(response);
    if (!response.redirected) return refused(dialog, page, done);
    const id = new URL(response.url).searchParams.get("saved") ?? "";
    if (id) for (const one of savers) await one.save?.(id);
    dialog.close();
    done(page);
  } catch (error) {
    problem(form, errorText(error));
  } finally {
    form.removeAttribute("aria-busy");
    submitter?.removeAttribute("aria-busy");
  }
}

/** The form as it came back, with what is wrong in it. */
function refused(dialog: HTMLDialogElement, page: Document, done: Done): void {
  const form = formOf(page);
  if (!form) return location.reload();
  put(dialog, form, done);
  const wrong = dialog.querySelector<HTMLElement>("[aria-invalid=true]");
  wrong?.closest("details")?.setAttribute("open", "");
  (wrong ?? dialog).focus();
}

function problem(form: HTMLFormElement, text: string): void {
  const note = Object.assign(document.createElement("p"), { className: "note error", textContent: text });
  note.setAttribute("role", "alert");
  note.dataset.problem = "";
  form.querySelector(".body")?.prepend(note);
  note.scrollIntoView({ block: "nearest" });
}
