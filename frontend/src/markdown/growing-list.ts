// A list that streams, item by item: only its last items can still change, so that nothing before them is read again.

import type { Tokens } from "marked";
import { listIn } from "./rendering.ts";

/** How many items at the end may still change: the one that grows, and the one before it, to which a line may yet belong. */
const OPEN_ITEMS = 2;

/** The items from the `kept`-th on, as a list of their own. */
export interface Grown { kept: number; tail: Tokens.List }

export class GrowingList {
  private constructor(
    private from: number,
    private kept: number,
    private readonly isOrdered: boolean,
    private readonly isLoose: boolean,
  ) {}

  /** Null while the list is so short that it can be read as a whole. `from` is where it begins in the text. */
  static of(list: Tokens.List, from: number): GrowingList | null {
    const growing = new GrowingList(from, 0, list.ordered, list.loose);
    return growing.settle(list) && growing.kept > 0 ? growing : null;
  }

  /** What changes by the text as it is now, of which what `shown` gives can be shown; null when all of the list has to be read again. */
  grow(text: string, shown: (text: string) => string): Grown | null {
    const tail = listIn(shown(text.slice(this.from)));
    // One blank line between items, and each of them becomes a paragraph.
    if (!tail || tail.ordered !== this.isOrdered || (tail.loose && !this.isLoose)) return null;
    for (const item of tail.items) item.loose = this.isLoose;
    tail.loose = this.isLoose;
    const { kept } = this;
    return this.settle(tail) ? { kept, tail } : null;
  }

  /** Moves on to the last items; says whether the text is the items' own, letter by letter. */
  private settle({ raw, items }: Tokens.List): boolean {
    let at = 0;
    const begins = items.map((item) => {
      const begin = at;
      at = at >= 0 && raw.startsWith(item.raw.trimEnd(), at) ? at + item.raw.length : -1;
      return begin;
    });
    if (begins.some((begin) => begin < 0)) return false;
    const done = Math.max(0, items.length - OPEN_ITEMS);
    this.from += begins[done] ?? 0;
    this.kept += done;
    return true;
  }
}
