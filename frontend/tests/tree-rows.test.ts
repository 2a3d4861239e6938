// The rows of the tree, and what the palette finds.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Choice, find } from "../src/frame/choices.ts";
import { arranged, treeOf, type TreeSession } from "../src/frame/tree-model.ts";
import { ARCHIVED, idsOfGroup, type Look, PINNED, rowsOf } from "../src/frame/tree-rows.ts";

const session = (number: number, fields: Partial<TreeSession> = {}): TreeSession => ({
  id: `s${number}`, project_id: "p", author_id: "me", name: `name ${number}`, title: "", branch: "b", status: "STOPPED", is_waiting: false, git_status: "CLEAN",
  last_seq: 0, created_at: `2026-01-01T00:00:${String(60 - number).padStart(2, "0")}Z`, updated_at: "", ...fields,
});
const many = (count: number, fields: (number: number) => Partial<TreeSession> = () => ({})): TreeSession[] => Array.from({ length: count }, (_, at) => session(at, fields(at)));
const look = (fields: Partial<Look> = {}): Look => ({ text: "", current: "", isFolded: () => false, isWhole: () => false, archived: null, ...fields });
const shown = (sessions: TreeSession[], fields: Partial<Look> = {}, pinned: string[] = []): string[] =>
  rowsOf(arranged(treeOf({ projects: [{ id: "p", name: "shop", status: "READY", created_at: "" }], sessions, marks: pinned.map((id) => ({ session_id: id, last_read_seq: 0, is_pinned: true, position: null })) }), "me"), look(fields))
    .map((row) => row.key);

describe("rowsOf", () => {
  it("shows the first few, how many more there are, and all when asked", () => {
    assert.deepEqual(shown(many(12)), ["p", ..."01234567".split("").map((at) => `s${at}`), "more-p", ARCHIVED]);
    assert.equal(shown(many(12), { isWhole: () => true }).length, 14);
    assert.equal(shown(many(10)).includes("more-p"), false);
  });

  it("never hides the one that is shown, nor one that waits or runs", () => {
    const rows = shown(many(20, (at) => ({ is_waiting: at === 15, status: at === 16 ? "RUNNING" : "STOPPED" })), { current: "s19" });

    assert.ok(rows.includes("s15") && rows.includes("s16") && rows.includes("s19"));
    assert.equal(rows.includes("s18"), false);
  });

  it("folds a project to its own row, unless something is looked for", () => {
    assert.deepEqual(shown(many(3), { isFolded: (group) => group === "p" }), ["p", ARCHIVED]);
    assert.deepEqual(shown(many(3), { isFolded: () => true, text: "name 2" }), ["p", "s2"]);
    assert.deepEqual(shown(many(3), { text: "nothing" }), []);
  });

  it("has pinned ones in a group of their own and archived ones at the end", () => {
    assert.deepEqual(shown(many(2), { archived: [{ id: "old", name: "old", project_id: "p" }] }, ["s1"]), [PINNED, "s1", "p", "s0", ARCHIVED, "old"]);
    assert.deepEqual(shown([], { archived: [] }), ["p", "none-p", ARCHIVED, `none-${ARCHIVED}`]);
  });
});

describe("idsOfGroup", () => {
  it("has all of a group, also what is not shown", () => {
    const all = arranged(treeOf({ projects: [{ id: "p", name: "shop", status: "READY", created_at: "" }], sessions: many(12), marks: [] }), "me");

    assert.equal(idsOfGroup(all, "p").length, 12);
    assert.deepEqual(idsOfGroup(all, PINNED), []);
  });
});

describe("find", () => {
  const choices: Choice[] = [
    { id: "stop", title: "Stop the agent", group: "This session", detail: "" },
    { id: "a", title: "fix-login", group: "Sessions", detail: "shop", href: "/sessions/a/" },
    { id: "b", title: "add-logout", group: "Sessions", detail: "shop", href: "/sessions/b/" },
    { id: "p", title: "shop", group: "Projects", detail: "", href: "/projects/p/" },
  ];
  const found = (query: string, recent: string[] = [], current = ""): string[] => find(choices, query, recent, current).flatMap((section) => section.found.map(({ choice }) => choice.id));

  it("has what was used last on top, without the one that is shown", () => {
    assert.deepEqual(found("", ["b", "a"], "b"), ["a", "stop", "p"]);
  });

  it("prefers what was used last among what matches alike", () => {
    assert.deepEqual(found("log"), ["a", "b"]);
    assert.deepEqual(found("log", ["b"]), ["b", "a"]);
  });

  it("finds sessions by their project too, after the project itself", () => assert.deepEqual(found("shop"), ["p", "a", "b"]));
});
