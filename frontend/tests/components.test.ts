// Where menus have room, and where their keys lead.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { beside } from "../src/components/place.ts";
import { byLetters, target } from "../src/components/roving.ts";

const VIEW = { width: 1000, height: 600 };
const MENU = { width: 200, height: 300 };
const at = (left: number, top: number) => ({ left, top, right: left + 100, bottom: top + 32 });

describe("beside", () => {
  it("is below and from the start where there is room", () => {
    assert.deepEqual(beside(at(100, 100), MENU, VIEW), { left: 100, top: 136, height: 456, isAbove: false });
  });
  it("turns up at the lower edge", () => {
    assert.deepEqual(beside(at(100, 500), MENU, VIEW), { left: 100, top: 196, height: 488, isAbove: true });
  });
  it("turns to the other side at the right edge, and keeps within the window", () => {
    assert.equal(beside(at(880, 100), MENU, VIEW).left, 780);
    assert.equal(beside(at(20, 100), MENU, VIEW, { isEnd: true }).left, 20);
    assert.equal(beside(at(20, 100), { width: 990, height: 10 }, VIEW).left, 8);
  });
  it("is as high as there is room when nowhere is enough", () => {
    const place = beside(at(100, 200), { width: 200, height: 900 }, VIEW);
    assert.equal(place.isAbove, false);
    assert.equal(place.height, 356);
  });
  it("is above where that is wished and possible", () => {
    assert.equal(beside(at(100, 400), MENU, VIEW, { isAbove: true }).isAbove, true);
    assert.equal(beside(at(100, 20), MENU, VIEW, { isAbove: true }).isAbove, false);
  });
});

describe("target", () => {
  const moves = { next: ["ArrowDown"], previous: ["ArrowUp"] };
  it("goes round", () => {
    assert.equal(target("ArrowDown", 2, 3, moves), 0);
    assert.equal(target("ArrowUp", 0, 3, moves), 2);
    assert.equal(target("ArrowUp", -1, 3, moves), 2);
    assert.equal(target("ArrowDown", -1, 3, moves), 0);
  });
  it("knows the ends, and leaves other keys alone", () => {
    assert.equal(target("Home", 2, 3, moves), 0);
    assert.equal(target("End", 0, 3, moves), 2);
    assert.equal(target("ArrowLeft", 0, 3, moves), null);
    assert.equal(target("End", 0, 0, moves), null);
  });
});

describe("byLetters", () => {
  const texts = ["Rename…", " Copy", "Restart", "Delete…"];
  it("finds what begins with all of them, from the present one on", () => {
    assert.equal(byLetters(texts, "re", 0), 0);
    assert.equal(byLetters(texts, "res", 0), 2);
    assert.equal(byLetters(texts, "c", 3), 1);
    assert.equal(byLetters(texts, "x", 0), -1);
  });
  it("goes on to the next with the same letter again", () => {
    assert.equal(byLetters(texts, "r", 0), 2);
    assert.equal(byLetters(texts, "rr", 2), 0);
  });
});
