// Where messages are written: grows with the text, keeps the draft, sends with Enter.

import { html, type PropertyValues } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { PageElement } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";

const TALLEST_PX = 320;

@customElement("slw-composer")
export class Composer extends PageElement {
  @property() sessionId = "";
  @property({ type: Boolean }) isWorking = false;
  @property({ type: Boolean }) canSend = true;
  @query("textarea") private area!: HTMLTextAreaElement;

  private get draftKey(): string {
    return `slipway.draft.${this.sessionId}`;
  }

  override firstUpdated(_changed: PropertyValues): void {
    this.area.value = localStorage.getItem(this.draftKey) ?? "";
    this.grow();
    if (matchMedia("(pointer: fine)").matches) this.area.focus();
  }

  /** Puts text back that could not be sent, above what was written since. */
  restore(text: string): void {
    this.area.value = [text, this.area.value].filter(Boolean).join("\n\n");
    this.changed();
    this.area.focus();
  }

  private changed(): void {
    const text = this.area.value;
    if (text) localStorage.setItem(this.draftKey, text);
    else localStorage.removeItem(this.draftKey);
    this.grow();
  }

  private grow(): void {
    this.area.style.height = "auto";
    this.area.style.height = `${Math.min(TALLEST_PX, this.area.scrollHeight + 2)}px`;
    this.toggleAttribute("has-text", this.area.value.trim() !== "");
  }

  private send(): void {
    const text = this.area.value;
    if (!text.trim() || !this.canSend) return;
    this.area.value = "";
    this.changed();
    this.dispatchEvent(new CustomEvent("slw-send", { detail: text, bubbles: true }));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    // Out of the field, single keys answer a permission card.
    if (event.key === "Escape") this.area.blur();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.send();
  };

  override render(): unknown {
    const placeholder = !this.canSend ? gettext("Your role does not allow you to write here") : this.isWorking ? gettext("Queue another message") : gettext("What should the agent do?");
    return html`<form class="composer" @submit=${(event: Event) => { event.preventDefault(); this.send(); }}>
      <textarea rows="1" aria-label=${gettext("Message to the agent")} placeholder=${placeholder} ?disabled=${!this.canSend}
        @input=${() => this.changed()} @keydown=${this.onKey}></textarea>
      <button class="button primary square" ?disabled=${!this.canSend} aria-label=${gettext("Send")} title=${gettext("Send (Enter)")}>${icon("send")}</button>
    </form>`;
  }
}
