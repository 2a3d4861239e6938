// The tree as data: order, pins, what is news, changes as they are told.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { arranged, changed, filtered, inTreeOrder, isUnread, type Mark, moved, type Tree, treeOf, type TreeSession, withMark } from "../src/frame/tree-model.ts";

const session = (id: string, fields: Partial<TreeSession> = {}): TreeSession => ({
  id, project_id: "p", author_id: "me", name: id, title: "", branch: `slipway/${id}`, status: "WAITING_INPUT", is_waiting: false, git_status: "CLEAN",
  last_seq: 5, created_at: `2026-01-0${id.charCodeAt(0) - 96}T00:00:00Z`, updated_at: "", ...fields,
});
const mark = (id: string, fields: Partial<Mark> = {}): Mark => ({ session_id: id, last_read_seq: 0, is_pinned: false, position: null, ...fields });
const tree = (sessions: TreeSession[], marks: Mark[] = []): Tree => treeOf({ projects: [{ id: "p", name: "shop", status: "READY", created_at: "" }], sessions, marks });
const ids = (shown: Tree): string[] => inTreeOrder(arranged(shown, "me")).map((one) => one.id);

describe("arranged", () => {
  it("has the newest first, before those that were put in order, and pinned ones on top", () => {
    const all = [session("a"), session("b"), session("c"), session("d")];

    assert.deepEqual(ids(tree(all)), ["d", "c", "b", "a"]);
    assert.deepEqual(ids(tree(all, [mark("a", { position: 0 }), mark("c", { position: 1 })])), ["d", "b", "a", "c"]);
    assert.deepEqual(ids(tree(all, [mark("b", { is_pinned: true })])), ["b", "d", "c", "a"]);
  });

  it("has no session of a project that is gone", () => assert.deepEqual(ids(tree([session("a", { project_id: "other" })])), []));
});

describe("isUnread", () => {
  const isNews = (fields: Partial<TreeSession>, marks: Mark[] = []): boolean | undefined => {
    const found = inTreeOrder(arranged(tree([session("a", fields)], marks), "me"))[0];
    return found && isUnread(found);
  };

  it("is what one's own sessions did since one looked", () => {
    assert.equal(isNews({}), true);
    assert.equal(isNews({}, [mark("a", { last_read_seq: 5 })]), false);
    assert.equal(isNews({ last_seq: 6 }, [mark("a", { last_read_seq: 5 })]), true);
    assert.equal(isNews({ last_seq: 0 }), false);
  });

  it("is not what others' sessions did before one ever looked", () => {
    assert.equal(isNews({ author_id: "you" }), false);
    assert.equal(isNews({ author_id: "you" }, [mark("a", { last_read_seq: 2 })]), true);
  });
});

describe("changed", () => {
  it("takes what is new, lets go of what is gone, and keeps the rest", () => {
    const before = tree([session("a"), session("b")], [mark("a", { is_pinned: true })]);
    const after = changed(before, { sessions: [session("c"), session("b", { name: "better" })], gone: ["a"], marks: [mark("b", { is_pinned: true })] });

    assert.deepEqual(inTreeOrder(arranged(after, "me")).map((one) => one.name), ["better", "c"]);
    assert.deepEqual(ids(before), ["a", "b"]);
  });

  it("changes of a mark what is named", () => {
    const marked = withMark(tree([session("a")], [mark("a", { last_read_seq: 3, position: 2 })]), "a", { is_pinned: true });

    assert.deepEqual(marked.marks.get("a"), mark("a", { last_read_seq: 3, position: 2, is_pinned: true }));
  });
});

describe("filtered", () => {
  it("finds by words of the session or its project", () => {
    const shown = arranged(tree([session("a", { name: "fix-login" }), session("b", { name: "docs", title: "Write the guide" })]), "me");
    const found = (text: string): string[] => inTreeOrder(filtered(shown, text)).map((one) => one.name);

    assert.deepEqual(found("LOGIN shop"), ["fix-login"]);
    assert.deepEqual(found("guide"), ["docs"]);
    assert.deepEqual(found("nothing"), []);
    assert.equal(filtered(shown, "nothing").groups.length, 0);
  });
});

describe("moved", () => {
  it("puts one elsewhere, or says that there is no place", () => {
    assert.deepEqual(moved(["a", "b", "c"], "a", 1), ["b", "a", "c"]);
    assert.deepEqual(moved(["a", "b", "c"], "c", 0), ["c", "a", "b"]);
    assert.equal(moved(["a", "b"], "a", -1), null);
    assert.equal(moved(["a", "b"], "b", 2), null);
    assert.equal(moved(["a", "b"], "x", 0), null);
  });
});
