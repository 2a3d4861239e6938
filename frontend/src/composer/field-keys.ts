// What a key means in the message field.

export type FieldAct = "send" | "send-now" | "older" | "newer" | "next-mode" | "search" | "leave" | "down" | "up" | "choose" | "close";

export interface Key { key: string; shiftKey: boolean; ctrlKey: boolean; metaKey: boolean; altKey: boolean; isComposing: boolean; keyCode: number }

export interface FieldState {
  /** A menu is open under the caret; `isWhole` when what is typed is just what it would insert. */
  menu: "none" | "open" | "whole";
  isEmpty: boolean;
  /** An earlier prompt is shown, unchanged. */
  isRecalling: boolean;
  /** No keyboard but the one on the screen, on which nobody could break a line with Shift. */
  isTouch: boolean;
}

/** Safari ends a composition before the Enter that ended it arrives, which still has the code of one. */
const isComposing = (key: Key): boolean => key.isComposing || key.keyCode === 229;

/** Null when the key does what keys do in a field. */
export function fieldAct(key: Key, state: FieldState): FieldAct | null {
  if (isComposing(key)) return null;
  const isPlain = !key.shiftKey && !key.ctrlKey && !key.metaKey && !key.altKey;
  if (state.menu !== "none" && isPlain) {
    const act = menuAct(key.key, state.menu === "whole");
    if (act) return act;
  }
  switch (key.key) {
    case "Enter": return entered(key, state);
    case "ArrowUp": return isPlain && (state.isEmpty || state.isRecalling) ? "older" : null;
    case "ArrowDown": return isPlain && state.isRecalling ? "newer" : null;
    case "Tab": return key.shiftKey && !key.ctrlKey && !key.metaKey && !key.altKey ? "next-mode" : null;
    case "r": return key.ctrlKey && !key.shiftKey && !key.altKey && !key.metaKey ? "search" : null;
    case "Escape": return isPlain ? "leave" : null;
    default: return null;
  }
}

function menuAct(key: string, isWhole: boolean): FieldAct | null {
  switch (key) {
    case "ArrowDown": return "down";
    case "ArrowUp": return "up";
    case "Tab": return "choose";
    case "Enter": return isWhole ? null : "choose";
    case "Escape": return "close";
    default: return null;
  }
}

function entered(key: Key, { isTouch }: FieldState): FieldAct | null {
  if (key.shiftKey || key.altKey) return null;
  if (key.ctrlKey || key.metaKey) return "send-now";
  return isTouch ? null : "send";
}
