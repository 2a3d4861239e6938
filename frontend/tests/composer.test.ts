// Writing to the agent: what menus find, what the caret asks for, earlier prompts, drafts of several tabs, sizes.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { commandOptions } from "../src/composer/commands.ts";
import { finished, mention, opened, typingAt } from "../src/composer/completion.ts";
import { type Draft, Drafts, type Kept, reconciled } from "../src/composer/drafts.ts";
import { type FieldState, fieldAct, type Key } from "../src/composer/field-keys.ts";
import { type Fetch, fileOptions, FileSearch, type FoundFiles } from "../src/composer/file-search.ts";
import { promptOptions } from "../src/composer/prompt-options.ts";
import { merged, PromptRing } from "../src/composer/prompt-ring.ts";
import { bytesOf, MOST_BYTES, sizeWord, wholeText } from "../src/composer/size.ts";
import { marked } from "../src/fuzzy.ts";
import type { Command } from "../src/protocol.ts";
import { nextMode } from "../src/session/modes.ts";

const titles = (query: string, ...paths: string[]): string[] => fileOptions(query, paths.map((path) => ({ path }))).map(({ title, at }) => marked(title, at).map((run) => (run.isMatched ? `[${run.text}]` : run.text)).join(""));

describe("files", () => {
  it("are meant by their own names rather than by those of their folders", () => {
    assert.deepEqual(titles("app", "app/models/user.py", "src/app.py"), ["src/[app].py", "[app]/models/user.py"]);
    assert.deepEqual(titles("pc", "src/permission-card.ts", "src/x.ts"), ["src/[p]ermission-[c]ard.ts"]);
    assert.deepEqual(titles("test", "src/attestation/x.py", "tests/a.py", "src/test_app.py").slice(0, 2), ["src/[test]_app.py", "[test]s/a.py"]);
    assert.deepEqual(titles("設計", "docs/設計書.md"), ["docs/[設計]書.md"]);
  });

  it("are recent ones first while nothing tells them apart, and folders go on", () => {
    const options = fileOptions("", [{ path: "a.py" }, { path: "src", is_folder: true }, { path: "my file.md", is_recent: true }]);
    assert.deepEqual(options.map((one) => [one.title, one.insert, one.isWhole]), [["my file.md", '@"my file.md"', true], ["a.py", "@a.py", true], ["src/", "@src/", false]]);
  });

  it("are found fast among many that nearly fit", () => {
    const paths = Array.from({ length: 2000 }, (_, index) => ({ path: `${"aaaa/".repeat(30)}${index}.ts` }));
    const begun = performance.now();
    fileOptions("aaaaaaaats", paths);
    assert.ok(performance.now() - begun < 1500, `${performance.now() - begun} ms`);
  });
});

const answers = (): { fetch: Fetch; asked: string[]; give: (query: string, ...paths: string[]) => Promise<void>; fail: (query: string) => Promise<void> } => {
  const open = new Map<string, { done: (found: FoundFiles) => void; failed: (error: Error) => void }>();
  const asked: string[] = [];
  const settle = (): Promise<void> => new Promise((done) => setImmediate(done));
  return {
    asked,
    fetch: (query) => new Promise((done, failed) => { asked.push(query); open.set(query, { done, failed }); }),
    give: (query, ...paths) => { open.get(query)?.done({ items: paths.map((path) => ({ path })) }); return settle(); },
    fail: (query) => { open.get(query)?.failed(new Error("away")); return settle(); },
  };
};

describe("FileSearch", () => {
  const names = (options: readonly { title: string }[]): string[] => options.map((one) => one.title);

  it("asks once for what is typed in one go, shows what it knows meanwhile, and drops answers that came too late", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const { fetch, asked, give } = answers();
    let changes = 0;
    const search = new FileSearch(fetch, () => (changes += 1));
    assert.deepEqual(search.find("a"), []);
    search.find("ap");
    context.mock.timers.tick(200);
    assert.deepEqual(asked, ["ap"]);
    search.find("app");
    context.mock.timers.tick(200);
    await give("ap", "late/ap.py");
    assert.equal(changes, 0);
    await give("app", "src/app.py", "apple.txt");
    assert.equal(changes, 1);
    assert.deepEqual(names(search.find("appl")), ["apple.txt"]);
    context.mock.timers.tick(200);
    assert.deepEqual(names(search.find("app")), ["src/app.py", "apple.txt"]);
    assert.deepEqual(asked, ["ap", "app", "appl"]);
  });

  it("asks again for what is old, not for what has just failed", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const { fetch, asked, give, fail } = answers();
    let now = 0;
    const search = new FileSearch(fetch, () => {}, () => now);
    search.find("a");
    context.mock.timers.tick(200);
    await give("a", "a.py");
    now = 60_000;
    assert.deepEqual(names(search.find("a")), ["a.py"]);
    context.mock.timers.tick(200);
    await fail("a");
    search.find("a");
    context.mock.timers.tick(200);
    assert.deepEqual(asked, ["a", "a"]);
  });
});

