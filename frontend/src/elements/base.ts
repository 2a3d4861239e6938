// What all elements share: they render into the page itself, so that the one style sheet and the CSP apply to them.

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { ApiError } from "../api.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { pieces } from "../odd-characters.ts";

export class PageElement extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    this.replaceChildren();
    return this;
  }
}

/** Data that the server wrote into the page with `json_script`. */
export function pageData<T>(id: string): T | null {
  const text = document.getElementById(id)?.textContent;
  return text ? (JSON.parse(text) as T) : null;
}

/** Text of unknown origin, with what would hide or reorder it made visible. */
export const plain = (text: string): unknown =>
  pieces(text).map((piece) => (piece.isOdd ? html`<i class="odd" title=${gettext("An invisible or control character")}>${piece.text}</i>` : piece.text));

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : gettext("Something went wrong."));

/** An error for people: what happened, and the request id for whoever helps them. */
export function errorNote(error: unknown): TemplateResult | typeof nothing {
  if (!error) return nothing;
  const requestId = error instanceof ApiError ? error.requestId : "";
  return html`<div class="note error" role="alert">${icon("warning")}<div>
    ${messageOf(error)}
    ${requestId ? html`<div class="request">${gettext("Request {id}", { id: requestId })}</div>` : nothing}
  </div></div>`;
}

/** The message for one field of a form, when the server named it. */
export const fieldError = (error: unknown, field: string): string =>
  error instanceof ApiError ? (error.details.find((detail) => detail.field.split(".").pop() === field)?.message ?? "") : "";

/** Whether all that is wrong can be shown beside fields of these names. */
export const isOnlyAbout = (error: unknown, fields: string[]): boolean =>
  error instanceof ApiError && error.details.length > 0 && error.details.every((detail) => fields.includes(detail.field.split(".").pop() ?? ""));

const TOAST_MS = 6000;
const TOAST_WITH_ACTION_MS = 12_000;

/** A short word at the edge of the window, read out to those who do not see it; and perhaps a way to take something back. */
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
