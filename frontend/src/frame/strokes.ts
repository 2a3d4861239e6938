// Keys as actions name them ("Ctrl+K", "g p", "?") and as the browser tells them, brought into one form. "Ctrl" is ⌘ on a Mac.

import type { Keys } from "../actions.ts";

export const isMac = (): boolean => typeof navigator !== "undefined" && /mac|iphone|ipad/i.test(navigator.platform);

export interface Pressed { key: string; ctrlKey: boolean; metaKey: boolean; altKey: boolean; shiftKey: boolean }

const NAMES: Record<string, string> = { Escape: "Esc", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", " ": "Space" };
const MARKS: Record<string, string> = { Ctrl: "⌘", Alt: "⌥", Shift: "⇧" };

const isLetter = (key: string): boolean => key.length === 1 && key.toLowerCase() !== key.toUpperCase();

/** One stroke in the one form: modifiers in order, letters large, other signs as they are typed. */
export function strokeOf(pressed: Pressed, mac = isMac()): string {
  const { key, altKey, shiftKey } = pressed;
  const [command, foreign] = mac ? [pressed.metaKey, pressed.ctrlKey] : [pressed.ctrlKey, pressed.metaKey];
  const name = NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  // Which keys need Shift for a sign differs between keyboards, so signs come without it.
  const isShifted = shiftKey && (isLetter(key) || key.length > 1);
  return [foreign && "Other", command && "Ctrl", altKey && "Alt", isShifted && "Shift", name].filter(Boolean).join("+");
}

/** The strokes of what an action names. */
export const strokesOf = (keys: Keys): string[] => keys.split(" ").map((stroke) => stroke.replace(/(^|\+)(\w)$/, (_, before: string, key: string) => before + key.toUpperCase()));

/** For showing: the strokes, each as the key caps that it takes. */
export function capsOf(keys: Keys, mac = isMac()): string[][] {
  return keys.split(" ").map((stroke) => (stroke === "+" ? ["+"] : stroke.split("+")).map((key) => (mac ? (MARKS[key] ?? key) : key)));
}

interface Keyed { keys?: Keys; alsoKeys?: Keys }

const waysTo = ({ keys, alsoKeys }: Keyed): string[][] => [keys, alsoKeys].flatMap((one) => (one === undefined ? [] : [strokesOf(one)]));

const TOGETHER_MS = 1200;

/** Puts strokes together to what they mean; holds no more than a sequence that has begun. */
export class Reader {
  private begun: string[] = [];
  private begunAt = 0;

  /** The one that is meant by this stroke and those just before it. */
  read<T extends Keyed>(stroke: string, choices: readonly T[], now: number): T | null {
    const before = now - this.begunAt < TOGETHER_MS ? this.begun : [];
    this.begun = [];
    for (const strokes of before.length ? [[...before, stroke], [stroke]] : [[stroke]]) {
      const found = choices.find((choice) => waysTo(choice).some((way) => isSame(way, strokes)));
      if (found) return found;
      if (choices.some((choice) => waysTo(choice).some((way) => isBeginning(strokes, way)))) {
        this.begun = strokes;
        this.begunAt = now;
        return null;
      }
    }
    return null;
  }
}

const isSame = (one: string[], other: string[]): boolean => one.length === other.length && isBeginning(one, other);

const isBeginning = (beginning: string[], whole: string[]): boolean => beginning.every((stroke, index) => whole[index] === stroke);
