// Finding by a few letters.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { marked, match } from "../src/fuzzy.ts";

const best = (query: string, titles: string[]): string | undefined =>
  titles.flatMap((title) => { const found = match(query, title); return found ? [{ title, score: found.score }] : []; }).sort((one, other) => other.score - one.score)[0]?.title;

const shown = (query: string, title: string): string =>
  marked(title, match(query, title)?.positions ?? []).map((piece) => (piece.isMatched ? `[${piece.text}]` : piece.text)).join("");

describe("match", () => {
  it("prefers beginnings of words, then pieces, then scattered letters", () => {
    assert.equal(best("log", ["catalogue", "fix-login", "l-o-t-of-gear"]), "fix-login");
    assert.equal(best("fl", ["shuffle", "fix-login"]), "shuffle");
    assert.equal(best("fxl", ["shuffle", "fix-login"]), "fix-login");
    assert.equal(best("login", ["login", "login page of the shop"]), "login");
  });

  it("wants every word, in any order, also in what stands beside the title", () => {
    assert.ok(match("shop fix", "fix-login", "shop"));
    assert.ok(match("login fix", "fix-login"));
    assert.equal(match("fix nowhere", "fix-login", "shop"), null);
  });

  it("leaves alone what is scattered all over a long title", () => {
    assert.equal(match("abc", "a very long table with many words and an epic"), null);
  });

  it("finds everything by nothing", () => assert.deepEqual(match("  ", "x"), { score: 0, positions: [] }));

  it("takes capitals, and letters that grow in small, one for one", () => {
    assert.equal(shown("DIF", "Show the diff"), "Show the [dif]f");
    assert.equal(shown("x", "İİx"), "İİ[x]");
    assert.equal(shown("日本", "新しい日本"), "新しい[日本]");
  });
});
