// The part of a session's log that this page holds: its newest events without a gap, and the conversation that they make.

import type { Delta, LogEvent } from "../protocol.ts";
import { applyDelta, applyEvents, applyHello, type Conversation, EMPTY } from "./conversation.ts";

/** A piece of the log, and what its events refer to from before it. */
export interface LogPage { items: readonly LogEvent[]; carried?: readonly LogEvent[]; has_more?: boolean }

export class Transcript {
  conversation: Conversation = EMPTY;
  /** Whether there is something before what is held. */
  hasEarlier = false;
  private events: LogEvent[] = [];
  private carried: readonly LogEvent[] = [];

  /** The number of the first event that is held; 0 while there is none. */
  get first(): number {
    return this.events[0]?.seq ?? 0;
  }

  /** The number of the last event that is held; 0 while there is none. */
  get last(): number {
    return this.events.at(-1)?.seq ?? 0;
  }

  get size(): number {
    return this.events.length;
  }

  /** All that is held, as the page that it would begin with. */
  get page(): { items: LogEvent[]; carried: readonly LogEvent[]; has_more: boolean; last_seq: number } {
    return { items: this.events, carried: this.carried, has_more: this.hasEarlier, last_seq: this.last };
  }

  /** The newest page: what was held before is let go of. */
  begin(page: LogPage): void {
    this.events = [...page.items];
    this.carried = page.carried ?? [];
    this.hasEarlier = page.has_more ?? false;
    this.conversation = { ...this.again(), live: [] };
  }

  append(events: readonly LogEvent[]): void {
    const { last } = this;
    this.events.push(...events.filter((event) => event.seq > last));
    this.conversation = applyEvents(this.conversation, events);
  }

  /** An older page, which ends where what is held begins; any other is left out. Says whether it was taken. */
  prepend(page: LogPage): boolean {
    const { first } = this;
    const older = page.items.filter((event) => event.seq < first);
    this.hasEarlier = page.has_more ?? (older[0]?.seq ?? 1) > 1;
    if (older.length && older.at(-1)?.seq !== first - 1) return false;
    this.carried = page.carried ?? [];
    this.events = [...older, ...this.events];
    this.conversation = this.again();
    return older.length > 0;
  }

  /** Lets go of what is before this page, whose end is held. */
  shorten(page: LogPage): void {
    const last = page.items.at(-1)?.seq ?? 0;
    if (last > (this.events.at(-1)?.seq ?? 0) || (page.items[0]?.seq ?? 0) <= this.first) return;
    this.events = [...page.items, ...this.events.filter((event) => event.seq > last)];
    this.carried = page.carried ?? [];
    this.hasEarlier = page.has_more ?? true;
    this.conversation = this.again();
  }

  /** What was read apart, and ends where this begins or later, becomes its beginning. */
  join(before: Transcript): void {
    const { first } = this;
    this.events = [...before.events.filter((event) => event.seq < first), ...this.events];
    this.carried = before.carried;
    this.hasEarlier = before.hasEarlier;
    this.conversation = this.again();
  }

  /** The same part of the log, to be read apart from the end: nothing streams there. */
  copy(): Transcript {
    const copy = new Transcript();
    Object.assign(copy, { events: [...this.events], carried: this.carried, hasEarlier: this.hasEarlier, conversation: { ...this.conversation, live: [] } });
    return copy;
  }

  reset(): void {
    this.events = [];
    this.carried = [];
    this.hasEarlier = false;
    this.conversation = EMPTY;
  }

  delta(delta: Delta): void {
    this.conversation = applyDelta(this.conversation, delta);
  }

  hello(live: unknown): void {
    this.conversation = applyHello(this.conversation, live);
  }

  /** What streams is in no event yet; what an older part of the log said last about the session holds until a newer one says otherwise. */
  private again(): Conversation {
    const { live, changes, status, checkpoints } = this.conversation;
    const next = applyEvents(EMPTY, [...this.carried, ...this.events]);
    return {
      ...next, live: live.filter((block) => !next.finished.has(block.block)), changes: new Map([...changes, ...next.changes]),
      status: next.status ?? status, checkpoints: Math.max(next.checkpoints, checkpoints),
    };
  }
}
