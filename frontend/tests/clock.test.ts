// How long something has gone on, whatever the browser's clock shows; and what a failure means.

import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { elapsed, setClock } from "../src/session/clock.ts";
import { explained, titled } from "../src/session/explained.ts";

const AT = "2026-03-04T12:00:00.900Z";
const after = (seconds: number): number => Date.parse(AT) + seconds * 1000;

describe("elapsed", () => {
  afterEach(() => setClock(AT, Date.parse(AT)));

  it("tells whole seconds, and nothing of the first moments", () => {
    assert.deepEqual([0, 2.99, 3, 9.9, 72.5, 3725].map((seconds) => elapsed(AT, after(seconds))), ["", "", "3 s", "9 s", "1 min 12 s", "1 h 2 min"]);
    assert.equal(elapsed("nonsense", after(60)), "");
  });

  it("goes by the server's clock, from which the browser's differs", () => {
    for (const ahead of [3600, -3600]) {
      setClock("2026-03-04T12:01:00.900Z", after(60 + ahead));
      assert.equal(elapsed(AT, after(72 + ahead)), "1 min 12 s");
    }
    setClock(undefined, after(5));
    assert.equal(elapsed(AT, after(72 - 3600)), "1 min 12 s");
  });
});

describe("a failure", () => {
  it("has what happened as its title, then what to do", () => {
    const [title, advice] = titled(explained("API Error: 529 overloaded_error"));
    assert.deepEqual([title, advice], ["The model is overloaded", "Nothing is lost: wait a minute, then send a message to continue."]);
    assert.deepEqual(titled("Nobody knows 2.5 of it."), ["Nobody knows 2.5 of it.", ""]);
    assert.deepEqual(titled("モデルが混み合っています。少し待ってください。"), ["モデルが混み合っています", "少し待ってください。"]);
  });

  it("of what the server explained is told in its words", () => {
    for (const text of ["The model is overloaded. Nothing is lost: wait a minute, then send a message to continue.", "The conversation is too long for the model. Compact it, or start a new session.", "The money for this turn is used up."]) {
      assert.equal(explained(text), text);
    }
  });
});
