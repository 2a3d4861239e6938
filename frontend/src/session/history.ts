// Earlier parts of the log, loaded when somebody reads, looks or links that far back, and let go of when nobody does.

import type { LogPage, Transcript } from "./transcript.ts";

export const PAGE_EVENTS = 300;
const BIG_PAGE_EVENTS = 1000;
const MOST_HELD = 3000;

export class History {
  isLoading = false;
  error: unknown = null;
  private loading: Promise<boolean> | null = null;
  private generation = 0;
  private isShortening = false;

  /** `fetchBefore` gets the events before a number, newest last. */
  constructor(
    private readonly transcript: Transcript,
    private readonly fetchBefore: (seq: number, limit: number) => Promise<LogPage>,
    private readonly changed: () => void,
  ) {}

  get hasEarlier(): boolean {
    return this.transcript.hasEarlier;
  }

  get first(): number {
    return this.transcript.first;
  }

  /** Loads one page more; says whether that brought anything. Raises nothing: `error` tells. */
  earlier(limit = PAGE_EVENTS): Promise<boolean> {
    this.loading ??= this.load(limit).finally(() => (this.loading = null));
    return this.loading;
  }

  /** Loads until the event with this number is there; says whether it is. */
  async until(seq: number, signal?: AbortSignal): Promise<boolean> {
    while (this.first > seq && this.hasEarlier && !signal?.aborted) if (!(await this.earlier(BIG_PAGE_EVENTS))) break;
    return this.first > 0 && this.first <= seq;
  }

  /** Who is at the end again, and still is when the newest page has come, needs no more than that. */
  async shorten(isStillWanted: () => boolean = () => true): Promise<void> {
    if (this.transcript.size <= MOST_HELD || this.loading || this.isShortening) return;
    const { generation } = this;
    this.isShortening = true;
    try {
      const page = await this.fetchBefore((this.transcript.held.at(-1)?.seq ?? 0) + 1, BIG_PAGE_EVENTS);
      if (generation !== this.generation || this.loading || !isStillWanted()) return;
      this.transcript.shorten(page);
      this.changed();
    } catch {
      // It can be let go of another time.
    } finally {
      this.isShortening = false;
    }
  }

  /** Another log is read from now on. */
  reset(): void {
    this.generation += 1;
    this.error = null;
  }

  private async load(limit: number): Promise<boolean> {
    if (!this.hasEarlier || !this.first) return false;
    const { generation } = this;
    this.isLoading = true;
    this.error = null;
    this.changed();
    try {
      const page = await this.fetchBefore(this.first, limit);
      return generation === this.generation && this.transcript.prepend(page);
    } catch (error) {
      this.error = error;
      return false;
    } finally {
      this.isLoading = false;
      this.changed();
    }
  }
}
