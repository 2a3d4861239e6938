// What an agent, its tools and the model write is a stranger's: nothing in it may stop the page.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { showable } from "../src/markdown/unfinished.ts";
import type { LogEvent } from "../src/protocol.ts";
import { ansiPieces, withoutAnsi } from "../src/session/ansi.ts";
import { applyEvents, EMPTY } from "../src/session/conversation.ts";
import { itemsMarkdown } from "../src/session/copy-markdown.ts";
import { bodyText, find } from "../src/session/find.ts";
import { itemRows } from "../src/session/rows.ts";
import { lastingOf } from "../src/session/suggestions.ts";
import { countsOf, groupOf, noteOf, patchOf, todosOf, toolLine } from "../src/session/tools.ts";

/** JSON may hold this, and it cannot become text. */
const BOMB = JSON.parse('{"toString": 1, "valueOf": 2}') as object;
const NAMES = ["Agent", "AskUserQuestion", "Bash", "Edit", "ExitPlanMode", "Glob", "Grep", "MultiEdit", "NotebookEdit", "Read", "TaskUpdate", "TodoWrite", "WebFetch", "Write", "mcp__a__b"];
const FIELDS = ["command", "cell_id", "content", "description", "edits", "file_path", "glob", "limit", "new_source", "offset", "old_string", "path", "pattern", "plan", "questions", "status", "taskId", "todos", "url"];
const VALUES: unknown[] = [BOMB, null, 7, [null], [BOMB], [[]], { a: 1 }];

const event = (seq: number, kind: string, payload: object): LogEvent => ({ seq, kind, payload, job_id: null, created_at: "2026-01-01T00:00:00Z" }) as unknown as LogEvent;
const inTime = (work: () => void): void => {
  const began = performance.now();
  work();
  assert.ok(performance.now() - began < 1000, "it takes the page with it");
};

describe("a tool's input", () => {
  for (const value of VALUES) it(`may hold ${JSON.stringify(value)} anywhere`, () => {
    for (const name of NAMES) {
      const input = Object.fromEntries(FIELDS.map((field) => [field, value]));
      toolLine(name, input);
      noteOf(name, input, null);
      groupOf(name, input);
      todosOf(input);
      countsOf(patchOf(name, input, value));
      const { items, ...state } = applyEvents(EMPTY, [event(1, "tool.call", { call_id: "c", name, input }), event(2, "tool.result", { call_id: "c", text: value, patch: value, images: value })]);
      find(itemRows({ items, ...state }), state, "x");
      itemsMarkdown(items, state);
      for (const item of items) if (item.type === "tool") bodyText(item, state);
    }
  });

  it("may hold it in any field of any event", () => {
    const kinds = ["session.status", "job.status", "message.user", "message.edited", "tree.restored", "session.changed", "context.compacted", "assistant.text", "assistant.thinking", "tool.call",
      "tool.result", "permission.requested", "permission.resolved", "agent.notice", "agent.raw", "agent.exited", "turn.completed", "checkpoint.created"];
    const fields = ["id", "status", "reason", "by", "text", "detail", "level", "author", "attachments", "block", "call_id", "name", "input", "kind", "tool", "rules", "suggestions", "signal", "exit_code", "stderr", "changes", "trigger", "cost_usd", "duration_ms", "error"];
    for (const value of VALUES) kinds.reduce((state, kind, index) => applyEvents(state, [event(index + 1, kind, Object.fromEntries(fields.map((field) => [field, value])))]), EMPTY);
  });

  it("may suggest anything to be allowed for good", () => {
    for (const value of VALUES) assert.deepEqual(lastingOf([value, { type: "addRules", behavior: "allow", rules: value }, { type: "addRules", behavior: "allow", rules: [{ toolName: value, ruleContent: value }] }]), []);
    assert.equal(lastingOf([{ type: "addDirectories", directories: ["/a", BOMB] }])[0]?.words, "Work in /a");
  });
});

describe("text that streams", () => {
  for (const line of ["1".repeat(200), "-".repeat(200), "=-+*#".repeat(60), "- ".repeat(100), "1.".repeat(100), "> ".repeat(100)]) it(`is read at once: ${line.slice(0, 8)}…x`, () => {
    inTime(() => assert.equal(typeof showable(`words\n\n${line}x`), "string"));
  });

  it("keeps back a line of nothing but signs, which may become anything", () => {
    for (const line of ["-", "- ", "---", "1.", "12", "> - ", "##", "* * *", "|--", "1. 2)"]) assert.equal(showable(`words\n\n${line}`), "words\n\n", line);
    for (const line of ["- a", "1. a", "a", "-a", "1) b", "..."]) assert.notEqual(showable(`words\n\n${line}`), "words\n\n", line);
  });
});

describe("output", () => {
  it("that writes over itself is settled at once", () => {
    inTime(() => assert.equal(withoutAnsi(`${"ab\b".repeat(100_000)}c`), `${"a".repeat(100_000)}c`));
    assert.equal(withoutAnsi("\b\bab\b\bx\b"), "");
    assert.equal(ansiPieces("10%\r50%\rdone\n").map((piece) => piece.text).join(""), "done\n");
  });

  it("in which a letter is found often is looked through once", () => {
    const state = applyEvents(EMPTY, [event(1, "tool.call", { call_id: "c", name: "Bash", input: { command: "x" } }), event(2, "tool.result", { call_id: "c", text: "e\n".repeat(200_000) })]);
    inTime(() => {
      const found = find(itemRows(state), state, "e").filter((one) => one.isInBody);
      assert.deepEqual([found.length, found[0]?.line, found.at(-1)?.line], [5000, 2, 5001]);
    });
  });

  it("may name characters that there are none of", () => {
    const state = applyEvents(EMPTY, [event(1, "assistant.text", { block: "b", text: "a &#9999999; b &#0; &#65;c" })]);
    assert.equal(find(itemRows(state), state, "a").length, 2);
  });
});
