// The session's files while somebody types "@": asked for a little later than typed, kept for a while, stale answers dropped.

import type { Option } from "./menu.ts";
import { mention } from "./completion.ts";
import { type Match, match, ranked } from "../fuzzy.ts";

export interface FoundFile { path: string; is_folder?: boolean; is_recent?: boolean }
export interface FoundFiles { items: readonly FoundFile[]; is_truncated?: boolean }
export type Fetch = (query: string, signal: AbortSignal) => Promise<FoundFiles>;

const PAUSE_MS = 120;
const KEPT_MS = 20_000;
const MOST_KEPT = 50;
const MOST_SHOWN = 50;

interface Kept extends FoundFiles { at: number }

export class FileSearch {
  isLoading = false;
  hasFailed = false;
  private readonly kept = new Map<string, Kept>();
  private query = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking: AbortController | null = null;

  constructor(private readonly fetch: Fetch, private readonly changed: () => void, private readonly now: () => number = Date.now) {}

  /** What is known at once; `changed` is called when more is. */
  find(query: string): Option[] {
    if (query !== this.query || !this.isLoading) this.ask(query);
    return fileOptions(query, this.best(query));
  }

  stop(): void {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.asking = null;
    this.isLoading = false;
  }

  private ask(query: string): void {
    const known = this.kept.get(query);
    if (known && this.now() - known.at < KEPT_MS) {
      if (query !== this.query) this.stop();
      this.query = query;
      return;
    }
    if (query === this.query && this.hasFailed) return;
    this.stop();
    this.query = query;
    this.isLoading = true;
    this.hasFailed = false;
    this.timer = setTimeout(() => void this.load(query), PAUSE_MS);
  }

  private async load(query: string): Promise<void> {
    const asking = new AbortController();
    this.asking = asking;
    try {
      const found = await this.fetch(query, asking.signal);
      if (this.asking !== asking) return;
      this.keep(query, found);
      this.isLoading = false;
    } catch {
      if (this.asking !== asking) return;
      this.isLoading = false;
      this.hasFailed = true;
    }
    this.changed();
  }

  private keep(query: string, found: FoundFiles): void {
    this.kept.delete(query);
    this.kept.set(query, { ...found, at: this.now() });
    for (const key of this.kept.keys()) if (this.kept.size > MOST_KEPT) this.kept.delete(key);
  }

  /** The answer to just this, else to the longest beginning of it. */
  private best(query: string): readonly FoundFile[] {
    for (let length = query.length; length >= 0; length -= 1) {
      const known = this.kept.get(query.slice(0, length));
      if (known) return known.items;
    }
    return [];
  }
}

const isWithout = (query: string): boolean => query.trim() === "";

/** Recent files first while nothing tells them apart; a folder goes on, a file ends. */
export function fileOptions(query: string, files: readonly FoundFile[]): Option[] {
  const sorted = isWithout(query) ? [...files].sort((a, b) => Number(b.is_recent ?? false) - Number(a.is_recent ?? false)) : files;
  const found = ranked(query, sorted, (file) => file.path, matchPath);
  if (!isWithout(query)) found.sort((a, b) => b.match.score + recency(b.item) - a.match.score - recency(a.item));
  return found.slice(0, MOST_SHOWN).map(({ item: { path, is_folder: isFolder = false }, match: { positions } }) => ({
    title: isFolder ? `${path}/` : path,
    at: positions,
    icon: isFolder ? "folder" : "fileText",
    insert: isFolder ? `@${path}/` : mention(path),
    isWhole: !isFolder,
  }));
}

const OWN_NAME = 25;

/** A file is meant by its own name rather than by those of its folders. */
function matchPath(query: string, path: string): Match | null {
  const begins = path.lastIndexOf("/") + 1;
  const own = begins ? match(query, path.slice(begins)) : null;
  return own ? { score: own.score + OWN_NAME, positions: own.positions.map((at) => at + begins) } : match(query, path);
}

const recency = (file: FoundFile): number => (file.is_recent ? 4 : 0);
