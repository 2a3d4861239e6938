// What happened between two looks, and how many wait.

import assert from "node:assert/strict";
import { test } from "node:test";
import { happenings, type Summary, waitingFor } from "../src/attention/transitions.ts";

const session = (fields: Partial<Summary>): Summary => ({ id: "a", project_id: "p", name: "a", status: "RUNNING", is_waiting: false, is_mine: true, ...fields });
const kinds = (before: Partial<Summary>, now: Partial<Summary>): string[] => happenings(new Map([["a", session(before)]]), [session(now)]).map(({ kind }) => kind);

test("a session that begins to wait, ends or fails is told of", () => {
  assert.deepEqual(kinds({}, { is_waiting: true }), ["waiting"]);
  assert.deepEqual(kinds({}, { status: "COMPLETED" }), ["ended"]);
  assert.deepEqual(kinds({ status: "INITIALIZING" }, { status: "WAITING_INPUT" }), ["ended"]);
  assert.deepEqual(kinds({}, { status: "ERROR" }), ["failed"]);
  assert.deepEqual(kinds({ is_waiting: true }, { status: "COMPLETED" }), ["ended"]);
  assert.deepEqual(kinds({ status: "WAITING_INPUT", is_waiting: true }, { status: "COMPLETED" }), ["ended"]);
});

test("what goes on, is stopped, or was so before is not", () => {
  assert.deepEqual(kinds({ is_waiting: true }, { is_waiting: true }), []);
  assert.deepEqual(kinds({ status: "COMPLETED" }, { status: "COMPLETED" }), []);
  assert.deepEqual(kinds({ status: "ERROR" }, { status: "ERROR" }), []);
  assert.deepEqual(kinds({}, { status: "STOPPED" }), []);
  assert.deepEqual(kinds({ is_waiting: true }, {}), []);
});

test("other people's sessions, and those seen for the first time, are not", () => {
  assert.deepEqual(kinds({}, { is_waiting: true, is_mine: false }), []);
  assert.deepEqual(happenings(new Map(), [session({ is_waiting: true })]), []);
});

test("the number is of one's own that wait, without the one that is looked at", () => {
  const all = [session({ is_waiting: true }), session({ id: "b", is_waiting: true }), session({ id: "c", is_waiting: true, is_mine: false }), session({ id: "d" })];
  assert.equal(waitingFor(all, null), 2);
  assert.equal(waitingFor(all, "b"), 1);
});
