// The reduction of the log: what is shown, in which order, and that nothing comes twice.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { saysMore } from "../src/frame/session-title.ts";
import { EVENT_KINDS, type LogEvent, type ServerFrame, type Session } from "../src/protocol.ts";
import { applyDelta, applyEvents, applyHello, blockKey, type Conversation, EMPTY, withChanges } from "../src/session/conversation.ts";
import { isInLine, isPlainlyWaiting, jobAtWork } from "../src/session/waiting.ts";

const event = (seq: number, kind: string, payload: object, jobId: string | null = "job"): LogEvent =>
  ({ seq, kind, payload: payload as LogEvent["payload"], job_id: jobId, created_at: "2026-01-01T00:00:00Z" });
const delta = (offset: number, text: string, block = "m:0") => ({ block, parent: null, kind: "text" as const, offset, text });
const texts = (state: Conversation): string[] => state.items.map((item) => ("text" in item ? item.text : item.type));

describe("applyEvents", () => {
  it("shows messages, text and the end of a turn in the order of the log", () => {
    const state = applyEvents(EMPTY, [
      event(1, "message.user", { message_id: "u", job_id: "job", text: "hello", author: { id: "1", name: "Alice" } }),
      event(2, "job.status", { job_id: "job", message_id: "u", status: "PROCESSING", progress: 0, progress_message: "", error: "" }),
      event(3, "assistant.text", { block: "m:0", parent: null, text: "Hi." }),
      event(4, "turn.completed", { is_error: false, duration_ms: 1200, input_tokens: 10, cache_read_tokens: 5, output_tokens: 2, cost_usd: "0.01" }),
      event(5, "checkpoint.created", { checkpoint_id: "c", commit: "abc", git_status: "DIRTY", files_changed: 5, files_changed_in_turn: 3 }),
    ]);

    assert.deepEqual(texts(state), ["hello", "Hi.", "footer"]);
    assert.equal(state.filesChanged.get("job"), 3);
    assert.equal(state.lastSeq, 5);
    const footer = state.items[2];
    assert.ok(footer?.type === "footer" && footer.turn.inputTokens === 15);
  });

  it("tells once why a turn failed: at its end, with what the model said", () => {
    const failed = (error: string): Conversation => applyEvents(EMPTY, [
      event(1, "agent.notice", { level: "warning", text: "It is tried again.", detail: "" }),
      event(2, "agent.notice", { level: "error", text: "The model refused.", detail: "API Error: 400" }),
      event(3, "turn.completed", { is_error: true, error }),
      event(4, "job.status", { job_id: "job", message_id: "u", status: "FAILED", error: "again" }),
    ]);
    for (const [error, told] of [["The conversation is too long.", "The conversation is too long."], ["", "The model refused."]] as const) {
      const state = failed(error);
      assert.deepEqual(texts(state), ["It is tried again.", "footer"]);
      const footer = state.items[1];
      assert.ok(footer?.type === "footer" && footer.turn.error === told && footer.detail === "API Error: 400");
    }
    const fine = applyEvents(EMPTY, [event(1, "agent.notice", { level: "error", text: "A tool is missing.", detail: "" }), event(2, "turn.completed", { is_error: false })]);
    assert.deepEqual(texts(fine), ["A tool is missing.", "footer"]);
  });

  it("puts a message that waited where its turn begins", () => {
    const status = (seq: number, job: string, word: string): LogEvent => event(seq, "job.status", { job_id: job, status: word });
    const message = (seq: number, job: string): LogEvent => event(seq, "message.user", { message_id: job, job_id: job, text: job, author: null });
    const waiting = applyEvents(EMPTY, [message(1, "a"), status(2, "a", "PROCESSING"), message(3, "b"), status(4, "b", "PENDING"), event(5, "assistant.text", { block: "m:0", parent: null, text: "done a" })]);
    assert.deepEqual(texts(waiting), ["a", "done a"]);
    assert.deepEqual(waiting.queued.map((item) => item.text), ["b"]);

    const begun = applyEvents(waiting, [status(6, "b", "PROCESSING")]);
    assert.deepEqual(texts(begun), ["a", "done a", "b"]);
    assert.equal(begun.queued.length, 0);
  });

  it("tells why a turn failed once, and which calls will have no result", () => {
    const job = (seq: number, status: string, error = ""): LogEvent => event(seq, "job.status", { job_id: "job", message_id: "u", status, error });
    const state = applyEvents(EMPTY, [
      event(1, "message.user", { message_id: "u", job_id: "job", text: "go", author: null }),
      job(2, "PROCESSING"),
      event(3, "tool.call", { call_id: "a", parent: null, name: "Bash", input: {} }),
      event(4, "tool.result", { call_id: "a", is_error: false, text: "ok" }),
      event(5, "tool.call", { call_id: "b", parent: null, name: "Bash", input: {} }),
      event(6, "agent.exited", { exit_code: null, signal: 9, stderr: "out of memory" }),
      job(7, "FAILED", "The agent ended unexpectedly (signal 9)."),
    ]);

    assert.deepEqual(texts(state), ["go", "tool", "tool", "The agent ended unexpectedly (signal 9)."]);
    const notice = state.items[3];
    assert.ok(notice?.type === "notice" && notice.detail === "out of memory" && notice.messageId === "u");
    assert.deepEqual([...state.unfinished], ["b"]);
  });

  it("tells it once also when the agent's exit is written after the failure", () => {
    const state = applyEvents(EMPTY, [
      event(1, "job.status", { job_id: "job", message_id: "u", status: "PROCESSING" }),
      event(2, "job.status", { job_id: "job", message_id: "u", status: "FAILED", error: "The agent ended unexpectedly (signal 9)." }),
      event(3, "agent.exited", { exit_code: null, signal: 9, stderr: "out of memory" }),
    ]);

    const [notice, ...more] = state.items;
    assert.ok(notice?.type === "notice" && notice.level === "failed" && notice.detail === "out of memory");
    assert.equal(more.length, 0);
  });

  it("does not repeat what the end of the turn said already", () => {
    const state = applyEvents(EMPTY, [
      event(1, "job.status", { job_id: "job", message_id: "u", status: "PROCESSING" }),
      event(2, "turn.completed", { is_error: true, error: "No credit." }),
      event(3, "job.status", { job_id: "job", message_id: "u", status: "FAILED", error: "No credit." }),
    ]);

    assert.deepEqual(texts(state), ["footer"]);
  });

  it("lets the running call run when a waiting message is cancelled", () => {
    const state = applyEvents(EMPTY, [
      event(1, "job.status", { job_id: "job", message_id: "u", status: "PROCESSING" }),
      event(2, "tool.call", { call_id: "a", parent: null, name: "Bash", input: {} }),
      event(3, "job.status", { job_id: "next", message_id: "v", status: "PENDING" }),
      event(4, "job.status", { job_id: "next", message_id: "v", status: "CANCELLED" }),
    ]);

    assert.equal(state.unfinished.size, 0);
  });

  it("takes an event once, however often it comes", () => {
    const first = event(1, "assistant.text", { block: "m:0", parent: null, text: "once" });
    const state = applyEvents(applyEvents(EMPTY, [first, first]), [first]);

    assert.deepEqual(texts(state), ["once"]);
  });

  it("leaves what was handed out before as it was", () => {
    const before = applyEvents(EMPTY, [event(1, "assistant.text", { block: "m:0", parent: null, text: "a" })]);
    applyEvents(before, [event(2, "assistant.text", { block: "m:1", parent: null, text: "b" })]);

    assert.deepEqual(texts(before), ["a"]);
  });

  it("gives the same whether events come one by one or together", () => {
    const events = [
      event(1, "tool.call", { call_id: "t", parent: null, name: "Task", input: { prompt: "look" } }),
      event(2, "tool.call", { call_id: "u", parent: "t", name: "Read", input: { file_path: "a" } }),
      event(3, "tool.result", { call_id: "u", parent: "t", is_error: false, text: "x", is_truncated: false, images: [], patch: null }),
      event(4, "tool.result", { call_id: "t", parent: null, is_error: true, text: "y", is_truncated: false, images: [], patch: null }),
    ];
    const together = applyEvents(EMPTY, events);
    const single = events.reduce((state, one) => applyEvents(state, [one]), EMPTY);

    assert.deepEqual(single, together);
    assert.equal(together.items.length, 1);
    assert.equal(together.children.get("t")?.length, 1);
    assert.equal(together.results.get("t")?.isError, true);
  });

  it("keeps a permission until it is resolved, then tells what was decided", () => {
    const asked = applyEvents(EMPTY, [event(1, "permission.requested", { id: "p", kind: "TOOL", tool: "Bash", input: { command: "ls" }, description: "", suggestions: [], cwd: "/workspace", parent: null })]);
    assert.equal(asked.pending[0]?.id, "p");
    assert.equal(asked.pending[0]?.cwd, "/workspace");

    const answered = applyEvents(asked, [event(2, "permission.resolved", { id: "p", status: "DENIED", reason: "no", by: { id: "1", name: "Bob" } })]);
    assert.equal(answered.pending.length, 0);
    assert.deepEqual(answered.resolutions.get("p"), { status: "DENIED", reason: "no", by: "Bob", byId: "1", rules: [], answers: {} });
    assert.equal(answered.items[0]?.type, "decision");
  });

  it("counts kinds that it does not know, and is not fooled by names of built-in properties", () => {
    const state = applyEvents(EMPTY, [event(1, "future.kind", {}), event(2, "constructor", {}), event(3, "__proto__", {})]);

    assert.equal(state.lastSeq, 3);
    assert.equal(state.items.length, 0);
  });

  it("survives payloads of the wrong shape", () => {
    const kinds = ["session.status", "job.status", "message.user", "turn.started", "assistant.text", "tool.call", "tool.result", "permission.requested", "permission.resolved", "agent.notice", "agent.raw", "agent.exited", "turn.completed", "checkpoint.created", "session.changed", "context.compacted", "message.edited"];
    const wrong = { changes: [1], attachments: [null, 3], rules: { a: 1 }, trigger: {}, block: 1, text: { a: 1 }, input: "x", id: null, images: "no", author: 7, parent: 3, status: [] };
    const state = applyEvents(EMPTY, kinds.map((kind, index) => event(index + 1, kind, wrong)));

    assert.equal(state.lastSeq, kinds.length);
  });
});

