// Arrow keys within a list of controls, of which Tab reaches one: for menus, tabs and trees.

const TYPING_MS = 600;

interface Moves { next: string[]; previous: string[] }

const VERTICAL: Moves = { next: ["ArrowDown"], previous: ["ArrowUp"] };
const HORIZONTAL: Moves = { next: ["ArrowRight"], previous: ["ArrowLeft"] };

/** Which of `count` items a key leads to, or null when it is none of its business. */
export function target(key: string, at: number, count: number, { next, previous }: Moves): number | null {
  if (!count) return null;
  if (next.includes(key)) return (at + 1) % count;
  if (previous.includes(key)) return (at <= 0 ? count : at) - 1;
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : null;
}

/** Where a list of texts goes on with `typed`, looking from behind the present one; one letter again and again goes through all that begin with it. */
export function byLetters(texts: string[], typed: string, at: number): number {
  const letters = typed.toLowerCase();
  const isOneAgain = [...letters].every((letter) => letter === letters[0]);
  const wanted = isOneAgain ? (letters[0] ?? "") : letters;
  const begin = isOneAgain ? at + 1 : Math.max(at, 0);
  for (let step = 0; step < texts.length; step += 1) {
    const index = (begin + step) % texts.length;
    if (texts[index]?.trim().toLowerCase().startsWith(wanted)) return index;
  }
  return -1;
}

/** Moves the focus among the items that `find` gives; true when the key was used. */
export class Roving {
  private typed = "";
  private typedAt = 0;
  private readonly find: () => HTMLElement[];
  private readonly moves: Moves;

  constructor(find: () => HTMLElement[], direction: "vertical" | "horizontal" = "vertical") {
    this.find = find;
    this.moves = direction === "vertical" ? VERTICAL : HORIZONTAL;
  }

  readonly onKey = (event: KeyboardEvent): boolean => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return false;
    const items = this.find();
    const at = items.indexOf(document.activeElement as HTMLElement);
    const moves = document.dir === "rtl" && this.moves === HORIZONTAL ? { next: HORIZONTAL.previous, previous: HORIZONTAL.next } : this.moves;
    const found = target(event.key, at, items.length, moves) ?? this.letters(event, items, at);
    if (found === null || found < 0) return false;
    event.preventDefault();
    items[found]?.focus();
    return true;
  };

  private letters(event: KeyboardEvent, items: HTMLElement[], at: number): number | null {
    if (event.key.length !== 1 || (event.key === " " && !this.isTyping)) return null;
    this.typed = this.isTyping ? this.typed + event.key : event.key;
    this.typedAt = Date.now();
    return byLetters(items.map((item) => item.textContent ?? ""), this.typed, at);
  }

  private get isTyping(): boolean {
    return Date.now() - this.typedAt < TYPING_MS;
  }
}
