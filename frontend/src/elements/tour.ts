// Three words that lead through the first turn: watch, answer, look at the changes. They stand in a strip of their own, which covers
// nothing; they can be skipped, and never come back.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { gettext } from "../i18n.ts";
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
  /** What was read and put away. */
  @state() private read: ReadonlySet<Step> = new Set();
  private timer: ReturnType<typeof setInterval> | undefined;
  private target: Element | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = setInterval(() => this.look(), LOOK_MS);
    document.addEventListener("slw-send", this.onSend);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
    document.removeEventListener("slw-send", this.onSend);
    this.mark(null);
  }

  private look(): void {
    const asks = document.querySelector(".permission") !== null;
    if (this.step === "answer" && !asks) this.hasAnswered = true;
    const showsChanges = isNarrow() && document.querySelector(".pane.side.is-current") !== null;
    this.step = stepFor({ asks, hasEnded: document.querySelector(".turn-footer") !== null, showsChanges }, this.step);
    this.mark(this.isRead ? null : this.meant);
  }

  /** Who goes on by themselves has seen all of it. */
  private readonly onSend = (): void => {
    if (this.step === "changes" || this.step === "done") this.end();
  };

  private get isRead(): boolean {
    return this.read.has(this.step);
  }

  /** What it speaks of. */
  private get meant(): Element | null {
    switch (this.step) {
      case "watch": return null;
      case "answer": return document.querySelector(".permission");
      case "changes": return document.querySelector(isNarrow() ? ".bottom-bar button:nth-of-type(2)" : ".pane.side");
      case "done": return document.querySelector("slw-composer .composer");
    }
  }

  private mark(target: Element | null): void {
    if (target === this.target) return;
    this.target?.classList.remove("tour-target");
    this.target = target;
    target?.classList.add("tour-target");
  }

  private end(): void {
    const address = new URL(location.href);
    address.searchParams.delete("tour");
    history.replaceState(history.state, "", address);
    void changePreferences({ is_tour_done: true }).catch(() => undefined); // it would come back at another first turn only
    this.remove();
  }

  /** At the end there is one word more; what is shown where one pane has room is opened first. */
  private goOn(): void {
    if (this.step !== "changes") this.read = new Set([...this.read, this.step]);
    else if (isNarrow()) document.querySelectorAll<HTMLElement>(".bottom-bar button")[1]?.click();
    if (this.step === "changes") this.step = "done";
    this.look();
  }

  override render(): TemplateResult {
    const place = { watch: 1, answer: 2, changes: 3, done: 0 }[this.step];
    return html`<section class="tour" role="region" aria-label=${gettext("A first look round")} ?hidden=${this.isRead}>
      <p class="tour-text" aria-live="polite">${this.text()}</p>
      ${place ? html`<span class="soft">${gettext("{n} of {count}", { n: place, count: 3 })}</span>` : nothing}<span class="row">${this.buttons()}</span>
    </section>`;
  }

  private text(): TemplateResult {
    switch (this.step) {
      case "watch": return this.say(gettext("This is the agent at work."), this.hasAnswered ? gettext("It goes on as you answered. You can write at any time: it reads your message when it is ready.") : gettext("What it says and does appears here as it happens."));
      case "answer": return this.say(gettext("The agent asks before it acts."), gettext("Read what it wants to do, then allow or deny it. Nothing happens until you answer."));
      case "changes": return this.say(gettext("The turn is over: look at the changes."), gettext("They are on the session's own branch; your main branch is untouched."));
      case "done": return this.say(gettext("Your first turn is done."), gettext("Write what should be done next, or bring your own code."));
    }
  }

  private say(title: string, text: string): TemplateResult {
    return html`<strong>${title}</strong> ${text}`;
  }

  private buttons(): TemplateResult {
    if (this.step !== "done") {
      const word = this.step === "changes" && isNarrow() ? gettext("Show the changes") : gettext("Got it");
      return html`<button class="button quiet" type="button" @click=${() => this.end()}>${gettext("Skip tour")}</button><button class="button" type="button" @click=${() => this.goOn()}>${word}</button>`;
    }
    return html`<button class="button" type="button" data-open="new-project" data-source="URL" @click=${() => this.end()}>${gettext("Import a repository")}</button><button class="button primary" type="button" @click=${() => this.end()}>${gettext("Got it")}</button>`;
  }
}
