// When a card takes the focus from the message, and when a key that is pressed on it counts: nobody answers by a letter that was meant for a word.

import { GRACE_MS, isSettled, lastTypedAt, untilPaused, WORD_MS } from "./readiness.ts";

/** The card as its focus knows it. */
export interface Focusable {
  readonly element: HTMLElement | null;
  readonly mayTakeFocus: boolean;
  changed(): void;
  /** What was begun here belongs into the message. */
  write(begun: string): void;
}

export class CardFocus {
  /** For a moment after a question came neither keys nor, when it took another one's place, buttons answer it. */
  settling: "" | "keys" | "all" = "";
  private shownAt = 0;
  private settled: ReturnType<typeof setTimeout> | undefined;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private deciding: ReturnType<typeof setTimeout> | undefined;
  /** The focus came by itself: the first key may be the beginning of a word that was meant for the message. */
  private isUnasked = false;
  private begun = "";

  constructor(private readonly card: Focusable) {}

  end(): void {
    for (const timer of [this.settled, this.waiting, this.deciding]) clearTimeout(timer);
  }

  settle(what: "keys" | "all"): void {
    this.shownAt = performance.now();
    this.settling = what;
    this.card.changed();
    clearTimeout(this.settled);
    this.settled = setTimeout(() => {
      this.settling = "";
      this.card.changed();
    }, GRACE_MS);
  }

  get isSettled(): boolean {
    return isSettled({ shownAt: this.shownAt, typedAt: lastTypedAt(), now: performance.now() });
  }

  take(): void {
    this.card.element?.focus();
  }

  /** From an empty message field, in which nobody writes, the focus comes here, so that the keys that are shown do what they say. */
  takeWhenPaused(): void {
    clearTimeout(this.waiting);
    if (!matchMedia("(pointer: fine)").matches) return;
    this.waiting = setTimeout(() => {
      const { activeElement: at } = document;
      if (!this.card.mayTakeFocus || !(at instanceof HTMLTextAreaElement) || !at.closest("slw-composer") || at.value || document.querySelector("dialog[open]")) return;
      if (this.untilPaused > 0) return this.takeWhenPaused();
      this.isUnasked = true;
      this.take();
    }, Math.max(GRACE_MS, this.untilPaused));
  }

  private get untilPaused(): number {
    return untilPaused({ typedAt: lastTypedAt(), now: performance.now() });
  }

  /** Does what a single key says; after a focus that came by itself a little later, since another letter would make it a word. */
  press(key: string, act: () => void): void {
    if (!this.isUnasked || !this.card.element?.contains(document.activeElement)) return act();
    this.begun = key;
    this.deciding = setTimeout(() => {
      this.begun = "";
      this.isUnasked = false;
      act();
    }, WORD_MS);
  }

  /** Whoever goes on writing meant the message: what was begun is put there, and the rest follows. */
  readonly onKey = (event: KeyboardEvent): void => {
    if (!this.isUnasked || event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const isLetter = event.key.length === 1 && event.key !== " ";
    if (!isLetter || (!this.begun && /^[aAd1-9]$/.test(event.key))) return;
    clearTimeout(this.deciding);
    event.stopPropagation();
    this.card.write(this.begun);
    this.begun = "";
  };

  readonly onFocusOut = (): void => {
    this.isUnasked = false;
  };
}
