// Images for the first message of sessions that are not there yet: chosen in the dialog, uploaded as soon as each session is made.

import { html, nothing, type TemplateResult } from "lit";
import { post } from "../api.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { newId } from "../ids.ts";
import type { Attachment } from "../protocol.ts";
import { toast } from "../toast.ts";

const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const MOST = 10;
const LARGEST_BYTES = 5 * 2 ** 20;

interface Chosen { file: File; url: string }

function objection(file: File, before: number): string {
  if (before >= MOST) return gettext("A message takes at most {n} images.", { n: MOST });
  if (!TYPES.includes(file.type)) return gettext("Only PNG, JPEG, GIF and WebP images can be sent.");
  if (file.size > LARGEST_BYTES) return gettext("An image has at most {n} MB.", { n: LARGEST_BYTES / 2 ** 20 });
  return "";
}

export class FirstPictures {
  private chosen: readonly Chosen[] = [];
  /** So that pressing again sends nothing twice. */
  private readonly ids = new Map<string, string>();

  constructor(private readonly changed: () => void) {}

  get count(): number {
    return this.chosen.length;
  }

  /** What tells one choice from another. */
  get mark(): (string | number)[] {
    return this.chosen.flatMap(({ file }) => [file.name, file.size, file.lastModified]);
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      const wrong = objection(file, this.count);
      if (wrong) toast(wrong);
      else this.chosen = [...this.chosen, { file, url: URL.createObjectURL(file) }];
    }
    this.changed();
  }

  private remove(one: Chosen): void {
    URL.revokeObjectURL(one.url);
    this.chosen = this.chosen.filter((other) => other !== one);
    this.changed();
  }

  clear(): void {
    for (const one of this.chosen) this.remove(one);
    this.ids.clear();
  }

  private idOf(what: string): string {
    const id = this.ids.get(what) ?? newId();
    this.ids.set(what, id);
    return id;
  }

  private upload(sessionId: string, { file, url }: Chosen): Promise<Attachment> {
    const id = this.idOf(`${sessionId} ${url}`);
    const form = new FormData();
    form.append("id", id);
    form.append("file", file);
    return post<Attachment>(`/sessions/${sessionId}/attachments`, form, { key: id });
  }

  /** The first message of a session that was just made. */
  async send(sessionId: string, text: string): Promise<void> {
    const attachments = await Promise.all(this.chosen.map((one) => this.upload(sessionId, one)));
    const id = this.idOf(`${sessionId} ${text}`);
    await post(`/sessions/${sessionId}/messages`, { id, text, attachments: attachments.map((one) => one.id) }, { key: id });
  }

  readonly onPaste = (event: ClipboardEvent): void => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    this.add(files);
  };

  readonly onDrop = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.add(event.dataTransfer.files);
  };

  view(): TemplateResult {
    const take = (event: Event): void => {
      const input = event.target as HTMLInputElement;
      this.add(input.files ?? []);
      input.value = "";
    };
    return html`<div class="row wrap first-pictures"><label class="button small">${icon("image")} ${gettext("Add images")}<input class="unseen" type="file" multiple accept=${TYPES.join(",")} @change=${take} /></label>
      ${this.count ? html`<ul class="row wrap" aria-label=${gettext("Images to send")}>${this.chosen.map((one) => html`<li><img src=${one.url} alt=${one.file.name} title=${one.file.name} />
        <button class="button quiet square" type="button" aria-label=${gettext("Remove {name}", { name: one.file.name })} title=${gettext("Remove")} @click=${() => this.remove(one)}>${icon("cross")}</button></li>`)}</ul>` : nothing}</div>`;
  }
}
