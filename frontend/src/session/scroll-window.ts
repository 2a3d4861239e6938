// Which rows of a long list are in the page, and where the reader is: at the end, which is followed, or at a row that stays where it is seen, to the pixel.

import { Extents, type Extended, type Piece, piecesOf } from "./extents.ts";

interface Anchor { key: string; /** How far below the upper edge of the view the row begins. */ offset: number }

const BEYOND = 1000;
const NEAR_BOTTOM = 48;
const TOUCH_MS = 1000;
const LEAVE_MS = 400;
const MOVING_MS = 160;
const MOST_SELECTED = 300;

export class ScrollWindow {
  readonly extents = new Extents();
  isFollowing = true;
  /** Whether the last row is the end, which is followed; else more comes after it. */
  hasEnd = true;
  isPrinting = false;
  private from = 0;
  private to = 0;
  private anchor: Anchor | null = null;
  /** How much more than its rows the gap above is tall: what was guessed wrong, taken back when nobody scrolls. */
  private drift = 0;
  private width = 0;
  private lastTop = 0;
  private lastSizes = "";
  private touchedAt = -TOUCH_MS;
  private movedAt = 0;
  private leaving: ReturnType<typeof setTimeout> | undefined;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private frame = 0;
  private readonly watched = new Set<Element>();
  private readonly sizes = new ResizeObserver((entries) => this.resized(entries));
  private readonly ends = new AbortController();

  /** `changed` shows the rows again. */
  constructor(private readonly view: HTMLElement, private readonly changed: () => void) {
    const listen = { passive: true, signal: this.ends.signal } as const;
    view.addEventListener("scroll", () => this.scrolled(), listen);
    for (const name of ["touchmove", "pointerdown"]) view.addEventListener(name, () => (this.touchedAt = performance.now()), listen);
    view.addEventListener("wheel", (event) => event.deltaY < 0 && this.leave(), listen);
    view.addEventListener("keydown", (event) => ["PageUp", "ArrowUp", "Home"].includes(event.key) && event.target === view && this.leave(), listen);
    this.sizes.observe(view);
  }

