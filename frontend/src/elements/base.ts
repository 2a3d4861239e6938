// What all elements share: they render into the page itself, so that the one style sheet and the CSP apply to them.

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { ApiError } from "../api.ts";
import { withCode } from "../code-in-text.ts";
import { allTexts, gettext, hasAllTexts } from "../i18n.ts";
import { icon } from "../icons.ts";
import { pieces } from "../odd-characters.ts";
import { messageOf, toast } from "../toast.ts";

export class PageElement extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    this.replaceChildren();
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (!hasAllTexts()) void allTexts.then(() => this.requestUpdate());
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

/** An error for people: what happened, and the request id for whoever helps them. */
export function errorNote(error: unknown): TemplateResult | typeof nothing {
  if (!error) return nothing;
  const requestId = error instanceof ApiError ? error.requestId : "";
  return html`<div class="note error" role="alert">${icon("warning")}<div>
    ${withCode(messageOf(error))}
    ${requestId ? html`<div class="request">${gettext("Request {id}", { id: requestId })}</div>` : nothing}
  </div></div>`;
}

/** The message for one field of a form, when the server named it. */
export const fieldError = (error: unknown, field: string): string =>
  error instanceof ApiError ? (error.details.find((detail) => detail.field.split(".").pop() === field)?.message ?? "") : "";

/** Whether all that is wrong can be shown beside fields of these names. */
export const isOnlyAbout = (error: unknown, fields: string[]): boolean =>
  error instanceof ApiError && error.details.length > 0 && error.details.every((detail) => fields.includes(detail.field.split(".").pop() ?? ""));

export { messageOf, toast };
