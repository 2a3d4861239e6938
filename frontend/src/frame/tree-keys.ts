// The keys of the tree: they walk through its rows, fold and unfold them, and do what can be done to one.

import { byLetters } from "../components/roving.ts";
import { archive } from "./tree-acts.ts";
import { nameOf, type Row } from "./tree-rows.ts";
import { store } from "./tree-store.ts";

const TOGETHER_MS = 700;

/** The tree as its keys know it. */
export interface Walked {
  /** The rows that can have the focus, and the key of the one that has it. */
  readonly stops: readonly Row[];
  readonly active: string;
  focusRow(key: string | undefined): void;
  toggle(group: string): void;
  activate(row: Row): void;
  edit(key: string): void;
  menuOf(row: Row): void;
  /** Null where it cannot go further. */
  moving(id: string, step: number): (() => void) | null;
}

export class TreeKeys {
  private typed = "";
  private typedAt = 0;

  constructor(private readonly tree: Walked) {}

  readonly onKey = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey) return;
    const { stops, active } = this.tree;
    const at = stops.findIndex((row) => row.key === active);
    const row = stops[at];
    if (!row || event.isComposing) return;
    if (event.altKey) {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!event.shiftKey || step === undefined || row.type !== "session") return;
      this.tree.moving(row.key, step)?.();
    } else if (!this.walk(event.key, at, row) && !this.act(event, row) && !this.find(event, at)) return;
    event.preventDefault();
  };

  /** Moves the focus; says whether the key was for that. */
  private walk(key: string, at: number, row: Row): boolean {
    const { tree } = this;
    const { stops } = tree;
    const parent = "group" in row ? row.group : "";
    switch (key) {
      case "ArrowDown": tree.focusRow(stops[at + 1]?.key); return true;
      case "ArrowUp": tree.focusRow(stops[at - 1]?.key); return true;
      case "Home": tree.focusRow(stops[0]?.key); return true;
      case "End": tree.focusRow(stops.at(-1)?.key); return true;
      case "ArrowRight":
        if (row.type === "group") row.isOpen ? tree.focusRow(stops[at + 1]?.key) : tree.toggle(row.key);
        return true;
      case "ArrowLeft":
        if (row.type === "group" && row.isOpen) tree.toggle(row.key);
        else if (parent) tree.focusRow(parent);
        return true;
      default: return false;
    }
  }

  private act(event: KeyboardEvent, row: Row): boolean {
    const isMenu = event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey);
    if (event.key === "Enter" || event.key === " ") this.tree.activate(row);
    else if (event.key === "F2" && (row.type === "session" || (row.type === "group" && row.project))) this.tree.edit(row.key);
    else if (event.key === "Delete" && row.type === "session" && store.canWrite) void archive(row.key);
    else if (isMenu) this.tree.menuOf(row);
    else return false;
    return true;
  }

  /** Letters go to the next row that begins with them. */
  private find(event: KeyboardEvent, at: number): boolean {
    if (event.key.length !== 1 || !/[\p{L}\p{N}\-_.]/u.test(event.key)) return false;
    this.typed = event.timeStamp - this.typedAt < TOGETHER_MS ? this.typed + event.key : event.key;
    this.typedAt = event.timeStamp;
    const { stops } = this.tree;
    this.tree.focusRow(stops[byLetters(stops.map(nameOf), this.typed, at)]?.key);
    return true;
  }
}
