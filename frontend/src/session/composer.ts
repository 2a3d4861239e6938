// Where messages are written: grows with the text, keeps the draft, takes images, knows the agent's commands, sends with Enter.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { PageElement } from "../elements/base.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Attachment, Command } from "../protocol.ts";
import { IMAGE_TYPES, Pictures, picturesView } from "./pictures.ts";
import { fitting, isWhole, MENU_ID, menuView, optionId, written } from "./slash-menu.ts";

const TALLEST_PX = 320;

export interface Written { text: string; attachments: Attachment[] }

@customElement("slw-composer")
export class Composer extends PageElement {
  @property() sessionId = "";
  @property({ attribute: false }) commands: readonly Command[] = [];
  @property({ type: Boolean }) isWorking = false;
  @property({ type: Boolean }) canSend = true;
  @state() private offered: Command[] = [];
  @state() private chosen = 0;
  @state() private reason = "";
  @state() private isDraggedOver = false;
  @query("textarea") private area!: HTMLTextAreaElement;
  private pictures!: Pictures;

  private get draftKey(): string {
    return `slipway.draft.${this.sessionId}`;
  }

  private get imagesKey(): string {
    return `slipway.draft-images.${this.sessionId}`;
  }

  override willUpdate(): void {
    this.pictures ??= new Pictures(this.sessionId, () => this.picturesChanged());
  }

  override firstUpdated(_changed: PropertyValues): void {
    this.area.value = localStorage.getItem(this.draftKey) ?? "";
    this.grow();
    this.pictures.restore(keptImages(localStorage.getItem(this.imagesKey)));
    if (matchMedia("(pointer: fine)").matches) this.area.focus();
  }

  /** Puts back what could not be sent, above what was written since, and says why. */
  restore({ text, attachments }: { text: string; attachments: readonly Attachment[] }, reason = ""): void {
    this.area.value = [text, this.area.value].filter(Boolean).join("\n\n");
    this.pictures.restore(attachments);
    this.reason = reason;
    this.changed();
    this.area.focus();
  }

  private picturesChanged(): void {
    const { attachments } = this.pictures;
    if (attachments.length) localStorage.setItem(this.imagesKey, JSON.stringify(attachments));
    else localStorage.removeItem(this.imagesKey);
    this.requestUpdate();
  }

  private changed(): void {
    const text = this.area.value;
    if (text) localStorage.setItem(this.draftKey, text);
    else localStorage.removeItem(this.draftKey);
    this.grow();
    this.offered = fitting(this.commands, text);
    this.chosen = 0;
  }

  private grow(): void {
    this.area.style.height = "auto";
    this.area.style.height = `${Math.min(TALLEST_PX, this.area.scrollHeight + 2)}px`;
    this.toggleAttribute("has-text", this.area.value.trim() !== "");
  }

  private send(): void {
    const text = this.area.value;
    const hasImages = this.pictures.attachments.length > 0;
    if ((!text.trim() && !hasImages) || !this.canSend || this.pictures.isUploading) return;
    if (!text.trim()) {
      this.reason = gettext("Write a word about the images, too.");
      return;
    }
    this.area.value = "";
    this.reason = "";
    this.changed();
    const detail: Written = { text, attachments: this.pictures.take() };
    this.dispatchEvent(new CustomEvent("slw-send", { detail, bubbles: true }));
  }

  // The agent's commands

  private choose(index: number): void {
    const command = this.offered[index];
    if (!command) return;
    this.area.value = written(command);
    this.changed();
    this.area.focus();
  }

  private move(step: number): void {
    this.chosen = (this.chosen + step + this.offered.length) % this.offered.length;
    void this.updateComplete.then(() => this.querySelector(`#${optionId(this.chosen)}`)?.scrollIntoView({ block: "nearest" }));
  }

