// Which mark of the first turn belongs to what is seen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stepFor } from "../src/elements/tour-steps.ts";

test("the tour follows the turn, and goes back to a question as often as there is one", () => {
  assert.equal(stepFor({ asks: false, hasEnded: false }, "watch"), "watch");
  assert.equal(stepFor({ asks: true, hasEnded: false }, "watch"), "answer");
  assert.equal(stepFor({ asks: false, hasEnded: false }, "answer"), "watch");
  assert.equal(stepFor({ asks: false, hasEnded: true }, "answer"), "changes");
  assert.equal(stepFor({ asks: true, hasEnded: true }, "changes"), "answer");
});

test("what was reached by a click stays", () => assert.equal(stepFor({ asks: true, hasEnded: true }, "done"), "done"));
