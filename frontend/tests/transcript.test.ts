// What is held of a log: whatever pages it came in, and wherever they were cut, it is the same conversation as of the whole log.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LogEvent } from "../src/protocol.ts";
import { applyEvents, EMPTY } from "../src/session/conversation.ts";
import { History } from "../src/session/history.ts";
import { Transcript } from "../src/session/transcript.ts";

const event = (seq: number, kind: string, payload: object): LogEvent =>
  ({ seq, kind, payload: payload as LogEvent["payload"], job_id: `j${Math.floor(seq / 9)}`, created_at: new Date(seq * 1000).toISOString() });

const KINDS: ((seq: number, some: number) => [string, object])[] = [
  (seq) => ["assistant.text", { block: `b${seq}`, parent: null, text: `text ${seq}` }],
  (seq, some) => ["assistant.thinking", { block: `b${seq - (some % 3)}`, parent: some % 2 ? "c1" : null, text: `thought ${seq}` }],
  (seq, some) => ["message.user", { message_id: `m${some % 5}`, job_id: `j${some % 5}`, text: `hello ${seq}`, author: null }],
  (_, some) => ["job.status", { job_id: `j${some % 5}`, message_id: `m${some % 5}`, status: ["PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"][some % 5] }],
  (seq, some) => ["message.edited", { message_id: `m${some % 5}`, text: `edited ${seq}` }],
  (_, some) => ["tool.call", { call_id: `c${some % 4}`, parent: some % 3 ? null : "c1", name: "Bash", input: {} }],
  (seq, some) => ["tool.result", { call_id: `c${some % 4}`, is_error: false, text: `${seq}` }],
  (seq) => ["session.changed", { changes: { title: `title ${seq}` } }],
  () => ["session.status", { status: "RUNNING", reason: "", git_status: "CLEAN" }],
  (_, some) => ["permission.requested", { id: `p${some % 3}`, kind: "TOOL", tool: "Bash", input: {}, suggestions: [] }],
  (_, some) => ["permission.resolved", { id: `p${some % 3}`, status: "ALLOWED", reason: "", by: null }],
  () => ["turn.completed", { is_error: false, duration_ms: 5 }],
  (seq) => ["checkpoint.created", { checkpoint_id: `k${seq}`, git_status: "DIRTY", files_changed: 2 }],
];

/** A small generator with a seed, so that a failure can be had again. */
function numbers(seed: number): () => number {
  let state = seed * 2654435761;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) | 0;
    return Math.abs(state ^ (state >>> 13));
  };
}

function logOf(length: number, seed: number): LogEvent[] {
  const next = numbers(seed);
  return Array.from({ length }, (_, index) => event(index + 1, ...(KINDS[next() % KINDS.length] ?? KINDS[0]!)(index + 1, next())));
}

const begun = (items: LogEvent[]): Transcript => {
  const transcript = new Transcript();
  transcript.begin({ items, has_more: (items[0]?.seq ?? 1) > 1 });
  return transcript;
};

describe("Transcript", () => {
  it("makes of a log that is cut anywhere, and prepended, what the whole log makes", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const log = logOf(50, seed);
      const whole = applyEvents(EMPTY, log);
      for (let cut = 0; cut <= log.length; cut += 1) {
        const transcript = begun(log.slice(cut));
        if (cut < log.length) transcript.prepend({ items: log.slice(0, cut), has_more: false });
        else transcript.append(log);

        assert.deepEqual(transcript.conversation, whole, `seed ${seed}, cut at ${cut}`);
        assert.equal(transcript.hasEarlier, false);
      }
    }
  });

  it("comes to the same with many small pages while new events come in between", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const log = logOf(80, seed);
      const next = numbers(seed + 99);
      let [from, to] = [50, 60];
      const transcript = begun(log.slice(from, to));
      while (from > 0 || to < log.length) {
        const older = Math.max(0, from - 1 - (next() % 9));
        transcript.prepend({ items: log.slice(older, from) });
        from = older;
        const newer = Math.min(log.length, to + (next() % 4));
        transcript.append(log.slice(Math.max(0, to - 2), newer));
        to = newer;
      }

      assert.deepEqual(transcript.conversation, applyEvents(EMPTY, log), `seed ${seed}`);
    }
  });

  it("shows a page right away with what it refers to, and each of it once when the page before comes", () => {
    const log = [
      event(1, "message.user", { message_id: "m", job_id: "j", text: "go", author: null }),
      event(2, "job.status", { job_id: "j", message_id: "m", status: "PENDING" }),
      event(3, "tool.call", { call_id: "c", parent: null, name: "Bash", input: {} }),
      event(4, "job.status", { job_id: "j", message_id: "m", status: "PROCESSING" }),
      event(5, "tool.result", { call_id: "c", is_error: false, text: "ok" }),
    ];
    const transcript = new Transcript();
    transcript.begin({ items: log.slice(3), carried: [log[0]!, log[2]!], has_more: true });
    assert.deepEqual(transcript.conversation.items.map((item) => item.key), ["e3", "e1"]);

    transcript.prepend({ items: log.slice(0, 3), has_more: false });
    assert.deepEqual(transcript.conversation, applyEvents(EMPTY, log));
  });

  it("keeps what streams, and what is known of the session, while older parts come and go", () => {
    const log = logOf(40, 7).filter((one) => one.kind !== "assistant.thinking");
    const renumbered = log.map((one, index) => ({ ...one, seq: index + 1 }));
    const transcript = begun(renumbered.slice(20));
    transcript.delta({ block: "live", parent: null, kind: "text", offset: 0, text: "abc" });
    transcript.prepend({ items: renumbered.slice(0, 20) });
    assert.equal(transcript.conversation.live[0]?.text, "abc");

    const { changes, checkpoints } = transcript.conversation;
    transcript.shorten({ items: renumbered.slice(-5), has_more: true });
    assert.equal(transcript.first, renumbered.length - 4);
    assert.equal(transcript.conversation.live[0]?.text, "abc");
    assert.deepEqual(transcript.conversation.changes, changes);
    assert.equal(transcript.conversation.checkpoints, checkpoints);
  });

  it("takes no page that leaves a gap", () => {
    const log = logOf(30, 3);
    const transcript = begun(log.slice(20));

    assert.equal(transcript.prepend({ items: log.slice(0, 10), has_more: false }), false);
    assert.equal(transcript.first, 21);
  });
});

