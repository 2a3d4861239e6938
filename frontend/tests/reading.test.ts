// How a conversation is read: rows and where they are, terminal output, what tools tell, what is found, what is copied.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LogEvent } from "../src/protocol.ts";
import { ansiPieces, withoutAnsi } from "../src/session/ansi.ts";
import { applyEvents, type Conversation, EMPTY } from "../src/session/conversation.ts";
import { itemsMarkdown } from "../src/session/copy-markdown.ts";
import { Extents, piecesOf } from "../src/session/extents.ts";
import { find } from "../src/session/find.ts";
import { itemRows } from "../src/session/rows.ts";
import { linkedTurn } from "../src/session/turn-links.ts";
import { foundCount, noteOf, readable, todosOf, toolLine } from "../src/session/tools.ts";
import { patchOf } from "../src/session/tools/patch.ts";

const TODAY = "2026-03-02T12:00:00Z";
const log = (...entries: [string, object, string?][]): Conversation =>
  applyEvents(EMPTY, entries.map(([kind, payload, at = TODAY], index): LogEvent => ({ seq: index + 1, kind, payload: payload as LogEvent["payload"], job_id: null, created_at: at })));
const call = (id: string, name: string, input: object = {}, parent: string | null = null): [string, object] => ["tool.call", { call_id: id, parent, name, input }];
const result = (id: string, text: string, isError = false): [string, object] => ["tool.result", { call_id: id, parent: null, is_error: isError, text, is_truncated: false, images: [], patch: null }];
const words = (text: string): [string, object] => ["assistant.text", { block: text, parent: null, text }];
const message = (text: string, at = TODAY): [string, object, string] => ["message.user", { message_id: text, text, author: { id: "1", name: "Alice" } }, at];
const today = new Date(TODAY).toDateString();

describe("itemRows", () => {
  const shape = (state: Conversation): string[] => itemRows(state, today).map((row) => (row.type === "item" ? row.item.type : row.type === "group" ? `${row.kind} ${row.items.length}` : row.type));

  it("folds four or more reads or searches in a row into one", () => {
    const reads = (count: number): [string, object][] => Array.from({ length: count }, (_, one) => call(`r${one}`, "Read"));
    assert.deepEqual(shape(log(...reads(3))), ["tool", "tool", "tool"]);
    assert.deepEqual(shape(log(...reads(4), call("g", "Grep"), call("b", "Bash"), ...reads(2))), ["read 4", "tool", "tool", "tool", "tool"]);
    assert.deepEqual(shape(log(call("a", "Grep"), call("b", "Glob"), call("c", "Grep"), call("d", "LS"))), ["search 4"]);
  });

  it("leaves out of it what waits for an answer", () => {
    const asked: [string, object] = ["permission.requested", { id: "p", kind: "TOOL", tool: "Read", input: { file_path: "/x" }, suggestions: [] }];
    assert.deepEqual(shape(log(...["a", "b", "c", "d"].map((id) => call(id, "Read")), call("x", "Read", { file_path: "/x" }), asked)), ["read 4", "tool"]);
  });

  it("folds commands that only look, and none that does anything", () => {
    const run = (command: string): [string, object] => call(command, "Bash", { command });
    assert.deepEqual(shape(log(...["ls -la", "cat a.py", "git log --oneline", "grep -rn def ."].map(run))), ["look 4"]);
    assert.deepEqual(shape(log(...["ls; rm x", "cat a > b", "find . -delete", "grep `x`", "git push", "head $(x)"].map(run))), Array(6).fill("tool"));
  });

  it("keeps a row's key while its run grows", () => {
    const keys = [4, 5, 9].map((count) => itemRows(log(...Array.from({ length: count }, (_, one) => call(`r${one}`, "Read"))), today)[0]?.key);
    assert.deepEqual(new Set(keys).size, 1);
  });

  it("puts a line between days, and each row into its turn", () => {
    const rows = itemRows(log(message("one", "2026-02-28T12:00:00Z"), words("a"), message("two"), words("b")), today);
    assert.deepEqual(rows.map((row) => row.type), ["day", "item", "day", "item", "item", "item"].slice(0, rows.length));
    assert.deepEqual([...new Set(rows.map((row) => row.turn))], ["e1", "e3"]);
  });
});