describe("a call that had to be allowed", () => {
  it("runs from the moment that somebody allowed it, also within a sub-agent", () => {
    const ask = (seq: number, id: string, command: string, parent: string | null): LogEvent => event(seq, "permission.requested", { id, kind: "TOOL", tool: "Bash", input: { command }, suggestions: [], parent });
    const call = (seq: number, id: string, command: string, parent: string | null = null): LogEvent => event(seq, "tool.call", { call_id: id, parent, name: "Bash", input: { command } });
    const allowed = (seq: number, id: string, status = "ALLOWED"): LogEvent => ({ ...event(seq, "permission.resolved", { id, status, by: null }), created_at: "2026-01-01T00:09:00Z" });
    const state = applyEvents(EMPTY, [call(1, "a", "ls"), call(2, "b", "rm x"), call(3, "c", "rm x", "b"), ask(4, "p", "rm x", "b"), allowed(5, "p"), ask(6, "q", "ls", null), allowed(7, "q", "DENIED")]);
    const since = [...state.items, ...(state.children.get("b") ?? [])].flatMap((item) => (item.type === "tool" ? [[item.callId, item.allowedAt]] : []));

    assert.deepEqual(since, [["a", undefined], ["b", undefined], ["c", "2026-01-01T00:09:00Z"]]);
  });
});

