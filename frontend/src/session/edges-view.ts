// What stands where more of the log is being loaded, before the first row that is held or after the last one.

import { html, nothing, type TemplateResult } from "lit";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { History } from "./history.ts";

export function beginningView(history: History | null): unknown {
  if (!history?.hasEarlier) return nothing;
  if (history.error) return failed(gettext("What was said before could not be loaded."), () => void history.earlier());
  return html`<p class="earlier soft">${gettext("Loading what was said before…")}</p>`;
}

export function endView(history: History | null): unknown {
  if (!history?.hasLater) return nothing;
  if (history.error) return failed(gettext("What was said after this could not be loaded."), () => void history.later());
  return html`<p class="earlier soft">${gettext("Loading what was said after this…")}</p>`;
}

const failed = (words: string, again: () => void): TemplateResult =>
  html`<p class="earlier note warning">${icon("warning")}<span class="grow">${words}</span><button class="link" type="button" @click=${again}>${gettext("Try again")}</button></p>`;
