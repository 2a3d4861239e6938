// How tall the rows of a long list are, measured or guessed, and which of them are where.

export interface Extended { key: string; /** What the row's height is taken for until it was measured. */ estimate: number }

export class Extents {
  private known = new Map<string, number>();
  private rows: readonly Extended[] = [];
  private tops = new Float64Array(1);
  private indexes = new Map<string, number>();
  private isStale = true;

  take(rows: readonly Extended[]): void {
    if (rows === this.rows) return;
    const before = this.rows;
    this.rows = rows;
    // While text streams the rows stay the same ones.
    this.isStale ||= rows.length !== before.length || rows.some((row, index) => row.key !== before[index]?.key);
  }

  /** Says whether that is news. */
  measure(key: string, height: number): boolean {
    if (Math.abs((this.known.get(key) ?? -1) - height) < 0.5) return false;
    this.known.set(key, height);
    this.isStale = true;
    return true;
  }

  /** What was measured holds for one width only. */
  forget(): void {
    this.known.clear();
    this.isStale = true;
  }

  get count(): number {
    return this.rows.length;
  }

  get total(): number {
    return this.top(this.rows.length);
  }

  /** Where a row begins; of the one after the last, where the list ends. */
  top(index: number): number {
    this.refresh();
    return this.tops[Math.max(0, Math.min(index, this.rows.length))] ?? 0;
  }

  indexOf(key: string): number {
    this.refresh();
    return this.indexes.get(key) ?? -1;
  }

  keyAt(index: number): string {
    return this.rows[index]?.key ?? "";
  }

  /** The row that is at this height. */
  at(y: number): number {
    this.refresh();
    let [low, high] = [0, this.rows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.tops[middle] ?? 0) <= y) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  private refresh(): void {
    if (!this.isStale) return;
    this.isStale = false;
    const { rows } = this;
    this.tops = new Float64Array(rows.length + 1);
    this.indexes.clear();
    rows.forEach(({ key, estimate }, index) => {
      this.indexes.set(key, index);
      this.tops[index + 1] = (this.tops[index] ?? 0) + (this.known.get(key) ?? estimate);
    });
    if (this.known.size > 2 * rows.length + 500) for (const key of this.known.keys()) if (!this.indexes.has(key)) this.known.delete(key);
  }
}

/** A part of the list that is in the page, or a gap that stands for what is not. */
export type Piece = { gap: number; key: string } | { index: number };

/** What is in the page: a range, and rows beyond it that must stay; gaps are as tall as what they stand for. */
export function piecesOf(extents: Extents, from: number, to: number, kept: readonly number[]): Piece[] {
  const indexes = [...new Set([...kept.filter((index) => index >= 0 && index < extents.count), ...Array.from({ length: Math.max(0, to - from) }, (_, one) => from + one)])].sort((a, b) => a - b);
  const pieces: Piece[] = [];
  let next = 0;
  for (const index of indexes) {
    if (index > next) pieces.push({ gap: extents.top(index) - extents.top(next), key: next === 0 ? "gap" : `gap-${next}` });
    pieces.push({ index });
    next = index + 1;
  }
  if (next < extents.count) pieces.push({ gap: extents.total - extents.top(next), key: "gap-end" });
  return pieces;
}