describe("a model that does not answer", () => {
  const retried = (seq: number, attempt: number): LogEvent => event(seq, "agent.notice", { level: "warning", text: `The model was overloaded. Retrying (attempt ${attempt} of 8)…`, detail: `529 #${attempt}` });

  it("is one thing, however often it was asked again", () => {
    const first = applyEvents(EMPTY, [retried(1, 1), retried(2, 2)]);
    const state = applyEvents(first, [retried(3, 3), event(4, "assistant.text", { block: "m:0", parent: null, text: "So." }), retried(5, 1)]);

    assert.deepEqual(state.items.map((item) => (item.type === "retried" ? [item.key, item.details.length] : item.type)), [["e1", 3], "text", ["e5", 1]]);
    assert.deepEqual(first.items.map((item) => item.type === "retried" && item.details), [["529 #1", "529 #2"]]);
  });
});

describe("a question that was answered", () => {
  it("keeps what was said to it", () => {
    const answers = { "Which?": "That" };
    const state = applyEvents(EMPTY, [event(1, "permission.resolved", { id: "p", status: "ALLOWED", by: null, answers })]);
    assert.deepEqual(state.resolutions.get("p")?.answers, answers);
  });
});

describe("a turn that is interrupted", () => {
  it("says so once", () => {
    const text = "The turn was interrupted.";
    const { items } = applyEvents(EMPTY, [event(1, "agent.notice", { level: "info", text, detail: "" }), event(2, "turn.completed", { is_error: true, error: text })]);
    assert.deepEqual(items.map((item) => (item.type === "footer" ? item.turn.isTold : item.type)), ["notice", true]);
  });
});

