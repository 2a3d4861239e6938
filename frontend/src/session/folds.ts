// What is unfolded, and how much of it, for as long as the page is open: rows come and go while somebody scrolls.

export class Folds {
  /** Grows with every change, so that what shows it can tell. */
  version = 0;
  private open = new Map<string, boolean>();
  private sizes = new Map<string, number>();

  constructor(private readonly changed: () => void = () => {}) {}

  isOpen(key: string, otherwise = false): boolean {
    return this.open.get(key) ?? otherwise;
  }

  set(key: string, isOpen: boolean): void {
    if (this.open.get(key) !== isOpen) this.setAll([key], isOpen);
  }

  setAll(keys: Iterable<string>, isOpen: boolean): void {
    for (const key of keys) this.open.set(key, isOpen);
    this.tell();
  }

  /** How many lines of something long are shown. */
  size(key: string, otherwise: number): number {
    return this.sizes.get(key) ?? otherwise;
  }

  resize(key: string, size: number): void {
    this.sizes.set(key, size);
    this.tell();
  }

  private tell(): void {
    this.version += 1;
    this.changed();
  }
}
