// The log as one gapless row of events, whatever way and in whatever order they come in.

import type { LogEvent } from "../protocol.ts";
import type { LogPage } from "./transcript.ts";

export interface EventPage { items: LogEvent[]; last_seq: number; has_more: boolean }

/** The newest page of a log whose newest event has this number. */
export interface NewestPage extends LogPage { last_seq: number }

const EARLY_KEPT = 1000;

export class LogFeed {
  lastSeq = 0;
  private highest = 0;
  /** What came before the events that go before it; bounded, since all of it can be fetched again. */
  private early: LogEvent[] = [];
  private filling: Promise<number> | null = null;
  private generation = 0;

  constructor(
    private readonly fetchEvents: (after: number) => Promise<EventPage>,
    private readonly deliver: (events: LogEvent[]) => void,
    private readonly failed: (error: unknown) => void,
    /** Where reading begins when nothing is known yet; without it, at the log's beginning. */
    private readonly newest?: { fetch: () => Promise<NewestPage>; begin: (page: NewestPage) => void },
  ) {}

  /** Begins with the newest page; what comes after it follows. */
  begin(page: NewestPage): void {
    this.reset();
    this.newest?.begin(page);
    this.lastSeq = this.highest = page.items.at(-1)?.seq ?? page.last_seq;
  }

  /** Takes one event: the next one at once; a later one makes us fetch what is missing; a known one is left out. */
  take(event: LogEvent): void {
    this.highest = Math.max(this.highest, event.seq);
    if (event.seq <= this.lastSeq) return;
    if (event.seq === this.lastSeq + 1 && !this.filling) return this.hand([event]);
    if (this.early.length < EARLY_KEPT) this.early.push(event);
    if (!this.filling) this.pull().catch(this.failed);
  }

  /** Fetches all that is missing, page by page; says how many events that brought. One at a time. */
  pull(): Promise<number> {
    this.filling ??= this.fetchAll().finally(() => (this.filling = null));
    return this.filling;
  }

  /** Begins anew: the server's log is not the one that we read. */
  reset(): void {
    this.generation += 1;
    this.lastSeq = this.highest = 0;
    this.early = [];
  }

  private hand(events: LogEvent[]): void {
    this.lastSeq = events[events.length - 1]?.seq ?? this.lastSeq;
    this.deliver(events);
  }

  private async fetchAll(): Promise<number> {
    const { generation } = this;
    let brought = 0;
    if (this.lastSeq === 0 && this.newest) {
      const page = await this.newest.fetch();
      if (generation !== this.generation || this.lastSeq > 0) return 0;
      const { early, highest } = this;
      this.begin(page);
      [this.early, this.highest] = [early, Math.max(this.highest, highest)];
      brought = page.items.length;
    }
    return this.fetchRest(brought);
  }

  private async fetchRest(brought: number): Promise<number> {
    const { generation } = this;
    for (;;) {
      const { highest } = this;
      const page = await this.fetchEvents(this.lastSeq);
      if (generation !== this.generation) return brought;
      const fresh = contiguous([...page.items, ...this.early], this.lastSeq);
      if (fresh.length) this.hand(fresh);
      brought += fresh.length;
      this.early = this.early.filter((event) => event.seq > this.lastSeq);
      // What came in while a page was on its way may be in none of the pages.
      const isNews = fresh.length > 0 || this.highest > highest;
      if (!isNews || !(page.has_more || page.last_seq > this.lastSeq || this.highest > this.lastSeq)) return brought;
    }
  }
}

/** The events that go on after `seq`, in order and without a gap. */
function contiguous(items: readonly LogEvent[], seq: number): LogEvent[] {
  const fresh: LogEvent[] = [];
  for (const event of [...items].sort((a, b) => a.seq - b.seq)) if (event.seq === seq + fresh.length + 1) fresh.push(event);
  return fresh;
}