describe("a session's title", () => {
  it("is shown where it says more than the name", () => {
    assert.equal(saysMore("Run the tests find out", "Run the tests, find out why"), false);
    assert.equal(saysMore("決済を直す", "決済"), false);
    assert.equal(saysMore("Mend the cookie", "fix-login"), true);
    assert.equal(saysMore("", "fix-login"), false);
  });
});

describe("the queue", () => {
  const message = (seq: number, id: string): LogEvent => event(seq, "message.user", { message_id: id, job_id: `j${id}`, text: id, author: null, attachments: [{ id: "i", media_type: "image/png", size: 3 }, { id: 7 }] });
  const job = (seq: number, id: string, status: string, more = {}): LogEvent => event(seq, "job.status", { job_id: `j${id}`, message_id: id, status, ...more });

  it("shows a message as it was last edited, with its images", () => {
    const state = applyEvents(EMPTY, [message(1, "a"), job(2, "a", "PENDING"), event(3, "message.edited", { message_id: "a", text: "better", by: null })]);

    assert.deepEqual(state.queued.map((item) => [item.text, item.isEdited, item.attachments.length]), [["better", true, 1]]);
    assert.equal(applyEvents(state, [job(4, "a", "PROCESSING")]).items[0]?.type, "user");
  });

  it("marks what was removed before the agent had it, and not what was cancelled at work", () => {
    const removed = applyEvents(EMPTY, [message(1, "a"), job(2, "a", "CANCELLED", { progress_message: "Removed by Bob." })]);
    const stopped = applyEvents(EMPTY, [message(1, "a"), job(2, "a", "PROCESSING"), job(3, "a", "CANCELLED")]);

    assert.ok(removed.items[0]?.type === "user" && removed.items[0].isWithdrawn);
    assert.ok(stopped.items[0]?.type === "user" && !stopped.items[0].isWithdrawn);
  });

  it("waits only where something is in the way", () => {
    const sent = applyEvents(EMPTY, [message(1, "a"), job(2, "a", "PENDING")]);
    const behind = applyEvents(sent, [job(3, "b", "PROCESSING")]);

    assert.deepEqual([isPlainlyWaiting(sent, {}), isPlainlyWaiting(sent, { ja: 4 }), isPlainlyWaiting(behind, {})], [false, true, true]);
    assert.deepEqual([isInLine(sent, {}), isInLine(sent, { ja: 4 }), isInLine(behind, { ja: 4 })], [false, true, false]);
  });

  it("names the turn that is interrupted, and none that waits or is over", () => {
    const sent = applyEvents(EMPTY, [message(1, "a"), job(2, "a", "PENDING")]);
    const begun = applyEvents(sent, [job(3, "a", "PROCESSING"), job(4, "b", "PENDING")]);
    const ended = applyEvents(begun, [job(5, "a", "COMPLETED")]);

    assert.deepEqual([sent, begun, ended].map(jobAtWork), [undefined, "ja", undefined]);
  });
});

describe("turns of the agent's own", () => {
  it("are marked where they begin, once", () => {
    const own = (seq: number, status: string): LogEvent => event(seq, "job.status", { job_id: "own", message_id: null, trigger: "AGENT", status });
    const state = applyEvents(EMPTY, [own(1, "PROCESSING"), own(2, "PROCESSING"), own(3, "COMPLETED")]);

    assert.deepEqual(texts(state), ["begun"]);
  });
});

