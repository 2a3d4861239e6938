// What the agent asks: names taken apart, what would hold for good, when keys count, what is said in a line.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { spaceFor } from "../src/composer/screen-keyboard.ts";
import { headingOf, isSaid, summaryOf } from "../src/permission/words.ts";
import { addressParts, mcpTool } from "../src/permission/names.ts";
import { isSettled, untilPaused } from "../src/permission/readiness.ts";
import type { Permission } from "../src/protocol.ts";
import { lastingOf } from "../src/session/suggestions.ts";

const asked = (tool: string, input: Record<string, unknown>, kind: Permission["kind"] = "TOOL"): Permission => ({ id: "p", kind, tool, input, description: "", suggestions: [] });

describe("names", () => {
  it("of servers' tools are taken apart, the agent's own are not", () => {
    assert.deepEqual(mcpTool("mcp__my-server__do__it"), { server: "my-server", name: "do__it" });
    assert.equal(mcpTool("Bash"), null);
  });

  it("of hosts stand out where the browser would really go", () => {
    const host = (url: string): string | undefined => addressParts(url)?.host;
    assert.equal(host("https://docs.python.org/3/?q=1#x"), "docs.python.org");
    assert.equal(host("https://google.com@evil.example/login"), "evil.example");
    assert.equal(host("https://evil.example\\@google.com/"), "evil.example");
    assert.equal(host("http://localhost:8000/"), "localhost:8000");
    assert.equal(host("file:///etc/passwd"), undefined);
    assert.equal(host("not an address"), undefined);
  });

  it("of hosts in other scripts are told as the network knows them", () => {
    assert.equal(addressParts("https://pythоn.org/")?.ascii, "xn--pythn-mye.org"); // the о is Cyrillic
    assert.equal(addressParts("https://Python.org:443/")?.ascii, "");
  });
});

describe("what would hold for good", () => {
  const rules = (...given: [string, string?][]): unknown => ({ type: "addRules", behavior: "allow", rules: given.map(([toolName, ruleContent]) => ({ toolName, ...(ruleContent ? { ruleContent } : {}) })) });

  it("is named by its place, its rule, and in words", () => {
    const found = lastingOf([rules(["Bash", "npm test:*"], ["Write"]), { type: "setMode", mode: "acceptEdits" }, rules(["Bash", "ls (x)"])]);
    assert.deepEqual(found, [
      { place: "0.0", rule: "Bash(npm test:*)", until: "", words: "Every command that begins with “npm test”", button: "Always allow these commands" },
      { place: "0.1", rule: "Write", until: "", words: "Every use of Write", button: "Always allow Write" },
      { place: "1", rule: "", words: "Edit any file in its folder", until: "In this session, until you change its mode", button: "Allow all edits" },
      { place: "2.0", rule: "Bash(ls \\(x\\))", until: "", words: "Just this command", button: "Always allow this command" },
    ]);
  });

  it("is each once, and nothing of what is no permission or of wrong form", () => {
    assert.deepEqual(lastingOf([rules(["Bash", "a"]), rules(["Bash", "a"])]).map((one) => one.place), ["0.0"]);
    assert.deepEqual(lastingOf([null, 7, "x", { type: "setMode", mode: "bypassPermissions" }, { type: "addRules", behavior: "deny", rules: [{ toolName: "Bash" }] }, { type: "addRules", behavior: "allow", rules: [{}, null] }]), []);
  });
});

describe("keys", () => {
  it("count when the question has stood for a moment, and nobody writes", () => {
    assert.equal(isSettled({ shownAt: 1000, typedAt: -Infinity, now: 1300 }), false);
    assert.equal(isSettled({ shownAt: 1000, typedAt: -Infinity, now: 1400 }), true);
    assert.equal(isSettled({ shownAt: 1000, typedAt: 4900, now: 5000 }), false);
  });

  it("wait for a pause before the focus may move", () => {
    assert.equal(untilPaused({ typedAt: 4900, now: 5000 }), 900);
    assert.equal(untilPaused({ typedAt: -Infinity, now: 5000 }), 0);
  });
});

describe("in a line", () => {
  it("a question says what is asked", () => {
    assert.equal(summaryOf(asked("Bash", { command: "npm test\nnpm run x" })), "npm test");
    assert.equal(summaryOf(asked("mcp__github__create_issue", {})), "github: create_issue");
    assert.equal(summaryOf(asked("ExitPlanMode", { plan: "# FizzBuzz\n\n1. x" }, "PLAN")), "FizzBuzz");
    assert.equal(summaryOf(asked("AskUserQuestion", { questions: [{ question: "Which?" }] }, "QUESTION")), "Which?");
    assert.equal(summaryOf(asked("AskUserQuestion", { questions: "?" }, "QUESTION")), "");
    assert.equal(headingOf(asked("mcp__x__y", {})).text, "Use this server's tool?");
  });

  it("a description is left out that only repeats what is asked", () => {
    assert.equal(isSaid("Bash find . -name '*.pyc'…", { command: "find . -name '*.pyc' -delete" }), true);
    assert.equal(isSaid("Write fizzbuzz.py", { file_path: "/workspace/fizzbuzz.py" }), true);
    assert.equal(isSaid("Delete compiled files", { command: "find . -name '*.pyc' -delete" }), false);
  });
});

describe("the keyboard on the screen", () => {
  const seen = { visible: 844, layout: 844, tallest: 844, isZoomed: false, isWriting: true, isTouch: true };

  it("is seen where the window made room for it, and where it covers the page", () => {
    assert.deepEqual(spaceFor(seen), { isOpen: false, height: null });
    assert.deepEqual(spaceFor({ ...seen, visible: 420, layout: 420 }), { isOpen: true, height: null });
    assert.deepEqual(spaceFor({ ...seen, visible: 420.4 }), { isOpen: true, height: 420 });
  });

  it("is not taken for a zoom, a smaller window or a browser's bars", () => {
    assert.equal(spaceFor({ ...seen, visible: 420, isZoomed: true }).height, null);
    assert.equal(spaceFor({ ...seen, layout: 420, visible: 420, isTouch: false }).isOpen, false);
    assert.equal(spaceFor({ ...seen, layout: 420, visible: 420, isWriting: false }).isOpen, false);
    assert.equal(spaceFor({ ...seen, visible: 780 }).height, null);
  });
});
