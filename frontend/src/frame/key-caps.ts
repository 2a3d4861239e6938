// Keys as they are shown.

import { html, type TemplateResult } from "lit";
import type { Keys } from "../actions.ts";
import { gettext } from "../i18n.ts";
import { capsOf } from "./strokes.ts";

export const caps = (keys: Keys): TemplateResult =>
  html`<span class="caps">${capsOf(keys).map((stroke, index) => html`${index ? html`<span class="soft">${gettext("then")}</span>` : ""}${stroke.map((key) => html`<kbd>${key}</kbd>`)}`)}</span>`;