describe("withChanges", () => {
  const session = { name: "a", model: "sonnet", last_seq: 5, context_tokens: 1 } as Session;
  const changed = (seq: number, changes: object): LogEvent => event(seq, "session.changed", { changes });

  it("takes the newest value of what changed after the session was read", () => {
    const { changes } = applyEvents(EMPTY, [changed(5, { name: "old" }), changed(6, { model: "opus" }), changed(7, { model: "haiku", context_tokens: 9 })]);

    assert.deepEqual(withChanges(session, changes), { ...session, model: "haiku", context_tokens: 9 });
  });

  it("leaves out what is of the wrong shape or not to be changed", () => {
    const { changes } = applyEvents(EMPTY, [changed(6, { model: 7, background: "x", id: "other", constructor: "y" }), event(7, "session.changed", { changes: "no" })]);

    assert.equal(withChanges(session, changes), session);
  });
});

describe("applyDelta", () => {
  it("gives a block that streams the key of the text that it becomes, and no key twice", () => {
    const done = (seq: number): LogEvent => event(seq, "assistant.text", { block: "m:0", parent: null, text: "abc" });
    const state = applyEvents(applyDelta(EMPTY, delta(0, "abc")), [done(1), done(2)]);
    assert.deepEqual(state.items.map((item) => item.key), [blockKey("m:0"), "e2"]);
  });

  it("joins pieces by offset, counting code points", () => {
    const state = applyDelta(applyDelta(EMPTY, delta(0, "héllo 🚀")), delta(7, "!"));

    assert.equal(state.live[0]?.text, "héllo 🚀!");
  });

  it("takes of an overlapping piece only what is new", () => {
    const state = applyDelta(applyDelta(EMPTY, delta(0, "🚀🚀ab")), delta(2, "abcd"));

    assert.equal(state.live[0]?.text, "🚀🚀abcd");
  });

  it("leaves out a piece that does not fit on, and one that is known", () => {
    const state = applyDelta(EMPTY, delta(0, "abc"));

    assert.equal(applyDelta(state, delta(9, "x")), state);
    assert.equal(applyDelta(state, delta(0, "abc")), state);
  });

  it("gives way to the final text, also when it comes late", () => {
    const done = applyEvents(applyDelta(EMPTY, delta(0, "ab")), [event(1, "assistant.text", { block: "m:0", parent: null, text: "abc" })]);

    assert.equal(done.live.length, 0);
    assert.equal(applyDelta(done, delta(0, "ab")), done);
  });

  it("goes on from the text that the server had when we connected", () => {
    const state = applyDelta(applyHello(EMPTY, { block: "m:0", parent: null, kind: "text", text: "abc" }), delta(3, "d"));

    assert.equal(state.live[0]?.text, "abcd");
    assert.equal(applyHello(state, {}).live.length, 0);
  });
});

describe("golden frames", () => {
  const folder = join(process.cwd(), "..", "tests", "protocol");
  const frames = readdirSync(folder).filter((name) => name.endsWith(".json")).map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as ServerFrame);
  const events = frames.filter((frame) => frame.type === "event").sort((a, b) => a.seq - b.seq);

  it("hold every kind of event, and each is understood", () => {
    assert.deepEqual([...new Set(events.map((one) => one.kind))].sort(), [...EVENT_KINDS].sort());
    const message = events.find((one) => one.kind === "message.user");
    assert.ok(message);
    // A message waits, since an edit of one that is not there changes nothing.
    const begun: Conversation = { ...applyEvents(EMPTY, [{ ...message, seq: 0.5 }]), live: [{ block: "b", parent: null, kind: "text", text: "", length: 0 }] };
    for (const one of events) {
      const state = applyEvents(begun, [one]);
      assert.equal(state.lastSeq, one.seq);
      const { lastSeq: _, ...changed } = state;
      const { lastSeq: __, ...before } = applyEvents(begun, [event(one.seq, "unknown", {})]);
      if (one.kind !== "turn.started") assert.notDeepEqual(changed, before, one.kind);
    }
  });

  it("join the text of hello with the delta that follows", () => {
    const hello = frames.find((frame) => frame.type === "hello");
    const next = frames.find((frame) => frame.type === "delta");
    assert.ok(hello?.type === "hello" && next?.type === "delta");

    assert.equal(applyDelta(applyHello(EMPTY, hello.live), next).live[0]?.text, "All tests pass.");
  });
});
