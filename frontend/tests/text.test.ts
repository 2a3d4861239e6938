// What people read: odd characters made visible, tool lines, changes, names and numbers.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ago, duration, money } from "../src/format.ts";
import { gettext } from "../src/i18n.ts";
import { pieces } from "../src/odd-characters.ts";
import { countsOf, patchOf, toolLine } from "../src/session/tools.ts";

const shown = (text: string): string => pieces(text).map((piece) => (piece.isOdd ? `[${piece.text}]` : piece.text)).join("");

describe("pieces", () => {
  it("names what would reorder, hide or fake text", () => {
    assert.equal(shown("rm \u202e-rf\u202c x"), "rm [U+202E]-rf[U+202C] x");
    assert.equal(shown("a\u200bb\ufeffc\u00ad"), "a[U+200B]b[U+FEFF]c[U+00AD]");
    assert.equal(shown("x\u001b[2Ky\r\u0000"), "x[U+001B][2Ky[U+000D][U+0000]");
    assert.equal(shown("tag\u{e0041}"), "tag[U+E0041]");
    assert.equal(shown("lone \ud800 surrogate"), "lone [U+D800] surrogate");
  });

  it("leaves ordinary text of any language, tabs and line breaks alone", () => {
    const text = "ls -la\n\tcd „Größe“ 日本語 עברית 🚀 👍🏽";
    assert.equal(shown(text), text);
  });
});

describe("toolLine", () => {
  it("tells the target from the working tree's point of view", () => {
    assert.deepEqual(toolLine("Read", { file_path: "/workspace/src/a.py" }), { icon: "fileText", verb: "Read", target: "src/a.py" });
    assert.equal(toolLine("mcp__x__y", {}).verb, "Use y (x)");
    assert.equal(toolLine("Bash", { command: 7 }).target, "");
  });
});

describe("patchOf", () => {
  it("reads hunks as the CLI and as the API writes them", () => {
    const fromCli = patchOf("Edit", {}, [{ oldStart: 3, newStart: 3, lines: [" a", "-b", "+c"] }]);
    const fromApi = patchOf("Edit", {}, [{ old_start: 3, new_start: 3, header: "", lines: [{ kind: " ", text: "a" }, { kind: "-", text: "b" }, { kind: "+", text: "c" }] }]);

    assert.deepEqual(fromCli, fromApi);
    assert.deepEqual(fromCli[0]?.lines.map((line) => [line.old, line.new]), [[3, 3], [4, null], [null, 4]]);
  });

  it("falls back to what the input says", () => {
    assert.deepEqual(countsOf(patchOf("Edit", { old_string: "a\nb", new_string: "c" }, null)), { added: 1, removed: 2 });
    assert.deepEqual(countsOf(patchOf("Write", { content: "a\nb\n" }, null)), { added: 2, removed: 0 });
    assert.deepEqual(patchOf("Bash", { command: "ls" }, null), []);
  });
});

describe("formats", () => {
  it("shows money with as many digits as the sum asks for", () => {
    assert.deepEqual([money("0"), money("0.00042"), money("0.5"), money("1234.5")], ["$0.00", "$0.0004", "$0.50", "$1,234.50"]);
  });

  it("shows times people can read", () => {
    assert.deepEqual([duration(850), duration(1500), duration(61_000)], ["850 ms", "1.5 s", "1 min 1 s"]);
    assert.equal(ago("2026-01-01T00:00:00Z", Date.parse("2026-01-01T02:00:00Z")), "2 hours ago");
    assert.equal(ago("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:01:10Z")), "1 minute ago");
  });

  it("fills in only the names it was given", () => {
    assert.equal(gettext("{a} and {b}", { a: 1 }), "1 and {b}");
  });
});
