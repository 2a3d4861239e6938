// Writing to the agent: what menus find, what the caret asks for, earlier prompts, drafts of several tabs, sizes.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { finished, mention, opened, typingAt } from "../src/composer/completion.ts";
import { type Draft, Drafts, type Kept, reconciled } from "../src/composer/drafts.ts";
import { fuzzy, lettersOf, ranked } from "../src/composer/fuzzy.ts";
import { merged, PromptRing } from "../src/composer/prompt-ring.ts";
import { bytesOf, MOST_BYTES, sizeWord, wholeText } from "../src/composer/size.ts";

const found = (query: string, text: string): string => lettersOf(text, fuzzy(query, text)?.at ?? []).map((run) => (run.isFound ? `[${run.text}]` : run.text)).join("");

describe("fuzzy", () => {
  it("finds letters in their order and nothing else", () => {
    assert.equal(fuzzy("xyz", "src/app.py"), null);
    assert.equal(fuzzy("pa", "ap"), null);
    assert.deepEqual(fuzzy("", "anything"), { score: 0, at: [] });
    assert.equal(found("app", "src/app.py"), "src/[app].py");
  });

  it("prefers letters together, at the beginnings of words and in the file's own name", () => {
    assert.equal(found("pc", "src/permission-card.ts"), "src/[p]ermission-[c]ard.ts");
    assert.equal(found("main", "domain/main.py"), "domain/[main].py");
    assert.equal(found("vm", "src/viewModel.ts"), "src/[v]iew[M]odel.ts");
    const order = ranked("test", ["src/attestation/x.py", "docs/latest.md", "tests/a.py", "src/test_app.py"], (path) => path).map(({ item }) => item);
    assert.deepEqual(order.slice(0, 2), ["src/test_app.py", "tests/a.py"]);
  });

  it("knows other scripts, letters of two units, and letters that grow when made small", () => {
    assert.equal(found("設計", "docs/設計書.md"), "docs/[設計]書.md");
    assert.equal(found("🚀", "go 🚀 now"), "go [🚀] now");
    assert.equal(found("x", "İx"), "İ[x]");
  });

  it("is fast on long paths that nearly fit", () => {
    const paths = Array.from({ length: 2000 }, (_, index) => `${"aaaa/".repeat(30)}${index}.ts`);
    const begun = performance.now();
    ranked("aaaaaaaats", paths, (path) => path);
    assert.ok(performance.now() - begun < 1500, `${performance.now() - begun} ms`);
  });
});

describe("typingAt", () => {
  it("sees a command only at a line's start", () => {
    assert.deepEqual(typingAt("/com", 4), { kind: "command", query: "com", from: 0, to: 4 });
    assert.deepEqual(typingAt("first\n/re", 9), { kind: "command", query: "re", from: 6, to: 9 });
    assert.equal(typingAt("see /com", 8), null);
    assert.equal(typingAt("/com pact", 9), null);
    assert.equal(typingAt("/usr/bin", 8), null);
  });

  it("sees a file after an @ that begins a word, quoted when it has blanks", () => {
    assert.deepEqual(typingAt("look at @src/a", 14), { kind: "file", query: "src/a", from: 8, to: 14 });
    assert.equal(typingAt("me@example.com", 14), null);
    assert.deepEqual(typingAt('(@"my fi', 8), { kind: "file", query: "my fi", from: 1, to: 8 });
    assert.deepEqual(typingAt("見て、@設計", 6)?.query, "設計");
    assert.deepEqual(typingAt("見て @設計", 6)?.query, "設計");
  });

  it("takes the rest of the word with it when the caret is inside", () => {
    assert.deepEqual(typingAt("@srcfoo x", 4), { kind: "file", query: "src", from: 0, to: 7 });
  });
});

describe("finished", () => {
  it("puts what was chosen there, with one blank and the caret behind it", () => {
    assert.deepEqual(finished("see @sr", { kind: "file", query: "sr", from: 4, to: 7 }, mention("src/a.py")), { text: "see @src/a.py ", caret: 14 });
    assert.deepEqual(finished("see @sr now", { kind: "file", query: "sr", from: 4, to: 7 }, mention("src/a.py")), { text: "see @src/a.py now", caret: 14 });
    assert.deepEqual(finished("@sr", { kind: "file", query: "sr", from: 0, to: 3 }, "@src/", false), { text: "@src/", caret: 5 });
    assert.equal(mention("my file.txt"), '@"my file.txt"');
  });

  it("opens a menu apart from the word before", () => {
    assert.deepEqual(opened("look", 4, "@"), { text: "look @", caret: 6 });
    assert.deepEqual(opened("look ", 5, "@"), { text: "look @", caret: 6 });
    assert.deepEqual(opened("look", 4, "/"), { text: "look\n/", caret: 6 });
    assert.deepEqual(opened("", 0, "/"), { text: "/", caret: 1 });
  });
});

