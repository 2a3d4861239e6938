// How many lines a change adds and removes; what is none is left out.

import { html, nothing, type TemplateResult } from "lit";

/** With nothing on both sides (a binary file, a new name) it is empty. */
export const lineCounts = (added: number, removed: number, names = "counts"): TemplateResult | typeof nothing =>
  added || removed ? html`<span class=${names}>${added ? html`<span class="added">+${added}</span>` : nothing}${removed ? html`<span class="removed">−${removed}</span>` : nothing}</span>` : nothing;
