// How long something has gone on, told anew each second: one timer for all that is shown, none while there is nothing.

import { html, type TemplateResult } from "lit";
import { elapsed } from "./clock.ts";

const shown = new Set<Since>();
let timer: ReturnType<typeof setInterval> | undefined;

class Since extends HTMLElement {
  private from = "";

  set at(at: string) {
    this.from = at;
    this.tell();
  }

  connectedCallback(): void {
    shown.add(this);
    timer ??= setInterval(() => shown.forEach((one) => one.tell()), 1000);
  }

  disconnectedCallback(): void {
    shown.delete(this);
    if (shown.size) return;
    clearInterval(timer);
    timer = undefined;
  }

  tell(): void {
    this.textContent = elapsed(this.from);
  }
}
customElements.define("slw-since", Since);

/** Whoever listens to the page may read it, and is not told of each second. */
export const sinceView = (at: string): TemplateResult => html`<slw-since class="soft" role="timer" .at=${at}></slw-since>`;
