// Events that come one after the other in no time, taken together: what each costs, which is a look at all that is held, is then paid once.

const PAUSE_MS = 40;

export class Together<T> {
  private waiting: T[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private takenAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly take: (all: T[]) => void, private readonly now: () => number = () => performance.now()) {}

  /** The first one after a pause is taken at once; what follows it soon, together. */
  add(items: readonly T[]): void {
    this.waiting.push(...items);
    if (this.timer !== undefined) return;
    const wait = PAUSE_MS - (this.now() - this.takenAt);
    if (wait <= 0) this.flush();
    else this.timer = setTimeout(() => this.flush(), wait);
  }

  /** What waits is taken now: something comes that has to be seen after it. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.waiting.length) return;
    const all = this.waiting;
    this.waiting = [];
    try {
      this.take(all);
    } finally {
      // Taking may be long: as long is left to whoever scrolls and types.
      this.takenAt = this.now();
    }
  }

  /** What waits is of no use any more. */
  drop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.waiting = [];
  }
}
