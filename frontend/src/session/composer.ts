// Where messages are written: grows with the text, keeps the draft, finishes commands and files, takes images, sends with Enter.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { get } from "../api.ts";
import { asideView } from "../composer/aside.ts";
import { Completing, type Menu } from "../composer/completing.ts";
import { type Edit, opened } from "../composer/completion.ts";
import { DraftImages } from "../composer/draft-images.ts";
import { type Draft, Drafts } from "../composer/drafts.ts";
import { fieldAct, type FieldAct } from "../composer/field-keys.ts";
import type { FoundFiles } from "../composer/file-search.ts";
import { foldedView } from "../composer/folded.ts";
import { MENU_ID, menuView, optionId } from "../composer/menu.ts";
import { earlierPrompts } from "../composer/prompt-history.ts";
import type { PromptSearch } from "../composer/prompt-search.ts";
import { Recalling } from "../composer/recalling.ts";
import { sendingView } from "../composer/sending.ts";
import { bytesOf, FOLDED_FROM, sizeWord, wholeText } from "../composer/size.ts";
import type { Addition, ComposerTools } from "../composer/tools.ts";
import "../composer/tools.ts";
import { PageElement } from "../elements/base.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Attachment, Session } from "../protocol.ts";
import { IMAGE_TYPES, type Pictures, picturesView } from "./pictures.ts";
import type { PageSession } from "./session-head.ts";

export interface Written { text: string; attachments: Attachment[]; isNow?: boolean }

/** As wide as the longer hint in any language. */
const WIDE_PX = 480;
const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content");
const isTouchOnly = (): boolean => !matchMedia("(any-pointer: fine)").matches;

@customElement("slw-composer")
export class Composer extends PageElement {
  @property({ attribute: false }) page!: PageSession;
  @property({ attribute: false }) session: Session | null = null;
  @property({ type: Boolean }) isWorking = false;
  @property({ type: Boolean }) canSend = true;
  /** What was said in this session so far, the newest first. */
  @property({ attribute: false }) said: () => readonly string[] = () => [];
  @state() private reason = "";
  @state() private announced = "";
  @state() private isDraggedOver = false;
  @state() private folded: readonly string[] = [];
  @state() private isEmpty = true;
  @state() private isWide = false;
  @state() private aside: readonly Draft[] = [];
  @query("textarea") private area!: HTMLTextAreaElement;
  private images!: DraftImages;
  private drafts!: Drafts;
  private completing!: Completing;
  private readonly recalling = this.makeRecalling();
  private readonly widths = new ResizeObserver(([entry]) => (this.isWide = (entry?.contentRect.width ?? 0) >= WIDE_PX));

  private get pictures(): Pictures {
    return this.images.pictures;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("storage", this.onStorage);
    document.addEventListener("visibilitychange", this.onAwake);
    addEventListener("pageshow", this.onAwake);
    this.widths.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("storage", this.onStorage);
    document.removeEventListener("visibilitychange", this.onAwake);
    removeEventListener("pageshow", this.onAwake);
    this.widths.disconnect();
    this.completing?.stop();
    this.images?.pictures.release();
  }

  override willUpdate(): void {
    const { id } = this.page;
    this.images ??= new DraftImages(id, localStorage, () => this.requestUpdate());
    this.drafts ??= new Drafts(id, localStorage);
    this.completing ??= this.makeCompleting(id);
  }

  private makeCompleting(id: string): Completing {
    const composer = this;
    const field = {
      get area() { return composer.area; },
      get commands() { return composer.session?.commands ?? []; },
      edit: (from: number, to: number, edit: Edit) => this.edit(from, to, edit),
      changed: () => this.requestUpdate(),
    };
    return new Completing(field, (asked, signal) => get<FoundFiles>(`/sessions/${id}/files?${new URLSearchParams({ q: asked, limit: "50" })}`, signal));
  }

  private makeRecalling(): Recalling {
    const composer = this;
    return new Recalling({
      get text() { return composer.area.value; },
      said: () => this.said(),
      fetchOthers: async () => (await earlierPrompts(this.page.project_id)).map((one) => one.text),
      show: (text) => this.recall(text),
    });
  }

  override firstUpdated(_changed: PropertyValues): void {
    this.show(this.drafts.open());
    this.aside = this.drafts.aside;
    this.images.open();
    // Whoever is at work in the sidebar already stays there.
    if (matchMedia("(pointer: fine)").matches && !document.activeElement?.closest(".sidebar")) this.area.focus();
  }

  /** Puts back what could not be sent, above what was written since, and says why. */
  restore({ text, attachments }: { text: string; attachments: readonly Attachment[] }, reason = ""): void {
    this.area.value = [text, this.area.value].filter(Boolean).join("\n\n");
    this.pictures.restore(attachments);
    this.reason = reason;
    this.changed();
    this.area.focus();
  }

  /** Goes on here with what somebody began to write elsewhere. */
  write(begun: string): void {
    const { length } = this.area.value;
    this.edit(length, length, { text: this.area.value + begun, caret: length + begun.length });
  }

