// The property that all live views rest on: whatever is doubled, lost or out of order on the way, each entry is shown once.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LogEvent } from "../src/protocol.ts";
import { applyEvents, type Conversation, EMPTY } from "../src/session/conversation.ts";
import { LogFeed } from "../src/session/log-feed.ts";

const RUNS = 300;

/** A small generator with a seed, so that a failure can be had again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const KINDS: ((seq: number) => [string, object])[] = [
  (seq) => ["assistant.text", { block: `b${seq}`, parent: null, text: `text ${seq}` }],
  (seq) => ["message.user", { message_id: `m${seq % 5}`, job_id: `j${seq % 5}`, text: `hello ${seq}`, author: null }],
  (seq) => ["job.status", { job_id: `j${seq % 5}`, message_id: `m${seq % 5}`, status: ["PENDING", "PROCESSING", "COMPLETED", "CANCELLED"][seq % 4] }],
  (seq) => ["message.edited", { message_id: `m${seq % 5}`, text: `edited ${seq}` }],
  (seq) => ["tool.call", { call_id: `c${seq % 3}`, parent: null, name: "Bash", input: {} }],
  (seq) => ["tool.result", { call_id: `c${seq % 3}`, is_error: false, text: `${seq}` }],
  (seq) => ["session.changed", { changes: { title: `title ${seq}` } }],
  (seq) => ["permission.requested", { id: `p${seq % 3}`, kind: "TOOL", tool: "Bash", input: {}, suggestions: [] }],
  (seq) => ["permission.resolved", { id: `p${seq % 3}`, status: "ALLOWED", reason: "", by: null }],
];

function logOf(length: number, random: () => number): LogEvent[] {
  return Array.from({ length }, (_, index) => {
    const [kind, payload] = (KINDS[Math.floor(random() * KINDS.length)] ?? KINDS[0]!)(index + 1);
    return { seq: index + 1, kind, payload: payload as LogEvent["payload"], job_id: null, created_at: "2026-01-01T00:00:00Z" };
  });
}

const settle = async (): Promise<void> => { for (let i = 0; i < 40; i += 1) await Promise.resolve(); };

describe("LogFeed", () => {
  it("hands out every event once and in order, whatever happens on the way", async () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const random = randomFrom(seed);
      const log = logOf(5 + Math.floor(random() * 40), random);
      let grown = 1;
      const seen: number[] = [];
      let state: Conversation = EMPTY;
      const fetchEvents = async (after: number) => {
        for (let turns = Math.floor(random() * 4); turns > 0; turns -= 1) await Promise.resolve();
        if (random() < 0.2) throw new Error("lost on the way");
        const items = log.slice(after, Math.min(grown, after + 1 + Math.floor(random() * 10)));
        return { items, last_seq: grown, has_more: after + items.length < grown };
      };
      const deliver = (events: LogEvent[]): void => {
        seen.push(...events.map((event) => event.seq));
        state = applyEvents(state, events);
      };
      const feed = new LogFeed(fetchEvents, deliver, () => {});

      while (grown < log.length) {
        grown = Math.min(log.length, grown + Math.floor(random() * 4));
        // What comes by push: any event so far, doubled, early, late or not at all.
        for (let pushes = Math.floor(random() * 6); pushes > 0; pushes -= 1) feed.take(log[Math.floor(random() * grown)]!);
        if (random() < 0.3) await settle();
      }
      for (let tries = 0; feed.lastSeq < log.length && tries < 200; tries += 1) {
        feed.take(log[log.length - 1]!);
        await settle();
      }

      assert.deepEqual(seen, log.map((event) => event.seq), `seed ${seed}`);
      assert.deepEqual(state, applyEvents(EMPTY, log), `seed ${seed}`);
    }
  });

  it("fetches again when an event came while a page without it was on its way", async () => {
    const log = logOf(3, () => 0);
    const pages = [{ items: log.slice(0, 2), last_seq: 2, has_more: false }, { items: log.slice(2), last_seq: 3, has_more: false }];
    const seen: number[] = [];
    const feed = new LogFeed(async () => pages.shift() ?? { items: [], last_seq: 3, has_more: false }, (events) => void seen.push(...events.map((event) => event.seq)), () => {});
    feed.take(log[1]!);
    feed.take(log[2]!);
    await settle();

    assert.deepEqual(seen, [1, 2, 3]);
  });
});

describe("applyEvents", () => {
  it("comes to the same however the log is cut into batches, and however often parts of it come again", () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const random = randomFrom(seed);
      const log = logOf(30, random);
      let state = EMPTY;
      for (let at = 0; at < log.length; ) {
        const from = Math.max(0, at - Math.floor(random() * 8));
        const to = at + 1 + Math.floor(random() * 6);
        state = applyEvents(state, log.slice(from, to));
        at = to;
      }

      assert.deepEqual(state, applyEvents(EMPTY, log), `seed ${seed}`);
    }
  });
});
