// Which mark of the first turn belongs to what is seen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stepFor } from "../src/elements/tour-steps.ts";

const NOTHING = { asks: false, hasEnded: false, showsChanges: false };

test("the tour follows the turn, and goes back to a question as often as there is one", () => {
  assert.equal(stepFor(NOTHING, "watch"), "watch");
  assert.equal(stepFor({ ...NOTHING, asks: true }, "watch"), "answer");
  assert.equal(stepFor(NOTHING, "answer"), "watch");
  assert.equal(stepFor({ ...NOTHING, hasEnded: true }, "answer"), "changes");
  assert.equal(stepFor({ ...NOTHING, asks: true, hasEnded: true }, "changes"), "answer");
});

test("what was reached by a click stays", () => assert.equal(stepFor({ ...NOTHING, asks: true, hasEnded: true }, "done"), "done"));

test("who looks at the changes by another way needs no mark that leads there", () => {
  assert.equal(stepFor({ ...NOTHING, hasEnded: true, showsChanges: true }, "changes"), "done");
  assert.equal(stepFor({ ...NOTHING, showsChanges: true }, "watch"), "watch");
});