const commands = (...names: string[]): Command[] => names.map((name) => ({ name, description: name === "deploy" ? "Deploys it (project)" : "", argument_hint: "" }));

describe("commandOptions", () => {
  it("groups all of them while nothing is typed, what is of the project first", () => {
    const options = commandOptions(commands("clear", "_hidden", "mcp__x__y", "deploy"), "");
    assert.deepEqual(options.map((one) => [one.title, one.group]), [["/deploy", "Of this project"], ["/mcp__x__y", "Of plug-ins and servers"], ["/clear", "Of the agent"]]);
    assert.equal(options[0]?.detail, "Deploys it");
  });

  it("puts the best first once something is", () => {
    assert.deepEqual(commandOptions(commands("auto-compact", "compact", "clear"), "com").map((one) => one.title), ["/compact", "/auto-compact"]);
  });
});

describe("promptOptions", () => {
  it("finds what was said, also far inside, before what only has its letters", () => {
    const prompts = ["fix lots of gears", `${"x ".repeat(300)} login`, "fix the login"].map((text) => ({ text }));
    assert.deepEqual(promptOptions("login", prompts).map((one) => one.insert), [prompts[2]?.text, prompts[1]?.text]);
    assert.equal(promptOptions("", prompts).length, 3);
    assert.deepEqual(promptOptions("flg", [{ text: "fix lots of gears" }]).map((one) => one.title), ["fix lots of gears"]);
  });
});

const press = (key: string, more: Partial<Key> = {}): Key => ({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, keyCode: 0, ...more });
const IDLE: FieldState = { menu: "none", isEmpty: false, isRecalling: false, isTouch: false };
const act = (key: Key, state: Partial<FieldState> = {}): string | null => fieldAct(key, { ...IDLE, ...state });

describe("keys in the message field", () => {
  it("send, break lines and send at once", () => {
    assert.equal(act(press("Enter")), "send");
    assert.equal(act(press("Enter", { shiftKey: true })), null);
    assert.equal(act(press("Enter", { ctrlKey: true })), "send-now");
    assert.equal(act(press("Enter", { metaKey: true })), "send-now");
    assert.equal(act(press("Enter"), { isTouch: true }), null);
  });

  it("leave a composition alone, in Safari too", () => {
    assert.equal(act(press("Enter", { isComposing: true })), null);
    assert.equal(act(press("Enter", { keyCode: 229 })), null);
    assert.equal(act(press("ArrowUp", { isComposing: true }), { menu: "open" }), null);
  });

  it("go through earlier messages only when the field is empty or shows one", () => {
    assert.equal(act(press("ArrowUp")), null);
    assert.equal(act(press("ArrowUp"), { isEmpty: true }), "older");
    assert.equal(act(press("ArrowUp"), { isRecalling: true }), "older");
    assert.equal(act(press("ArrowDown"), { isEmpty: true }), null);
    assert.equal(act(press("ArrowDown"), { isRecalling: true }), "newer");
  });

  it("are the menu's while it is open, but for what is whole already", () => {
    assert.equal(act(press("Enter"), { menu: "open" }), "choose");
    assert.equal(act(press("Enter"), { menu: "whole" }), "send");
    assert.equal(act(press("Tab"), { menu: "whole" }), "choose");
    assert.equal(act(press("Escape"), { menu: "open" }), "close");
    assert.equal(act(press("Enter", { ctrlKey: true }), { menu: "open" }), "send-now");
    assert.equal(act(press("Tab", { shiftKey: true }), { menu: "open" }), "next-mode");
  });

  it("search, go on to the next mode, and leave the field", () => {
    assert.equal(act(press("r", { ctrlKey: true })), "search");
    assert.equal(act(press("r", { metaKey: true })), null);
    assert.equal(act(press("Tab")), null);
    assert.equal(act(press("Escape")), "leave");
    assert.deepEqual(["default", "acceptEdits", "plan", "bypassPermissions"].map(nextMode), ["acceptEdits", "plan", "default", "default"]);
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
