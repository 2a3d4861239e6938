// The images that go with a message: checked, uploaded at once, shown small, and taken out again.

import { html, nothing, type TemplateResult } from "lit";
import { ApiError, post } from "../api.ts";
import { messageOf } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { newId } from "../ids.ts";
import type { Attachment } from "../protocol.ts";
import { enlarge } from "./enlarged.ts";

export const IMAGE_TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
export const MOST_IMAGES = 10;
const LARGEST_BYTES = 5 * 2 ** 20;

/** With `canRetry` what is wrong may pass: the network, or a server that was busy. */
export interface Picture { id: string; name: string; url: string; error: string; canRetry: boolean; file: File | null; attachment: Attachment | null; part: number }

const TRY_AGAIN = new Set([401, 408, 429]);
const mayPass = (error: unknown): boolean => !(error instanceof ApiError) || error.isIndeterminate || error.status >= 500 || TRY_AGAIN.has(error.status);

export const attachmentUrl = (sessionId: string, id: string): string => `/api/sessions/${encodeURIComponent(sessionId)}/attachments/${encodeURIComponent(id)}`;

/** What is wrong with a file before it is sent; empty when nothing is. */
function objection(file: File, before: number): string {
  if (before >= MOST_IMAGES) return gettext("A message takes at most {n} images.", { n: MOST_IMAGES });
  if (!IMAGE_TYPES.includes(file.type)) return gettext("Only PNG, JPEG, GIF and WebP images can be sent.");
  if (file.size > LARGEST_BYTES) return gettext("An image has at most {n} MB.", { n: LARGEST_BYTES / 2 ** 20 });
  return "";
}

export class Pictures {
  items: readonly Picture[] = [];

  constructor(private readonly sessionId: string, private readonly changed: () => void) {}

  get isUploading(): boolean {
    return this.items.some((one) => !one.error && !one.attachment);
  }

  get attachments(): Attachment[] {
    return this.items.flatMap((one) => (one.attachment ? [one.attachment] : []));
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      const picture: Picture = { id: newId(), name: file.name, url: URL.createObjectURL(file), error: objection(file, this.items.length), canRetry: false, file, attachment: null, part: 0 };
      this.set([...this.items, picture]);
      if (!picture.error) void this.upload(picture);
    }
  }

  /** Images that the server has already: of a kept draft, or of a message that came back. */
  restore(attachments: readonly Attachment[]): void {
    const known = new Set(this.attachments.map((one) => one.id));
    const back = attachments.filter((one) => !known.has(one.id)).map((one): Picture => ({ id: one.id, name: gettext("Image"), url: attachmentUrl(this.sessionId, one.id), error: "", canRetry: false, file: null, attachment: one, part: 1 }));
    if (back.length) this.set([...back, ...this.items]);
  }

  remove(id: string): void {
    const gone = this.items.find((one) => one.id === id);
    if (gone?.file) URL.revokeObjectURL(gone.url);
    this.set(this.items.filter((one) => one.id !== id));
  }

  /** Hands over what is ready; images with an error stay, so that nothing goes away unseen. */
  take(): Attachment[] {
    const { attachments } = this;
    for (const one of this.items) if (one.attachment) this.remove(one.id);
    return attachments;
  }

  /** What another tab of the same session has attached or taken out since. */
  follow(before: readonly Attachment[], now: readonly Attachment[]): void {
    const [had, has] = [new Set(before.map((one) => one.id)), new Set(now.map((one) => one.id))];
    const gone = this.items.filter((one) => one.attachment && had.has(one.attachment.id) && !has.has(one.attachment.id));
    for (const one of gone) this.remove(one.id);
    this.restore(now);
  }

  /** What the server has is shown from there from now on: nothing of it is held here. */
  release(): void {
    for (const { attachment, file, url } of this.items) if (attachment && file) URL.revokeObjectURL(url);
    this.items = this.items.map((one) => (one.attachment ? { ...one, file: null, url: attachmentUrl(this.sessionId, one.attachment.id) } : one));
  }

  retry(id: string): void {
    const picture = this.items.find((one) => one.id === id);
    if (picture) void this.upload(picture);
  }

  private set(items: readonly Picture[]): void {
    this.items = items;
    this.changed();
  }

  private mark(id: string, fields: Partial<Picture>): void {
    this.set(this.items.map((one) => (one.id === id ? { ...one, ...fields } : one)));
  }

  private async upload(picture: Picture): Promise<void> {
    if (!picture.file) return;
    this.mark(picture.id, { error: "", part: 0 });
    const form = new FormData();
    form.append("id", picture.id);
    form.append("file", picture.file);
    try {
      this.mark(picture.id, { attachment: await post<Attachment>(`/sessions/${this.sessionId}/attachments`, form, { key: picture.id, onProgress: (part) => this.mark(picture.id, { part }) }) });
    } catch (error) {
      this.mark(picture.id, { error: messageOf(error), canRetry: mayPass(error) });
    }
  }
}

/** Copies of images that belong to another message. Throws what the network or the server says. */
export async function uploadedAgain(sessionId: string, attachments: readonly Attachment[]): Promise<Attachment[]> {
  return Promise.all(attachments.map(async (one) => {
    const answer = await fetch(attachmentUrl(sessionId, one.id), { credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.statusText);
    const form = new FormData();
    form.append("file", new File([await answer.blob()], "image", { type: one.media_type }));
    return post<Attachment>(`/sessions/${sessionId}/attachments`, form);
  }));
}

export function picturesView(pictures: Pictures): TemplateResult | typeof nothing {
  if (!pictures.items.length) return nothing;
  return html`<ul class="pictures" aria-label=${gettext("Images to send")}>${pictures.items.map((one) => pictureView(pictures, one))}</ul>`;
}

function pictureView(pictures: Pictures, one: Picture): TemplateResult {
  const isLoading = !one.error && !one.attachment;
  const isShown = !one.error || one.canRetry;
  return html`<li class="picture ${one.error ? "has-failed" : ""}" aria-busy=${isLoading}>
    ${isShown ? html`<button class="picture-open" type="button" aria-label=${gettext("Enlarge {name}", { name: one.name })} title=${one.name} @click=${() => enlarge(one.url, one.name)}><img alt=${one.name} src=${one.url} /></button>`
      : html`<span class="picture-none">${icon("warning")}</span>`}
    ${isLoading ? html`<span class="picture-progress"><span class="soft" role="status">${gettext("Uploading…")}</span><progress class="progress" max="1" .value=${one.part} aria-label=${gettext("Upload of {name}", { name: one.name })}></progress></span>` : nothing}
    ${one.error ? html`<span class="picture-error" role="alert"><span class="cut" title=${one.name}>${one.name}</span> ${one.error}
      ${one.canRetry ? html`<button class="link" type="button" @click=${() => pictures.retry(one.id)}>${gettext("Try again")}</button>` : nothing}</span>` : nothing}
    <button class="button quiet square" type="button" aria-label=${gettext("Remove {name}", { name: one.name })} title=${gettext("Remove")} @click=${() => pictures.remove(one.id)}>${icon("cross")}</button>
  </li>`;
}

/** The images of a message that was sent. */
export function attachmentsView(sessionId: string, attachments: readonly Attachment[]): TemplateResult | typeof nothing {
  if (!attachments.length) return nothing;
  return html`<div class="sent-pictures">${attachments.map((one, index) => html`<a href=${attachmentUrl(sessionId, one.id)} target="_blank" rel="noopener">
    <img loading="lazy" alt=${gettext("Image {n}", { n: index + 1 })} src=${attachmentUrl(sessionId, one.id)} /></a>`)}</div>`;
}