describe("PromptRing", () => {
  it("goes back and forward again to the draft", () => {
    const ring = new PromptRing(["three", "two", "one"]);
    assert.equal(ring.back("my draft"), "three");
    assert.equal(ring.back("three"), "two");
    assert.equal(ring.forward("two"), "three");
    assert.equal(ring.forward("three"), "my draft");
    assert.equal(ring.forward("my draft"), null);
  });

  it("stays at the end, and begins anew after an earlier prompt was changed", () => {
    const ring = new PromptRing(["two", "one"]);
    ring.back("");
    assert.equal(ring.back("two"), "one");
    assert.equal(ring.back("one"), null);
    assert.equal(ring.isShowing("one, changed"), false);
    assert.equal(ring.back("one, changed"), "two");
    assert.equal(ring.forward("two"), "one, changed");
  });

  it("takes older ones while somebody is on the way", () => {
    const ring = new PromptRing(["two"]);
    ring.back("");
    ring.extend(["two", "one"]);
    assert.equal(ring.back("two"), "one");
  });

  it("has each prompt once, this session's first", () => {
    assert.deepEqual(merged(["b", "a", "b"], ["c", "a ", ""]), ["b", "a", "c"]);
  });
});

const draft = (text: string, ...folded: string[]): Draft => ({ text, folded });

class MemoryStore implements Kept {
  readonly items = new Map<string, string>();
  isFull = false;
  getItem(key: string): string | null { return this.items.get(key) ?? null; }
  removeItem(key: string): void { this.items.delete(key); }
  setItem(key: string, value: string): void {
    if (this.isFull) throw new Error("quota");
    this.items.set(key, value);
  }
}

describe("drafts of two tabs", () => {
  it("are one as long as only one of them is written in", () => {
    assert.deepEqual(reconciled(draft("a"), draft("a"), draft("ab")), { shown: draft("ab"), aside: null });
    assert.deepEqual(reconciled(draft("a"), draft("ab"), draft("a")), { shown: draft("ab"), aside: null });
    assert.deepEqual(reconciled(draft("a"), draft("a"), draft("")), { shown: draft(""), aside: null });
  });

  it("are both kept when both were changed", () => {
    assert.deepEqual(reconciled(draft("a"), draft("mine"), draft("theirs")), { shown: draft("mine"), aside: draft("theirs") });
    assert.deepEqual(reconciled(draft("a"), draft("mine"), draft("")), { shown: draft("mine"), aside: null });
    assert.deepEqual(reconciled(draft(""), draft("mine", "p"), draft("theirs")).aside, draft("theirs"));
  });

  it("lose nothing, whoever writes last", () => {
    const store = new MemoryStore();
    const [one, other] = [new Drafts("s", store), new Drafts("s", store)];
    one.open();
    other.open();
    one.write(draft("from the one"));
    other.write(draft("from the other")); // asleep: it never heard of the first
    assert.deepEqual(other.aside, [draft("from the one")]);
    assert.deepEqual(one.meet(draft("from the one")), draft("from the other"));

    one.write(draft("from the other and on"));
    assert.deepEqual(other.meet(draft("from the other")), draft("from the other and on"));
    assert.equal(other.aside.length, 1);
    assert.deepEqual(other.takeAside(0), draft("from the one"));
    assert.deepEqual(one.aside, []);
  });

  it("are read as they were written before drafts could be folded, and whatever else is there", () => {
    const store = new MemoryStore();
    store.setItem("slipway.draft.s", "plain text");
    assert.deepEqual(new Drafts("s", store).open(), draft("plain text"));
    store.setItem("slipway.draft.s", '{"text": 7}');
    assert.equal(new Drafts("s", store).open().text, '{"text": 7}');
    store.setItem("slipway.draft-aside.s", '[{"text": 7}, 1]');
    assert.deepEqual(new Drafts("s", store).aside, []);
  });

  it("tell when the browser has no room for them", () => {
    const store = new MemoryStore();
    const drafts = new Drafts("s", store);
    drafts.write(draft("short"));
    store.isFull = true;
    drafts.write(draft("long"));
    assert.equal(drafts.isTooLarge, true);
    drafts.write(draft(""));
    assert.equal(drafts.isTooLarge, false);
    assert.equal(store.items.size, 0);
  });
});

describe("the size of a message", () => {
  it("is told before it is too large, in bytes", () => {
    assert.equal(sizeWord(bytesOf(["short"])), null);
    assert.equal(sizeWord(bytesOf(["x".repeat(MOST_BYTES * 0.8)]))?.isTooLarge, false);
    assert.equal(sizeWord(bytesOf(["日".repeat(MOST_BYTES / 2)]))?.isTooLarge, true);
    assert.match(sizeWord(MOST_BYTES + 1)?.text ?? "", /4 MB: a message has at most 4 MB/);
  });

  it("counts what was folded, which is sent in full", () => {
    assert.equal(wholeText("look:", ["one", "two"]), "look:\n\none\n\ntwo");
    assert.equal(wholeText("  ", ["one"]), "one");
  });
});
