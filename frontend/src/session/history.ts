// Earlier parts of the log, loaded when somebody reads, looks or links that far back, and let go of when nobody does.
// What lies far back is read apart from the end: nothing between has to be loaded until somebody reads on to there.

import { type Conversation } from "./conversation.ts";
import type { EventPage } from "./log-feed.ts";
import { type LogPage, Transcript } from "./transcript.ts";

export const PAGE_EVENTS = 300;
const BIG_PAGE_EVENTS = 1000;
const MOST_HELD = 3000;
/** So much is loaded in one go rather than left out. */
const NEAR = BIG_PAGE_EVENTS;

/** `before` gets the events before a number, newest last; `after` those after it. */
export interface Reading { before: (seq: number, limit: number) => Promise<LogPage>; after: (seq: number) => Promise<Pick<EventPage, "items">> }

export class History {
  isLoading = false;
  error: unknown = null;
  private away: Transcript | null = null;
  private loading: Promise<boolean> | null = null;
  private generation = 0;
  private isShortening = false;

  constructor(private readonly transcript: Transcript, private readonly fetch: Reading, private readonly changed: () => void) {}

  private get shown(): Transcript {
    return this.away ?? this.transcript;
  }

  /** What is read. */
  get conversation(): Conversation {
    return this.shown.conversation;
  }

  get hasEarlier(): boolean {
    return this.shown.hasEarlier;
  }

  /** Whether the end is somewhere else than what is read. */
  get hasLater(): boolean {
    return this.away !== null;
  }

  get first(): number {
    return this.shown.first;
  }

  /** Loads one page more; says whether that brought anything. Raises nothing: `error` tells. */
  earlier(limit = PAGE_EVENTS): Promise<boolean> {
    return this.once(async () => {
      const { shown } = this;
      if (!shown.hasEarlier || !shown.first) return null;
      const page = await this.fetch.before(shown.first, limit);
      return () => shown === this.shown && shown.prepend(page);
    });
  }

  /** Loads one page more towards the end, with which what was read apart becomes one again. */
  later(): Promise<boolean> {
    return this.once(async () => {
      const { away } = this;
      if (!away) return null;
      const { items } = await this.fetch.after(away.last);
      return () => away === this.away && this.goOn(away, items);
    });
  }

  /** Loads what is needed to show the event with this number; says whether it is there. */
  async until(seq: number, signal?: AbortSignal): Promise<boolean> {
    if (this.away && seq >= this.transcript.first) this.toEnd();
    const isFar = this.first - seq > NEAR || (this.away !== null && seq > this.away.last + NEAR);
    if (isFar && !(await this.around(seq))) return false;
    while (this.away && this.away.last < seq && !signal?.aborted) if (!(await this.later())) break;
    while (this.first > seq && this.hasEarlier && !signal?.aborted) if (!(await this.earlier(BIG_PAGE_EVENTS))) break;
    return this.first > 0 && this.first <= seq;
  }

  /** Reads the end again. */
  toEnd(): void {
    if (!this.away) return;
    this.away = null;
    this.changed();
  }

  /** Who is at the end again, and still is when the newest page has come, needs no more than that. */
  async shorten(isStillWanted: () => boolean = () => true): Promise<void> {
    if (this.transcript.size <= MOST_HELD || this.loading || this.isShortening) return;
    const { generation } = this;
    this.isShortening = true;
    try {
      const page = await this.fetch.before(this.transcript.last + 1, BIG_PAGE_EVENTS);
      if (generation !== this.generation || this.loading || !isStillWanted()) return;
      this.transcript.shorten(page);
      this.changed();
    } catch {
      // It can be let go of another time.
    } finally {
      this.isShortening = false;
    }
  }

  /** Somebody reads above the end while very much comes in there: what is read is kept apart, so that the end can be let go of. */
  async stay(): Promise<void> {
    if (this.away || this.transcript.size <= 2 * MOST_HELD) return;
    this.away = this.transcript.copy();
    await this.shorten(() => this.away !== null);
  }

  /** Another log is read from now on. */
  reset(): void {
    this.generation += 1;
    this.error = null;
    this.away = null;
  }

  private async around(seq: number): Promise<boolean> {
    return this.once(async () => {
      const page = await this.fetch.before(seq + PAGE_EVENTS / 2, PAGE_EVENTS);
      return () => {
        if (!page.items.length) return false;
        this.away = new Transcript();
        this.away.begin(page);
        return this.goOn(this.away, []);
      };
    });
  }

  /** Adds to what is read apart; where it has reached the end's beginning, both are one. */
  private goOn(away: Transcript, items: Parameters<Transcript["append"]>[0]): boolean {
    const { last } = away;
    away.append(items);
    if (away.last >= this.transcript.first - 1) {
      this.transcript.join(away);
      this.away = null;
    }
    return this.away === null || away.last > last || !items.length;
  }

  /** One at a time. What comes while another log is read already is left out. */
  private once(fetch: () => Promise<(() => boolean) | null>): Promise<boolean> {
    this.loading ??= this.load(fetch).finally(() => (this.loading = null));
    return this.loading;
  }

  private async load(fetch: () => Promise<(() => boolean) | null>): Promise<boolean> {
    const { generation } = this;
    this.isLoading = true;
    this.error = null;
    this.changed();
    try {
      const take = await fetch();
      return take !== null && generation === this.generation && take();
    } catch (error) {
      this.error = error;
      return false;
    } finally {
      this.isLoading = false;
      this.changed();
    }
  }
}
