// What of a card lies below its edge: never without a sign, since nobody should approve what they have not seen.

import { html, nothing, type TemplateResult } from "lit";
import { ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";

const LINE_PX = 20;
/** Less than this is no text. */
const LEAST_PX = 6;
/** What the sign itself covers. */
const SIGN_PX = 16;

export class Below {
  private lines = 0;
  private body: HTMLElement | null = null;
  private readonly sizes = new ResizeObserver(() => this.measure());

  constructor(private readonly changed: () => void) {}

  /** Looks at this one from now on, and at all that is in it by now. */
  watch(body: HTMLElement | null): void {
    this.body = body;
    this.sizes.disconnect();
    for (const one of body ? [body, ...body.children] : []) this.sizes.observe(one);
  }

  /** Where there is little height, the card itself scrolls. */
  private get scroller(): HTMLElement | null {
    const { body } = this;
    return body && getComputedStyle(body).overflowY === "visible" ? body.parentElement : body;
  }

  readonly measure = (): void => {
    const { scroller } = this;
    if (!scroller) return;
    const hidden = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
    const lines = hidden < LEAST_PX ? 0 : Math.ceil((hidden + SIGN_PX) / LINE_PX);
    if (lines === this.lines) return;
    this.lines = lines;
    this.changed();
  };

  view(): TemplateResult {
    const go = (): void => this.scroller?.scrollBy({ top: this.scroller.clientHeight * 0.8 });
    return html`<button class="permission-below ${this.lines ? "" : "is-none"}" type="button" @click=${go}>${this.lines ? html`<span>${ngettext("{count} more line", "{count} more lines", this.lines)}${icon("arrowDown")}</span>` : nothing}</button>`;
  }
}
