// Three small marks that lead through the first turn: watch, answer, look at the changes. They can be skipped, and never come back.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { beside, windowSize } from "../components/place.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { changePreferences } from "../preferences.ts";
import { PageElement } from "./base.ts";
import { type Step, stepFor } from "./tour-steps.ts";

const LOOK_MS = 250;
/** Where one pane is shown at a time. */
const isNarrow = (): boolean => matchMedia("(max-width: 980px)").matches;

@customElement("slw-tour")
export class Tour extends PageElement {
  @state() private step: Step = "watch";
  @state() private hasAnswered = false;
  private timer: ReturnType<typeof setInterval> | undefined;
  private target: Element | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
    this.mark(null);
  }

  private look(): void {
    const asks = document.querySelector(".permission") !== null;
    if (this.step === "answer" && !asks) this.hasAnswered = true;
    const showsChanges = isNarrow() && document.querySelector(".pane.side.is-current") !== null;
    this.step = stepFor({ asks, hasEnded: document.querySelector(".turn-footer") !== null, showsChanges }, this.step);
    this.place();
  }

  private get anchor(): Element | null {
    switch (this.step) {
      case "watch": return document.querySelector("slw-conversation");
      case "answer": return document.querySelector(".permission");
      case "changes": return document.querySelector(isNarrow() ? ".bottom-bar" : ".pane.side");
      case "done": return this.composer ?? document.querySelector(".bottom-bar");
    }
  }

  /** Where it is shown. */
  private get composer(): Element | null {
    const composer = document.querySelector("slw-composer");
    return composer?.clientHeight ? composer : null;
  }

  private mark(target: Element | null): void {
    if (target === this.target) return;
    this.target?.classList.remove("tour-target");
    this.target = target;
    if (this.step !== "watch") target?.classList.add("tour-target");
  }

  /** On a phone the bar is below the message, which the card must not cover. */
  private within(anchor: Element): Element {
    return (this.step === "changes" && isNarrow() && this.composer) || anchor;
  }

  private place(): void {
    const card = this.querySelector<HTMLElement>(".tour");
    const { anchor } = this;
    this.mark(anchor);
    if (!card || !anchor) return;
    const box = this.within(anchor).getBoundingClientRect();
    const view = windowSize();
    // A pane fills the height of the window: there the mark stands within it, at its end.
    const isPane = this.step === "watch" || (this.step === "changes" && !isNarrow());
    const { left, top } = isPane ? { left: box.right - card.offsetWidth - 16, top: this.step === "watch" ? box.bottom - card.offsetHeight - 16 : box.top + 64 } : beside(box, { width: card.offsetWidth, height: card.offsetHeight }, view, { isAbove: true });
    card.style.setProperty("left", `${Math.max(8, Math.min(left, view.width - card.offsetWidth - 8))}px`);
    card.style.setProperty("top", `${Math.max(8, Math.min(top, view.height - card.offsetHeight - 8))}px`);
  }

  private end(): void {
    const address = new URL(location.href);
    address.searchParams.delete("tour");
    history.replaceState(history.state, "", address);
    void changePreferences({ is_tour_done: true }).catch(() => undefined); // it would come back at another first turn only
    this.remove();
  }

  private showChanges(): void {
    if (isNarrow()) document.querySelectorAll<HTMLElement>(".bottom-bar button")[1]?.click();
    this.step = "done";
  }

  override updated(): void {
    this.place();
  }

  override render(): TemplateResult {
    const place = { watch: 1, answer: 2, changes: 3, done: 0 }[this.step];
    return html`<section class="tour" role="region" aria-label=${gettext("A first look round")}>
      <div aria-live="polite">${this.text()}</div>
      <div class="row"><span class="soft">${place ? gettext("{n} of {count}", { n: place, count: 3 }) : nothing}</span><span class="row">${this.buttons()}</span></div>
    </section>`;
  }

  private text(): TemplateResult {
    switch (this.step) {
      case "watch": return this.say(gettext("This is the agent at work"), this.hasAnswered ? gettext("It goes on with what you allowed. You can write at any time; it hears you when it is ready.") : gettext("What it says and does appears here as it happens."));
      case "answer": return this.say(gettext("It asks before it acts"), gettext("Read what it wants to do, then allow it once, or say no and why. Nothing happens until you answer."));
      case "changes": return this.say(gettext("The turn is over: look at the changes"), gettext("All that the agent changed on its branch is shown as a diff. Your main branch is untouched."));
      case "done": return this.say(gettext("Your first turn is done"), gettext("Write below what should be done next, or bring your own code."));
    }
  }

  private say(title: string, text: string): TemplateResult {
    return html`<strong>${title}</strong><p>${text}</p>`;
  }

  private buttons(): TemplateResult {
    const skip = html`<button class="button quiet" type="button" @click=${() => this.end()}>${gettext("Skip")}</button>`;
    if (this.step === "changes") return html`${skip}<button class="button primary" type="button" @click=${() => this.showChanges()}>${icon("filePen")} ${gettext("Look")}</button>`;
    if (this.step !== "done") return skip;
    return html`<button class="button" type="button" data-open="new-project" data-source="URL" @click=${() => this.end()}>${gettext("Import a repository")}</button><button class="button primary" type="button" @click=${() => this.end()}>${gettext("Got it")}</button>`;
  }
}
