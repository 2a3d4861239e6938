// The images of a draft, kept in this browser: a reload and another tab of the same session have them, too.

import type { Attachment } from "../protocol.ts";
import { Pictures } from "../session/pictures.ts";

export class DraftImages {
  readonly key: string;
  readonly pictures: Pictures;
  private known: readonly Attachment[] = [];

  constructor(sessionId: string, private readonly store: Storage, private readonly changed: () => void) {
    this.key = `slipway.draft-images.${sessionId}`;
    this.pictures = new Pictures(sessionId, () => this.keep());
  }

  /** What was kept is there again. */
  open(): void {
    this.known = this.kept;
    this.pictures.restore(this.known);
  }

  /** What another tab has attached or taken out since. */
  follow(): void {
    const [before, now] = [this.known, this.kept];
    this.known = now;
    this.pictures.follow(before, now);
  }

  private keep(): void {
    const { attachments } = this.pictures;
    this.changed();
    if (JSON.stringify(attachments) === JSON.stringify(this.known)) return;
    this.known = attachments;
    if (attachments.length) this.store.setItem(this.key, JSON.stringify(attachments));
    else this.store.removeItem(this.key);
  }

  private get kept(): Attachment[] {
    try {
      const kept: unknown = JSON.parse(this.store.getItem(this.key) ?? "[]");
      return Array.isArray(kept) ? (kept as Attachment[]).filter((one) => typeof one?.id === "string") : [];
    } catch {
      return [];
    }
  }
}