describe("Extents", () => {
  const rows = Array.from({ length: 1000 }, (_, index) => ({ key: `k${index}`, estimate: 10 + (index % 7) }));

  it("tell where each row is, as it is measured", () => {
    const extents = new Extents();
    extents.take(rows);
    extents.measure("k3", 100);
    let y = 0;
    rows.forEach((row, index) => {
      assert.equal(extents.top(index), y);
      assert.equal(extents.at(y), index);
      y += index === 3 ? 100 : row.estimate;
    });
    assert.equal(extents.total, y);
    assert.equal(extents.at(-5), 0);
    assert.equal(extents.at(y + 5), 999);
    assert.equal(extents.indexOf("k500"), 500);
  });

  it("are as tall in gaps and rows together as all rows, whatever is in the page", () => {
    const extents = new Extents();
    extents.take(rows);
    for (const [from, to, kept] of [[0, 10, []], [500, 520, [3, 700, 510, -1]], [990, 1000, [0]], [0, 0, []], [0, 1000, []]] as const) {
      const pieces = piecesOf(extents, from, to, kept);
      const height = pieces.reduce((sum, piece) => sum + ("gap" in piece ? piece.gap : extents.top(piece.index + 1) - extents.top(piece.index)), 0);
      assert.equal(height, extents.total);
      const keys = pieces.map((piece) => ("gap" in piece ? piece.key : piece.index));
      assert.equal(new Set(keys).size, keys.length);
    }
  });
});

describe("ansiPieces", () => {
  it("names colours and weight, and drops all else that a terminal would obey", () => {
    assert.deepEqual(ansiPieces("a\u001b[31;1mred\u001b[0m b\u001b[2J\u001b]0;title\u0007c\u001b(B"), [
      { text: "a", classes: "" }, { text: "red", classes: "ansi-red ansi-bold" }, { text: " bc", classes: "" },
    ]);
    assert.deepEqual(ansiPieces("\u001b[38;5;2mgreen\u001b[39m\u001b[38;2;1;2;3mtrue\u001b[38;5;200mmany"), [{ text: "green", classes: "ansi-green" }, { text: "truemany", classes: "" }]);
    assert.deepEqual(ansiPieces("\u001b[1;38;2;9;9;31mx")[0]?.classes, "ansi-bold");
  });

  it("shows of what was written over only the end", () => {
    assert.equal(withoutAnsi("10%\r50%\r100%\r\ndone\r\n"), "100%\ndone\n");
    assert.equal(withoutAnsi("abc\b\bX"), "aX");
  });

  it("leaves plain text as it is", () => {
    assert.deepEqual(ansiPieces("plain\n\ttext"), [{ text: "plain\n\ttext", classes: "" }]);
    assert.deepEqual(ansiPieces(""), []);
  });

  it("never makes a class of what a stranger wrote", () => {
    for (const { classes } of ansiPieces("\u001b[31;999;-1;\"onload=mx\u001b[7mx\u001b[45mz")) assert.match(classes, /^[a-z -]*$/);
  });
});

