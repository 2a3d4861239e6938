// Keys: how they are named, told apart from typing, and put together to sequences.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { capsOf, type Pressed, Reader, strokeOf, strokesOf } from "../src/frame/strokes.ts";

const pressed = (key: string, ...held: string[]): Pressed => ({
  key, ctrlKey: held.includes("ctrl"), metaKey: held.includes("meta"), altKey: held.includes("alt"), shiftKey: held.includes("shift"),
});

describe("strokeOf", () => {
  it("takes Ctrl, and the command key on a Mac, for the same", () => {
    assert.equal(strokeOf(pressed("k", "ctrl"), false), "Ctrl+K");
    assert.equal(strokeOf(pressed("k", "meta"), true), "Ctrl+K");
    assert.notEqual(strokeOf(pressed("k", "ctrl"), true), "Ctrl+K");
    assert.notEqual(strokeOf(pressed("k", "meta"), false), "Ctrl+K");
  });

  it("takes signs as they are typed, on whatever keyboard", () => {
    assert.equal(strokeOf(pressed("?", "shift"), false), "?");
    assert.equal(strokeOf(pressed("C", "shift"), false), "Shift+C");
    assert.equal(strokeOf(pressed("ArrowUp", "alt", "shift"), false), "Alt+Shift+↑");
  });

  it("meets what actions name", () => {
    for (const [keys, stroke] of [["Ctrl+K", "Ctrl+K"], ["c", "C"], ["Shift+C", "Shift+C"], ["Ctrl+\\", "Ctrl+\\"], ["F2", "F2"], ["Alt+↓", "Alt+↓"], ["?", "?"]])
      assert.deepEqual(strokesOf(keys ?? ""), [stroke]);
    assert.deepEqual(strokesOf("g p"), ["G", "P"]);
  });
});

describe("capsOf", () => {
  it("shows a Mac its own marks", () => {
    assert.deepEqual(capsOf("Ctrl+K", true), [["⌘", "K"]]);
    assert.deepEqual(capsOf("g p", false), [["g"], ["p"]]);
    assert.deepEqual(capsOf("Alt+Shift+↑", false), [["Alt", "Shift", "↑"]]);
  });
});

describe("Reader", () => {
  const choices = [{ keys: "g p" }, { keys: "g w" }, { keys: "p" }, { keys: "Esc Esc" }, {}] as { keys?: string }[];
  const read = (reader: Reader, ...strokes: [string, number][]): (string | null)[] => strokes.map(([stroke, at]) => reader.read(stroke, choices, at)?.keys ?? null);

  it("does a sequence, and what its second key means alone", () => {
    assert.deepEqual(read(new Reader(), ["G", 1], ["P", 200], ["P", 300]), [null, "g p", "p"]);
  });

  it("forgets a beginning after a while, and when something else comes", () => {
    assert.deepEqual(read(new Reader(), ["G", 0], ["W", 5000]), [null, null]);
    assert.deepEqual(read(new Reader(), ["G", 1], ["X", 2], ["W", 3]), [null, null, null]);
    assert.deepEqual(read(new Reader(), ["G", 1], ["G", 2], ["W", 3]), [null, null, "g w"]);
  });

  it("does nothing twice", () => {
    assert.deepEqual(read(new Reader(), ["Esc", 1], ["Esc", 2], ["Esc", 3]), [null, "Esc Esc", null]);
  });
});
