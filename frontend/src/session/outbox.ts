// Messages on their way to the server: kept in this browser until the log shows them, sent again while no one knows whether they arrived.

import { ApiError, post } from "../api.ts";
import { messageOf } from "../elements/base.ts";
import { newId } from "../ids.ts";
import type { Attachment } from "../protocol.ts";

export interface Unsent { id: string; text: string; attachments: readonly Attachment[]; isNow: boolean; error: string; /** Nobody answered: it goes by itself when somebody does. */ isDelayed?: boolean; at: number }

const RESENT_WITHIN_MS = 10 * 60_000;

export class Outbox {
  messages: readonly Unsent[] = [];

  /** `refused` gets back what the server will not take, with the reason. */
  constructor(
    private readonly sessionId: string,
    private readonly changed: () => void,
    private readonly refused: (message: Unsent, reason: string) => void,
  ) {}

  private get prefix(): string {
    return `slipway.outbox.${this.sessionId}.`;
  }

  /** Takes up what a closed or reloaded page had not got through; sending again is harmless, since the id is the same. */
  resume(): void {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
    const kept = keys.flatMap((key) => {
      try {
        return [JSON.parse(localStorage.getItem(key) ?? "") as Unsent];
      } catch {
        localStorage.removeItem(key);
        return [];
      }
    });
    this.set([...kept.sort((a, b) => a.at - b.at), ...this.messages]);
    for (const message of kept) if (Date.now() - message.at < RESENT_WITHIN_MS) void this.send(message);
  }

  add(text: string, attachments: readonly Attachment[], isNow = false): void {
    const message: Unsent = { id: newId(), text, attachments, isNow, error: "", at: Date.now() };
    this.keep(message);
    this.set([...this.messages, message]);
    void this.send(message);
  }

  /** A message that is too large for the browser's store is sent all the same; only a page that closes now would lose it. */
  private keep(message: Unsent): void {
    try {
      localStorage.setItem(this.prefix + message.id, JSON.stringify({ ...message, error: "?" }));
    } catch {
      return;
    }
  }

  /** What did not get through is sent once more, now that the server is there again. */
  retryAll(): void {
    for (const { id, error } of this.messages) if (error) this.retry(id);
  }

  retry(id: string): void {
    const message = this.messages.find((one) => one.id === id);
    if (message) void this.send(message);
  }

  /** Takes a message out; it is not sent again. */
  take(id: string): Unsent | undefined {
    const message = this.messages.find((one) => one.id === id);
    localStorage.removeItem(this.prefix + id);
    this.set(this.messages.filter((one) => one.id !== id));
    return message;
  }

  /** Lets go of what the log shows. */
  forget(shown: ReadonlySet<string>): void {
    for (const { id } of this.messages) if (shown.has(id)) this.take(id);
  }

  private set(messages: readonly Unsent[]): void {
    this.messages = messages;
    this.changed();
  }

  private mark(id: string, error: string, isDelayed = false): void {
    this.set(this.messages.map((one) => (one.id === id ? { ...one, error, isDelayed } : one)));
  }

  private async send(message: Unsent): Promise<void> {
    this.mark(message.id, "");
    const body = { id: message.id, text: message.text, attachments: message.attachments.map((one) => one.id), now: message.isNow };
    try {
      await post(`/sessions/${this.sessionId}/messages`, body, { key: message.id });
    } catch (error) {
      const reason = error instanceof ApiError && error.requestId ? `${messageOf(error)} (${error.requestId})` : messageOf(error);
      const isDelayed = !(error instanceof ApiError) || error.isIndeterminate;
      if (!isDelayed && error.status < 500) this.giveBack(message, reason);
      else this.mark(message.id, reason, isDelayed);
    }
  }

  private giveBack(message: Unsent, reason: string): void {
    if (this.take(message.id)) this.refused(message, reason);
  }
}