  end(): void {
    this.ends.abort();
    this.sizes.disconnect();
    this.watched.clear();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.leaving);
    clearTimeout(this.resting);
  }

  /** What of these rows belongs into the page now. */
  pieces(rows: readonly Extended[]): Piece[] {
    this.extents.take(rows);
    const height = this.view.clientHeight || window.innerHeight;
    const top = this.top;
    this.from = this.isPrinting ? 0 : this.extents.at(top - BEYOND);
    this.to = this.isPrinting ? rows.length : Math.min(rows.length, this.extents.at(top + height + BEYOND) + 1);
    return piecesOf(this.extents, this.from, this.to, this.kept());
  }

  /** Where the view's upper edge is among the rows, as far as their heights are known. */
  get top(): number {
    const height = this.view.clientHeight || window.innerHeight;
    if (this.isFollowing || !this.anchor) return this.isFollowing ? this.extents.total - height : 0;
    const index = this.extents.indexOf(this.anchor.key);
    return index < 0 ? this.view.scrollTop : this.extents.top(index) - this.anchor.offset;
  }

  /** How much there is below the view. */
  get below(): number {
    return this.extents.total - this.top - this.view.clientHeight;
  }

  /** To be called when the rows are in the page. */
  shown(): void {
    this.sizeGaps();
    let hasNew = false;
    for (const element of this.entries()) {
      if (this.watched.has(element)) continue;
      hasNew = true;
      this.watched.add(element);
      this.sizes.observe(element);
    }
    for (const element of this.watched) if (!element.isConnected) {
      this.sizes.unobserve(element);
      this.watched.delete(element);
    }
    // What is new has its height only when its own elements are there: then its size is told.
    if (!hasNew) this.settle();
  }

  toBottom(): void {
    this.isFollowing = true;
    // The press that asked for it is no wish to read.
    this.touchedAt = -TOUCH_MS;
    this.drift = 0;
    this.changed();
    this.settle();
  }

  /** Brings a row into view, a third below the upper edge, or so that its part at `within` is seen. */
  reveal(key: string, within = 0): void {
    this.isFollowing = false;
    this.drift = 0;
    this.movedAt = 0;
    this.anchor = { key, offset: Math.round(this.view.clientHeight / 3) - within };
    this.changed();
  }

  /** Off the end at once: text that streams would pull back a wheel's first small steps before they were noticed. */
  private leave(): void {
    if (this.view.scrollTop <= 0) return;
    this.touchedAt = performance.now();
    if (this.isFollowing) {
      this.isFollowing = false;
      this.pickAnchor();
      this.changed();
    }
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => {
      this.leaving = undefined;
      if (this.isAtBottom) this.follow();
    }, LEAVE_MS);
  }

  private follow(): void {
    if (this.isFollowing) return;
    this.isFollowing = true;
    this.changed();
  }

  private get isAtBottom(): boolean {
    const { view } = this;
    return this.hasEnd && this.to >= this.extents.count && view.scrollHeight - view.scrollTop - view.clientHeight < NEAR_BOTTOM;
  }

  private get currentSizes(): string {
    return `${this.view.scrollHeight} ${this.view.clientHeight}`;
  }

  private entries(): NodeListOf<HTMLElement> {
    return this.view.querySelectorAll<HTMLElement>(":scope > .turns > .entry");
  }

  private entry(key: string): HTMLElement | null {
    return this.view.querySelector<HTMLElement>(`:scope > .turns > .entry[data-key="${CSS.escape(key)}"]`);
  }

  /** Moving up is a person's wish to read, unless the layout moved: a dock or a text that changes its height moves the view, too. */
  private scrolled(): void {
    const { view } = this;
    const delta = view.scrollTop - this.lastTop;
    const isByHand = this.currentSizes === this.lastSizes || performance.now() - this.touchedAt < TOUCH_MS;
    this.remember();
    if (delta) this.rest();
    if (this.leaving === undefined) {
      if (this.isAtBottom) this.follow();
      else if (delta < 0 && isByHand && this.isFollowing) {
        this.isFollowing = false;
        this.anchor = null;
        this.changed();
      }
    }
    if (this.isFollowing) return this.settle();
    this.keepPlace(delta);
    this.pickAnchor();
    if (!this.isCovered) this.changed();
  }

  /** What was shown may have moved since: then it is moved back before a new place is taken. */
  private keepPlace(delta: number): void {
    const element = this.anchor && this.entry(this.anchor.key);
    if (!element || !this.anchor) return;
    const expected = this.anchor.offset - delta;
    if (Math.abs(this.offsetOf(element) - expected) < 1) return;
    this.anchor = { ...this.anchor, offset: expected };
    this.settle();
  }

  private offsetOf(element: Element): number {
    return element.getBoundingClientRect().top - this.view.getBoundingClientRect().top;
  }

  /** The first row that is seen; in a gap, the row that its height stands for. */
  private pickAnchor(): void {
    const edge = this.view.getBoundingClientRect();
    for (const element of this.entries()) {
      const box = element.getBoundingClientRect();
      if (box.bottom <= edge.top + 1) continue;
      if (box.top >= edge.bottom) break;
      this.anchor = { key: element.dataset.key ?? "", offset: box.top - edge.top };
      return;
    }
    this.anchor = this.anchorInGap(edge);
    this.drift = 0;
  }

  private anchorInGap(edge: DOMRect): Anchor | null {
    const turns = this.view.querySelector(":scope > .turns");
    if (!turns || !this.extents.count) return null;
    const y = Math.max(0, edge.top - turns.getBoundingClientRect().top - this.drift);
    const index = this.extents.at(y);
    const key = this.extents.keyAt(index);
    return key ? { key, offset: this.extents.top(index) - y } : null;
  }

  private get isCovered(): boolean {
    const { top } = this;
    const height = this.view.clientHeight;
    const first = this.extents.top(this.from);
    const last = this.extents.top(this.to);
    return (this.from === 0 || first <= top - BEYOND / 2) && (this.to >= this.extents.count || last >= top + height + BEYOND / 2);
  }

  /** Nothing that scrolls is disturbed; when it rests, gaps get the height that they stand for. */
  private rest(): void {
    this.movedAt = performance.now();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.movedAt = 0;
      if (this.drift && !this.isFollowing) {
        this.drift = 0;
        this.sizeGaps();
        this.settle();
      }
    }, 2 * MOVING_MS);
  }

  private sizeGaps(): void {
    for (const gap of this.view.querySelectorAll<HTMLElement>(":scope > .turns > .gap")) {
      const height = Number(gap.dataset.gap) + (gap === this.upperGap ? this.drift : 0);
      gap.style.height = `${Math.max(0, height)}px`;
    }
  }

  /** The gap right above the range. */
  private get upperGap(): HTMLElement | null {
    const before = this.entry(this.extents.keyAt(this.from))?.previousElementSibling;
    return before instanceof HTMLElement && before.classList.contains("gap") ? before : null;
  }

  /** Puts the view where it belongs: at the end, or with its row where it was seen. */
  private settle(): void {
    const { view } = this;
    if (this.isHidden) return;
    if (this.isFollowing) view.scrollTop = view.scrollHeight;
    else if (this.anchor) {
      this.takeMovement();
      const element = this.entry(this.anchor.key);
      const moved = element ? this.offsetOf(element) - this.anchor.offset : 0;
      if (Math.abs(moved) >= 0.5) this.moveBack(moved);
    }
    this.remember();
  }

  /** Somebody may have moved the view without our being told yet; at the end, it may have become shorter than where it was. */
  private takeMovement(): void {
    const { view } = this;
    const delta = view.scrollTop - this.lastTop;
    const isCutShort = this.currentSizes !== this.lastSizes && view.scrollTop >= view.scrollHeight - view.clientHeight - 1;
    if (this.anchor && delta && !isCutShort) this.anchor = { ...this.anchor, offset: this.anchor.offset - delta };
  }

  private moveBack(moved: number): void {
    const gap = this.upperGap;
    const height = gap ? Number.parseFloat(gap.style.height) || 0 : 0;
    // To set the place of a view that moves would stop it.
    const isMoving = performance.now() - this.movedAt < MOVING_MS;
    if (gap && isMoving && height - moved >= 0 && Math.abs(moved) < BEYOND) {
      this.drift -= moved;
      gap.style.height = `${height - moved}px`;
    } else this.view.scrollTop += moved;
  }

  private remember(): void {
    this.lastTop = this.view.scrollTop;
    this.lastSizes = this.currentSizes;
  }

  /** Another pane is shown in its place: nothing has a size. */
  private get isHidden(): boolean {
    return this.view.clientHeight === 0;
  }

  private resized(entries: readonly ResizeObserverEntry[]): void {
    if (this.isHidden) return;
    if (entries.some((entry) => entry.target === this.view) && this.view.clientWidth !== this.width) {
      if (this.width) this.extents.forget();
      this.width = this.view.clientWidth;
      for (const element of this.watched) if (element instanceof HTMLElement) this.extents.measure(element.dataset.key ?? "", element.getBoundingClientRect().height);
    }
    let isNews = false;
    for (const { target, borderBoxSize } of entries) {
      if (!(target instanceof HTMLElement) || target === this.view || !target.isConnected) continue;
      isNews = this.extents.measure(target.dataset.key ?? "", borderBoxSize[0]?.blockSize ?? 0) || isNews;
    }
    this.settle();
    if (this.watched.size) this.view.classList.add("is-settled");
    // Rows that are added while sizes are told would have theirs told too late.
    if (isNews && !this.isCovered) this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.changed();
    });
  }

  /** Rows that hold the focus or the selection stay in the page. */
  private kept(): number[] {
    const indexOf = (node: Node | null): number => {
      const element = node instanceof Element ? node : node?.parentElement;
      const entry = element?.closest<HTMLElement>(".entry");
      return entry && this.view.contains(entry) ? this.extents.indexOf(entry.dataset.key ?? "") : -1;
    };
    const selection = document.getSelection();
    const ends = selection && !selection.isCollapsed ? [indexOf(selection.anchorNode), indexOf(selection.focusNode)] : [];
    const [first, last] = [Math.min(...ends), Math.max(...ends)];
    const selected = ends.length && first >= 0 && last - first < MOST_SELECTED ? Array.from({ length: last - first + 1 }, (_, one) => first + one) : ends;
    return [indexOf(document.activeElement), ...selected];
  }
}