  // The draft, in this tab and in others

  private get draft(): Draft {
    return { text: this.area.value, folded: this.folded };
  }

  private show({ text, folded }: Draft): void {
    if (this.area.value !== text) this.area.value = text;
    this.folded = folded;
    this.measure();
  }

  private readonly onStorage = (event: StorageEvent): void => {
    if (event.key === this.drafts?.key) this.meetOtherTab();
    if (event.key === this.drafts?.asideKey) this.aside = this.drafts.aside;
    if (event.key === this.images?.key) this.images.follow();
  };

  /** Phones freeze tabs that are not seen, and tell them nothing. */
  private readonly onAwake = (): void => {
    if (document.visibilityState !== "visible" || !this.drafts || !this.area) return;
    this.meetOtherTab();
    this.images.follow();
  };

  private meetOtherTab(): void {
    this.show(this.drafts.meet(this.draft));
    this.aside = this.drafts.aside;
  }

  private changed(): void {
    this.drafts.write(this.draft);
    this.aside = this.drafts.aside;
    this.measure();
    this.completing.refresh();
  }

  private measure(): void {
    this.isEmpty = !this.area.value.trim() && !this.folded.length;
    if (GROWS_BY_ITSELF) return;
    this.area.style.height = "auto";
    this.area.style.height = `${this.area.scrollHeight}px`;
  }

  private takeAside(index: number, isWanted: boolean): void {
    const taken = this.drafts.takeAside(index);
    this.aside = this.drafts.aside;
    if (!taken || !isWanted) return;
    this.folded = [...this.folded, ...taken.folded];
    this.area.value = [this.area.value, taken.text].filter(Boolean).join("\n\n");
    this.changed();
    this.area.focus();
  }

  // Sending

  private get size(): ReturnType<typeof sizeWord> {
    return this.area ? sizeWord(bytesOf([this.area.value, ...this.folded])) : null;
  }

  private send(isNow = false): void {
    const text = wholeText(this.area.value, this.folded);
    const hasImages = this.pictures.attachments.length > 0;
    if ((!text && !hasImages) || !this.canSend || this.pictures.isUploading || this.size?.isTooLarge) return;
    if (!text) {
      this.reason = gettext("Write a word about the images, too.");
      return;
    }
    this.show({ text: "", folded: [] });
    this.reason = "";
    this.recalling.reset();
    this.changed();
    const detail: Written = { text, attachments: this.pictures.take(), isNow };
    this.dispatchEvent(new CustomEvent("slw-send", { detail, bubbles: true }));
  }

  /** As if it were typed, so that Ctrl+Z takes it back. */
  private edit(from: number, to: number, { text, caret }: Edit): void {
    const { value } = this.area;
    this.area.focus();
    this.area.setSelectionRange(from, to);
    const inserted = text.slice(from, text.length - (value.length - to));
    if (!document.execCommand("insertText", false, inserted)) this.area.setRangeText(inserted);
    if (this.area.value !== text) this.area.value = text;
    this.area.setSelectionRange(caret, caret);
    this.changed();
  }

  // What was said before

  private recall(text: string): void {
    this.area.value = text;
    this.changed();
    this.completing.close();
    this.area.setSelectionRange(text.length, text.length);
    this.area.scrollTop = this.area.scrollHeight;
  }

  private readonly search = async (): Promise<void> => {
    await import("../composer/prompt-search.ts");
    await this.querySelector<PromptSearch>("slw-prompt-search")?.open();
  };

  private readonly onRecall = (event: CustomEvent<string>): void => {
    this.restoreFocus();
    const { value } = this.area;
    if (value.trim()) this.edit(value.length, value.length, { text: `${value.trimEnd()}\n\n${event.detail}`, caret: value.trimEnd().length + 2 + event.detail.length });
    else this.recall(event.detail);
  };

  private readonly restoreFocus = (): void => void this.area.focus();

  // Keys

  private readonly onKey = (event: KeyboardEvent): void => {
    const act = fieldAct(event, { menu: this.completing.state, isEmpty: this.area.value === "", isRecalling: this.recalling.isShowing, isTouch: isTouchOnly() });
    if (!act) return;
    // Twice it interrupts, which is the page's.
    if (act !== "leave") event.preventDefault();
    if (act === "close" || act === "choose") event.stopPropagation();
    this.doAct(act);
  };

  private doAct(act: FieldAct): void {
    switch (act) {
      case "send": return this.send();
      case "send-now": return this.send(true);
      case "older": return this.recalling.older();
      case "newer": return this.recalling.newer();
      case "next-mode": return this.nextMode();
      case "search": return void this.search();
      // Out of the field, single keys answer a permission card.
      case "leave": return this.area.blur();
      case "down": return this.move(1);
      case "up": return this.move(-1);
      case "choose": return this.completing.choose(this.completing.chosen);
      case "close": return this.completing.close();
    }
  }

  private move(step: number): void {
    this.completing.move(step);
    void this.updateComplete.then(() => this.querySelector(`#${optionId(this.completing.chosen)}`)?.scrollIntoView({ block: "nearest" }));
  }