describe("History", () => {
  const log = logOf(5000, 5);
  const before = async (seq: number, limit: number) => {
    const from = Math.max(0, Math.min(log.length, seq - 1) - limit);
    asked.push(limit);
    return { items: log.slice(from, seq - 1), has_more: from > 0 };
  };
  const asked: number[] = [];
  const after = async (seq: number) => ({ items: log.slice(seq, seq + 1000) });
  const fetch = { before, after };

  it("loads as far back as asked, one page at a time", async () => {
    const transcript = begun(log.slice(-300));
    const history = new History(transcript, fetch, () => {});
    await Promise.all([history.earlier(), history.earlier()]);
    assert.equal(transcript.first, 4401);

    assert.equal(await history.until(3456), true);
    assert.ok(transcript.first <= 3456 && transcript.first > 2456 && !history.hasLater);
  });

  it("shows what is far back without what lies between", async () => {
    const transcript = begun(log.slice(-300));
    const history = new History(transcript, fetch, () => {});
    asked.length = 0;

    assert.equal(await history.until(1234), true);

    assert.deepEqual(asked, [300]);
    assert.ok(history.hasLater && history.hasEarlier && history.first <= 1234);
    assert.equal(transcript.first, 4701);
    assert.ok(history.conversation.lastSeq >= 1234 && history.conversation.lastSeq < 2000);

    // The end goes on by itself meanwhile, and is there at once.
    transcript.append([{ ...log[0]!, seq: 5001 }]);
    assert.ok(history.conversation.lastSeq < 2000);
    history.toEnd();
    assert.equal(history.conversation, transcript.conversation);
    assert.equal(history.conversation.lastSeq, 5001);
  });

  it("becomes one with the end when somebody reads on to there", async () => {
    const transcript = begun(log.slice(-300));
    const history = new History(transcript, fetch, () => {});
    await history.until(2);
    assert.ok(history.hasLater && !history.hasEarlier);

    for (let pages = 0; history.hasLater && pages < 10; pages += 1) assert.equal(await history.later(), true);

    assert.equal(history.hasLater, false);
    assert.deepEqual(history.conversation, applyEvents(EMPTY, log));
    assert.equal(await history.later(), false);
  });

  it("goes from one place far back to another, and to what is near from there", async () => {
    const transcript = begun(log.slice(-300));
    const history = new History(transcript, fetch, () => {});
    await history.until(1000);
    await history.until(3000);
    assert.ok(history.first <= 3000 && history.first > 2000);
    asked.length = 0;
    await history.until(2500);
    assert.ok(history.hasLater && history.first <= 2500 && asked.every((limit) => limit === 1000));
    assert.equal(await history.until(4900), true);
    assert.equal(history.hasLater, false);
  });

  it("keeps what is read apart while very much comes in at the end, and lets go of the end's beginning", async () => {
    const long = logOf(7000, 9);
    const transcript = begun(long.slice());
    const history = new History(transcript, { after, before: async (seq, limit) => ({ items: long.slice(Math.max(0, seq - 1 - limit), seq - 1), has_more: true }) }, () => {});

    await history.stay();

    assert.ok(history.hasLater && transcript.size <= 1000);
    assert.deepEqual(history.conversation.items, applyEvents(EMPTY, long).items);
  });

  it("lets go of what is far back, and loads it again", async () => {
    const transcript = begun(log.slice());
    const history = new History(transcript, fetch, () => {});
    await history.shorten();
    assert.ok(transcript.size <= 1000 && history.hasEarlier);

    while (history.hasEarlier) await history.earlier(1000);
    assert.deepEqual(transcript.conversation, applyEvents(EMPTY, log));
  });

  it("lets go of nothing that somebody reads by the time", async () => {
    const transcript = begun(log.slice());
    const history = new History(transcript, fetch, () => {});
    await history.shorten(() => false);
    assert.equal(transcript.first, 1);
  });

  it("tells what failed, and can be asked again", async () => {
    const transcript = begun(log.slice(-10));
    let isDown = true;
    const history = new History(transcript, { after, before: async (seq, limit) => { if (isDown) throw new Error("away"); return before(seq, limit); } }, () => {});
    assert.equal(await history.earlier(), false);
    assert.ok(history.error instanceof Error && !history.isLoading);

    isDown = false;
    assert.equal(await history.earlier(), true);
    assert.equal(history.error, null);
  });
});
