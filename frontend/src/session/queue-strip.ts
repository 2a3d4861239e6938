// The messages that wait for their turn: which place they have, and ways to change, remove or hurry them.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { call, post } from "../api.ts";
import { messageOf, PageElement, toast } from "../elements/base.ts";
import { repeat } from "../elements/repeat.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { JobState, UserItem } from "./conversation.ts";
import { attachmentUrl } from "./pictures.ts";

/** What was typed or removed and now goes elsewhere: into the composer, with a reason, or back into the queue. */
export interface Returned { text: string; attachments: UserItem["attachments"]; reason: string }

@customElement("slw-queue")
export class QueueStrip extends PageElement {
  @property() sessionId = "";
  @property({ attribute: false }) items: readonly UserItem[] = [];
  @property({ attribute: false }) jobs: ReadonlyMap<string, JobState> = new Map();
  @property({ attribute: false }) places: Record<string, number> = {};
  @property({ type: Boolean }) canWrite = false;
  /** Until somebody says otherwise: one line on phones, all of it elsewhere. */
  @state() private isOpen = !matchMedia("(max-width: 760px)").matches;
  @state() private editing: UserItem | null = null;
  @state() private busy: ReadonlySet<string> = new Set();

  private get field(): HTMLTextAreaElement | null {
    return this.querySelector("textarea");
  }

  /** The agent took the message while it was being edited: what was typed is not lost. */
  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("items") || !this.editing || this.items.some((item) => item.messageId === this.editing?.messageId)) return;
    const typed = this.field?.value ?? this.editing.text;
    if (typed !== this.editing.text) this.giveBack("slw-return", typed, [], gettext("The agent has this message already, so your change is here instead."));
    this.editing = null;
  }

  private giveBack(name: "slw-return" | "slw-undo", text: string, attachments: UserItem["attachments"], reason = ""): void {
    this.dispatchEvent(new CustomEvent<Returned>(name, { detail: { text, attachments, reason }, bubbles: true }));
  }

  private path(item: UserItem): string {
    return `/sessions/${this.sessionId}/messages/${item.messageId}`;
  }

  private async act(item: UserItem, work: () => Promise<unknown>): Promise<boolean> {
    this.busy = new Set([...this.busy, item.messageId]);
    try {
      await work();
      return true;
    } catch (error) {
      toast(messageOf(error));
      return false;
    } finally {
      this.busy = new Set([...this.busy].filter((id) => id !== item.messageId));
    }
  }

  private async edit(item: UserItem): Promise<void> {
    this.editing = item;
    await this.updateComplete;
    this.field?.focus();
    this.field?.closest("li")?.scrollIntoView({ block: "nearest" });
    this.field?.setSelectionRange(item.text.length, item.text.length);
  }

  private async save(): Promise<void> {
    const item = this.editing;
    const text = this.field?.value ?? "";
    if (!item || !text.trim()) return;
    this.editing = null;
    if (text === item.text) return;
    try {
      await call("PATCH", this.path(item), { text });
    } catch (error) {
      this.giveBack("slw-return", text, [], messageOf(error));
    }
  }

  private async removeIt(item: UserItem): Promise<void> {
    if (!(await this.act(item, () => call("DELETE", this.path(item))))) return;
    toast(gettext("The message was removed."), { label: gettext("Undo"), act: () => this.giveBack("slw-undo", item.text, item.attachments) });
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      this.editing = null;
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void this.save();
    }
  };

  override render(): unknown {
    if (!this.items.length) return nothing;
    const sorted = [...this.items].sort((a, b) => Number(this.isUrgent(b)) - Number(this.isUrgent(a)));
    return html`<section class="queue" aria-label=${gettext("Messages that wait")}>
      <h2><button class="queue-head" type="button" aria-expanded=${this.isOpen} @click=${() => (this.isOpen = !this.isOpen)}><span>${this.summary(sorted.length)}</span>
        <span class="cut grow soft">${this.isOpen ? "" : sorted[0]?.text.split("\n", 1)[0]}</span>${icon(this.isOpen ? "collapse" : "expand")}</button></h2>
      ${this.isOpen ? html`<ol>${repeat(sorted, (item) => item.messageId, (item, index) => html`<li><span class="queued-number soft" aria-hidden="true">${index + 1}</span>${item.messageId === this.editing?.messageId ? this.editor(item) : this.row(item)}</li>`)}</ol>` : nothing}
    </section>`;
  }

  private isUrgent(item: UserItem): boolean {
    return (item.jobId !== null && this.jobs.get(item.jobId)?.isUrgent) || false;
  }

  /** With others before it, what goes on here is not all that a message waits for. */
  private summary(count: number): string {
    if (!this.isOpen || (count === 1 && Object.keys(this.places).length)) return ngettext("{count} message queued", "{count} messages queued", count);
    return ngettext("{count} message queued, sent after this turn", "{count} messages queued, sent in this order", count);
  }

  private row(item: UserItem): TemplateResult {
    const place = item.jobId ? this.places[item.jobId] : undefined;
    const word = place ? gettext("Place {n} in the queue", { n: place }) : this.isUrgent(item) ? gettext("Goes next") : "";
    const isBusy = this.busy.has(item.messageId);
    const button = (name: "pencil" | "send" | "trash", word: string, act: () => void, title = word): TemplateResult =>
      html`<button class="button quiet square" type="button" ?disabled=${isBusy} aria-label=${word} title=${title} @click=${act}>${icon(name)}</button>`;
    return html`<span class="queued-text" title=${item.text}>${item.text}</span>
      ${word ? html`<span class="badge">${word}</span>` : nothing}
      ${item.attachments.map((one) => html`<img class="queued-picture" alt=${gettext("Image")} src=${attachmentUrl(this.sessionId, one.id)} />`)}
      ${item.isEdited ? html`<span class="soft">${gettext("edited")}</span>` : nothing}
      ${this.canWrite ? html`<span class="queued-actions">${button("pencil", gettext("Edit"), () => void this.edit(item))}
        ${this.isUrgent(item) ? nothing : button("send", gettext("Send now"), () => void this.act(item, () => post(`${this.path(item)}/now`)), gettext("Send now: what runs is interrupted for it"))}
        ${button("trash", gettext("Remove"), () => void this.removeIt(item))}</span>` : nothing}`;
  }

  private editor(item: UserItem): TemplateResult {
    return html`<div class="queued-editor"><textarea class="input" rows="3" aria-label=${gettext("Edit the message")} .value=${item.text} @keydown=${this.onKey}></textarea>
      <div class="row"><button class="button primary" type="button" @click=${() => this.save()}>${gettext("Save")}</button>
        <button class="button quiet" type="button" @click=${() => (this.editing = null)}>${gettext("Cancel")}</button></div></div>`;
  }
}
