// What was said before, one after the other: up goes back in time, down comes forward again to what was being written.

export class PromptRing {
  private at = -1;
  private draft = "";

  /** `entries` are the newest first. */
  constructor(private entries: readonly string[] = []) {}

  /** Whether the field shows an earlier prompt, unchanged. */
  isShowing(current: string): boolean {
    return this.at >= 0 && this.entries[this.at] === current;
  }

  /** Older ones may come while somebody goes back; what is shown stays where it is. */
  extend(entries: readonly string[]): void {
    const shown = this.at >= 0 ? this.entries[this.at] : undefined;
    this.entries = entries;
    if (shown !== undefined) this.at = entries.indexOf(shown);
  }

  /** The next older one; null at the end. */
  back(current: string): string | null {
    if (!this.isShowing(current)) [this.at, this.draft] = [-1, current];
    const found = this.entries.findIndex((text, index) => index > this.at && text !== current);
    if (found < 0) return null;
    this.at = found;
    return this.entries[found] ?? null;
  }

  /** The next newer one, and at last the draft; null when nothing earlier is shown. */
  forward(current: string): string | null {
    if (!this.isShowing(current)) return null;
    this.at -= 1;
    return this.at < 0 ? this.draft : (this.entries[this.at] ?? this.draft);
  }

  reset(): void {
    [this.at, this.draft] = [-1, ""];
  }
}

/** This session's prompts before the person's others, each once. */
export const merged = (own: readonly string[], others: readonly string[]): string[] => [...new Set([...own, ...others].map((text) => text.trim()).filter(Boolean))];