describe("tools", () => {
  it("tell what came of them in a few words", () => {
    const answered = (text: string, isError = false) => ({ at: TODAY, isError, text, isTruncated: false, images: [], patch: null });
    assert.equal(noteOf("Bash", {}, answered("Exit code 3\nboom", true)), "exit 3");
    assert.equal(noteOf("Bash", { run_in_background: true }, null), "in background");
    assert.equal(noteOf("Grep", { output_mode: "content" }, answered("a:1:x\nb:2:y")), "2 matches");
    assert.equal(noteOf("Grep", {}, answered("Found 3 files\na\nb\nc")), "3 files");
    assert.equal(noteOf("Glob", {}, answered("No files found")), "0 files");
    assert.equal(noteOf("Read", {}, answered("     1→a\n     2→b")), "2 lines");
    assert.equal(noteOf("Read", {}, answered("1\ta\n2\t")), "1 line");
    assert.equal(noteOf("TodoWrite", { todos: [{ content: "a", status: "completed" }, { content: "b", status: "odd" }, "x"] }, null), "1 of 2 done");
    assert.equal(foundCount("Grep", { "-C": 2 }, "a-1-x\na:2:y\na-3-z"), 1);
  });

  it("name ranges, servers and the task at work", () => {
    assert.equal(toolLine("Read", { file_path: "/workspace/a.py", offset: 10, limit: 5 }).target, "a.py · lines 10–14");
    assert.equal(toolLine("mcp__git_hub__make__issue", {}).verb, "Use make__issue (git_hub)");
    assert.equal(toolLine("TodoWrite", { todos: [{ content: "Write", activeForm: "Writing", status: "in_progress" }] }).target, "Writing");
    assert.deepEqual(todosOf({ todos: "no" }), []);
  });

  it("show an edit without the lines that stay", () => {
    const [patch] = patchOf("Edit", { old_string: "a\nb\nc", new_string: "a\nx\ny\nc" }, null);
    assert.deepEqual(patch?.lines.map((line) => line.kind + line.text), [" a", "-b", "+x", "+y", " c"]);
  });

  it("leave out what was meant for the model alone", () => {
    assert.equal(readable("out\n\n<system-reminder>\nsecret\n</system-reminder>"), "out");
  });
});

describe("find", () => {
  const state = log(
    message("please find Needle"), words("the **needle** is in [the hay](https://needle.test/)"),
    call("b", "Bash", { command: "grep needle hay" }), result("b", "one\ntwo needle\n\u001b[31mneedle\u001b[0m"),
    ...["r1", "r2", "r3", "r4"].map((id) => call(id, "Read", { file_path: `/workspace/${id}.py` })), result("r3", "     1→x\n     2→needle"),
    call("t", "Agent", { description: "look", prompt: "p" }), call("inner", "Grep", { pattern: "needle" }, "t"),
  );
  const rows = itemRows(state, today);

  it("finds words as they are read, in messages, answers, lines and what is folded away", () => {
    const matches = find(rows, state, "NEEDLE");
    assert.deepEqual(matches.map(({ row, item, isInBody, nth, line }) => [row, item, isInBody, nth, line]), [
      ["e1", "e1", false, 0, 0], ["bthe **needle** is in [the hay](https://needle.test/)", "bthe **needle** is in [the hay](https://needle.test/)", false, 0, 0],
      ["e3", "e3", false, 0, 0], ["e3", "e3", true, 0, 1], ["e3", "e3", true, 1, 3], ["e3", "e3", true, 2, 4],
      ["ge5", "e7", true, 0, 2], ["e10", "e11", false, 0, 0],
    ]);
    assert.deepEqual(matches.at(-2)?.within, ["ge5"]);
    assert.deepEqual(matches.at(-1)?.within, ["e10"]);
  });

  it("finds nothing for nothing", () => {
    assert.deepEqual(find(rows, state, "  "), []);
    assert.deepEqual(find(rows, state, "absent"), []);
  });
});

describe("itemsMarkdown", () => {
  it("tells messages, answers and tools, and no text can end its block", () => {
    const state = log(message("hello"), words("**Done**"), call("b", "Bash", { command: "cat x" }), result("b", "a\n```\nb"), call("e", "Edit", { file_path: "/workspace/a.py", old_string: "1", new_string: "2" }));
    const text = itemsMarkdown(state.items, state);

    assert.match(text, /^### Alice · .*\n\nhello\n\n\*\*Done\*\*\n\n\*\*Run\*\* `cat x`\n\n```sh\ncat x\n```\n\n````\na\n```\nb\n````\n\n\*\*Edit\*\* `a.py` \+1 −1\n\n```diff\n-1\n\+2\n```$/);
  });
});

describe("linkedTurn", () => {
  it("reads the number of an address, and nothing else", () => {
    assert.deepEqual(["#turn-12", "#turn-", "#turn-1x", "", "#turn-99999999999999999999"].map(linkedTurn), [12, 0, 0, 0, 0]);
  });
});