  private nextMode(): void {
    const tools = this.querySelector<ComposerTools>("slw-composer-tools");
    if (tools && this.session) this.announced = tools.cycleMode();
  }

  // Images, long text and what else can be added

  private readonly onPaste = (event: ClipboardEvent): void => {
    const files = [...(event.clipboardData?.files ?? [])];
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (files.length) this.pictures.add(files);
    else if (text.length > FOLDED_FROM) this.fold(text);
    else return;
    event.preventDefault();
  };

  private fold(text: string): void {
    this.folded = [...this.folded, text.replace(/\r\n?/g, "\n")];
    this.changed();
    this.announced = gettext("The pasted text is folded. It is sent in full.");
  }

  private unfold(index: number, isKept: boolean): void {
    const text = this.folded[index] ?? "";
    this.folded = this.folded.filter((_, at) => at !== index);
    if (isKept) this.area.value = [this.area.value, text].filter(Boolean).join("\n\n");
    this.changed();
    this.area.focus();
  }

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

  private readonly onAdd = ({ detail }: CustomEvent<Addition>): void => {
    if (detail === "images") this.querySelector<HTMLInputElement>("input[type=file]")?.click();
    else if (detail === "history") void this.search();
    else {
      const caret = this.area.selectionStart;
      this.edit(caret, caret, opened(this.area.value, caret, detail === "file" ? "@" : "/"));
    }
  };

  override render(): unknown {
    const { size, completing: { menu, chosen } } = this;
    return html`${menu ? menuView({ label: this.menuLabel(menu), options: menu.options, chosen, choose: (index) => this.completing.choose(index) }) : nothing}
    <slw-prompt-search .projectId=${this.page.project_id} .own=${this.said} @slw-recall=${this.onRecall} @slw-search-closed=${this.restoreFocus}></slw-prompt-search>
    <span class="unseen" role="status">${menu ? ngettext("{count} fits", "{count} fit", menu.options.length) : this.announced}</span>
    ${asideView(this.aside, (index, isWanted) => this.takeAside(index, isWanted))}
    ${this.reason ? html`<p class="note error" role="alert">${icon("warning")}<span class="grow">${this.reason}</span>
      <button class="button quiet square" type="button" aria-label=${gettext("Hide this note")} @click=${() => (this.reason = "")}>${icon("cross")}</button></p>` : nothing}
    <form class="composer ${this.isDraggedOver ? "over" : ""}" @submit=${(event: Event) => { event.preventDefault(); this.send(); }}
      @dragover=${this.onDrag} @dragleave=${this.onDrag} @drop=${this.onDrag}>
      ${picturesView(this.pictures)}
      ${this.folded.length ? foldedView({ folded: this.folded, unfold: (index) => this.unfold(index, true), remove: (index) => this.unfold(index, false) }) : nothing}
      ${this.field()}
      ${size || this.drafts.isTooLarge ? html`<p class="composer-size ${size?.isTooLarge ? "is-too-large" : "soft"}" role="status">${size?.text ?? ""} ${this.drafts.isTooLarge ? gettext("This draft is too large to be kept when the page is loaded again.") : ""}</p>` : nothing}
      <div class="composer-line" @slw-add=${this.onAdd}>
        <slw-composer-tools class="grow" .organizationId=${this.page.organization_id} .session=${this.session} .canChange=${this.canSend}></slw-composer-tools>
        <input class="unseen" type="file" tabindex="-1" accept=${IMAGE_TYPES.join(",")} multiple aria-label=${gettext("Add images")} @change=${this.onPick} />
        ${this.canSend ? sendingView({ isWorking: this.isWorking, isUploading: this.pictures.isUploading, isEmpty: this.isEmpty && !this.pictures.attachments.length, isTooLarge: size?.isTooLarge ?? false }) : nothing}</div>
    </form>`;
  }

  private menuLabel({ typing }: Menu): string {
    return typing.kind === "command" ? gettext("Agent commands") : gettext("Files");
  }

  private placeholder(): string {
    if (!this.canSend) return gettext("You cannot write in this session");
    if (this.isWorking) return gettext("Next message: sent after this turn");
    return this.isWide ? gettext("What should the agent do? / for commands, @ for files") : gettext("What should the agent do?");
  }

  private field(): TemplateResult {
    const isOpen = this.completing.menu !== null;
    const refresh = (): void => this.completing.refresh();
    return html`<textarea rows="1" aria-label=${gettext("Message to the agent")} placeholder=${this.placeholder()} ?disabled=${!this.canSend} enterkeyhint=${isTouchOnly() ? "enter" : "send"}
        aria-haspopup=${isOpen ? "listbox" : nothing} aria-autocomplete=${isOpen ? "list" : nothing}
        aria-controls=${isOpen ? MENU_ID : nothing} aria-activedescendant=${isOpen ? optionId(this.completing.chosen) : nothing}
        @input=${() => this.changed()} @keydown=${this.onKey} @paste=${this.onPaste} @click=${refresh} @blur=${() => this.completing.close()}></textarea>`;
  }
}