  /** Says whether the key was for the list of commands. */
  private menuKey(event: KeyboardEvent): boolean {
    const command = this.offered[this.chosen];
    if (!command || event.isComposing) return false;
    if (event.key === "ArrowDown") this.move(1);
    else if (event.key === "ArrowUp") this.move(-1);
    else if (event.key === "Escape") this.offered = [];
    else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey && !isWhole(command, this.area.value))) this.choose(this.chosen);
    else return false;
    return true;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (this.menuKey(event)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    // Out of the field, single keys answer a permission card.
    if (event.key === "Escape") this.area.blur();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.send();
  };

  // Images

  private readonly onPaste = (event: ClipboardEvent): void => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    this.pictures.add(files);
  };

  private readonly onDrag = (event: DragEvent): void => {
    if (!this.canSend || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.isDraggedOver = event.type === "dragover";
    if (event.type === "drop") this.pictures.add(event.dataTransfer.files);
  };

  private readonly onPick = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    this.pictures.add([...(input.files ?? [])]);
    input.value = "";
    this.area.focus();
  };

  override render(): unknown {
    const placeholder = !this.canSend ? gettext("You cannot write in this session") : this.isWorking ? gettext("Queue another message") : gettext("What should the agent do?");
    const isUploading = this.pictures.isUploading;
    return html`${this.offered.length ? menuView(this.offered, this.chosen, (index) => this.choose(index)) : nothing}
    <span class="unseen" role="status">${this.offered.length ? ngettext("{count} command fits", "{count} commands fit", this.offered.length) : ""}</span>
    ${this.reason ? html`<p class="note error" role="alert">${icon("warning")}<span class="grow">${this.reason}</span>
      <button class="button quiet square" type="button" aria-label=${gettext("Hide this note")} @click=${() => (this.reason = "")}>${icon("cross")}</button></p>` : nothing}
    <form class="composer ${this.isDraggedOver ? "over" : ""}" @submit=${(event: Event) => { event.preventDefault(); this.send(); }}
      @dragover=${this.onDrag} @dragleave=${this.onDrag} @drop=${this.onDrag}>
      ${picturesView(this.pictures)}
      <div class="composer-line">${this.fileButton()}${this.field(placeholder)}
      ${this.isWorking && this.canSend ? this.interruptButton() : nothing}
      <button class="button primary square" ?disabled=${!this.canSend || isUploading} aria-label=${isUploading ? gettext("Send (an image is being uploaded)") : gettext("Send")} title=${gettext("Send (Enter)")}>${icon("send")}</button></div>
    </form>`;
  }

  private interruptButton(): TemplateResult {
    const interrupt = (): void => void this.dispatchEvent(new CustomEvent("slw-act", { detail: "interrupt", bubbles: true }));
    return html`<button class="button interrupt" type="button" title=${gettext("Interrupt the turn (Esc Esc)")} @click=${interrupt}>${icon("stop")} ${gettext("Interrupt")}</button>`;
  }

  private fileButton(): TemplateResult {
    return html`<label class="button quiet square attach" title=${gettext("Add images")}>${icon("image")}<span class="unseen">${gettext("Add images")}</span>
      <input type="file" accept=${IMAGE_TYPES.join(",")} multiple ?disabled=${!this.canSend} @change=${this.onPick} /></label>`;
  }

  private field(placeholder: string): TemplateResult {
    const isOpen = this.offered.length > 0;
    return html`<textarea rows="1" aria-label=${gettext("Message to the agent")} placeholder=${placeholder} ?disabled=${!this.canSend}
        aria-haspopup=${isOpen ? "listbox" : nothing} aria-autocomplete=${isOpen ? "list" : nothing}
        aria-controls=${isOpen ? MENU_ID : nothing} aria-activedescendant=${isOpen ? optionId(this.chosen) : nothing}
        @input=${() => this.changed()} @keydown=${this.onKey} @paste=${this.onPaste} @blur=${() => (this.offered = [])}></textarea>`;
  }
}

function keptImages(text: string | null): Attachment[] {
  try {
    const kept: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(kept) ? (kept as Attachment[]).filter((one) => typeof one?.id === "string") : [];
  } catch {
    return [];
  }
}
