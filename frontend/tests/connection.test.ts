// The connection: resumes where it was, fills gaps, backs off, falls back to SSE, gives up only when told to.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import type { LogEvent } from "../src/protocol.ts";
import { Connection } from "../src/session/connection.ts";
import type { EventPage } from "../src/session/log-feed.ts";
import type { ConnectionState } from "../src/session/surroundings.ts";

const event = (seq: number): LogEvent => ({ seq, kind: "agent.notice", payload: {}, job_id: null, created_at: "" });

class FakeSocket {
  readyState = 1;
  sent: string[] = [];
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor(readonly after: number) {}
  send(text: string): void { this.sent.push(text); }
  close(): void { this.readyState = 3; }
  say(frame: object): void { this.onmessage?.({ data: JSON.stringify(frame) }); }
  end(code: number): void { this.readyState = 3; this.onclose?.({ code }); }
}

class FakeStream extends EventTarget {
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly after: number) { super(); }
  close(): void {}
  say(kind: string, data: object): void { this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data) })); }
}

const settle = async (): Promise<void> => { for (let i = 0; i < 20; i += 1) await Promise.resolve(); };

const isDown = Object.assign(new Error("away"), { status: 0 });
const HELLO = { type: "hello", session: {}, last_seq: 0, live: {} };

function setUp(pages: (EventPage | Error | Promise<EventPage>)[] = []) {
  const sockets: FakeSocket[] = [];
  const streams: FakeStream[] = [];
  const seen: number[] = [];
  const states: ConnectionState[] = [];
  const asked: number[] = [];
  const notes: unknown[] = [];
  const listener = {
    hello: (_session: unknown, _live: unknown, version: string) => void notes.push(version), delta: () => {}, reset: () => void notes.push("reset"), page: (page: { items: readonly LogEvent[] }) => void seen.push(...page.items.map((one) => one.seq)),
    places: (places: object) => void notes.push(places),
    events: (events: LogEvent[]) => void seen.push(...events.map((one) => one.seq)),
    state: (state: ConnectionState) => void states.push(state),
  };
  const connection = new Connection(listener, {
    openSocket: (after) => { const socket = new FakeSocket(after); sockets.push(socket); return socket as unknown as WebSocket; },
    openStream: (after) => { const stream = new FakeStream(after); streams.push(stream); return stream as unknown as EventSource; },
    fetchEvents: async (after) => { 
      asked.push(after);
      const page = pages.shift() ?? { items: [], last_seq: after, has_more: false };
      if (page instanceof Error) throw page;
      return page;
    },
    fetchNewest: async () => ({ items: [], last_seq: 0, has_more: false }),
    random: () => 1,
  });
  return { connection, sockets, streams, seen, states, asked, notes };
}

describe("Connection", () => {
  beforeEach(() => { mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] }); globalThis.WebSocket ??= { OPEN: 1 } as never; });
  afterEach(() => mock.timers.reset());

  it("ends when an answer says that the session is gone", async () => {
    const { connection, sockets, states } = setUp();
    connection.open();
    sockets[0]?.say({ type: "hello", session: {}, last_seq: 0, live: {} });

    assert.equal(connection.end(404), true);
    mock.timers.tick(60_000);

    assert.deepEqual(states.slice(-1), ["gone"]);
    assert.equal(sockets.length, 1);
    assert.equal(connection.end(500), false);
  });

  it("resumes after the last event that it has", () => {
    const { connection, sockets, seen } = setUp();
    connection.open();
    sockets[0]?.say({ type: "hello", session: {}, last_seq: 2, live: {} });
    sockets[0]?.say({ type: "event", ...event(1) });
    sockets[0]?.say({ type: "event", ...event(2) });
    sockets[0]?.say({ type: "event", ...event(2) });
    sockets[0]?.end(1006);
    mock.timers.tick(500);

    assert.deepEqual(seen, [1, 2]);
    assert.equal(sockets[1]?.after, 2);
    connection.close();
  });

  it("fetches what a gap left out, page by page", async () => {
    const { connection, sockets, seen, asked } = setUp([
      { items: [event(1), event(2)], last_seq: 4, has_more: true },
      { items: [event(3), event(4)], last_seq: 4, has_more: false },
    ]);
    connection.open();
    sockets[0]?.say({ type: "event", ...event(4) });
    await settle();
    sockets[0]?.say({ type: "event", ...event(5) });

    assert.deepEqual(seen, [1, 2, 3, 4, 5]);
    assert.deepEqual(asked, [0, 2]);
    connection.close();
  });

  it("waits after a failure, and starts over after a success", () => {
    const { connection, sockets, states } = setUp();
    connection.open();
    sockets[0]?.say(HELLO);
    sockets[0]?.end(1006);
    mock.timers.tick(499);
    assert.equal(sockets.length, 1);
    mock.timers.tick(1);
    assert.equal(sockets.length, 2);
    sockets[1]?.say(HELLO);
    sockets[1]?.end(1006);
    mock.timers.tick(500);

    assert.equal(sockets.length, 3);
    assert.deepEqual(states, ["connecting", "open", "reconnecting", "open", "reconnecting"]);
    connection.close();
  });

  it("does not come back after 4401, 4403 and 4404", () => {
    for (const [code, expected] of [[4401, "signed-out"], [4403, "forbidden"], [4404, "gone"]] as const) {
      const { connection, sockets, states } = setUp();
      connection.open();
      sockets[0]?.end(code);
      mock.timers.tick(60_000);

      assert.equal(sockets.length, 1);
      assert.equal(states.at(-1), expected);
    }
  });

  it("says why it was closed when the server said so, and waits longer when that is busy", () => {
    const { connection, sockets, states } = setUp();
    connection.open();
    sockets[0]?.say(HELLO);
    sockets[0]?.end(1012);
    assert.equal(states.at(-1), "restarting");
    mock.timers.tick(500);
    sockets[1]?.say(HELLO);
    sockets[1]?.end(1013);
    assert.equal(states.at(-1), "busy");
    mock.timers.tick(5000);
    assert.equal(sockets.length, 2);
    mock.timers.tick(500);

    assert.equal(sockets.length, 3);
    connection.close();
  });

  it("answers the server's ping, and takes a socket that has gone silent for dead", () => {
    const { connection, sockets } = setUp();
    connection.open();
    sockets[0]?.say(HELLO);
    sockets[0]?.say({ type: "ping" });
    mock.timers.tick(20_000);
    assert.deepEqual(sockets[0]?.sent, ['{"type":"pong"}', '{"type":"ping"}']);
    mock.timers.tick(30_000);
    mock.timers.tick(500);

    assert.equal(sockets.length, 2);
    connection.close();
  });

  it("gives up a handshake that hangs", () => {
    const { connection, sockets } = setUp();
    connection.open();
    mock.timers.tick(15_000);
    mock.timers.tick(500);

    assert.equal(sockets.length, 2);
    assert.equal(sockets[0]?.readyState, 3);
    connection.close();
  });

  it("looks at once after a sleep: a silent socket is replaced, one that answers is kept", () => {
    const { connection, sockets } = setUp();
    connection.open();
    sockets[0]?.say(HELLO);
    connection.check();
    sockets[0]?.say({ type: "pong" });
    mock.timers.tick(5000);
    assert.equal(sockets.length, 1);

    mock.timers.tick(1);
    connection.check();
    mock.timers.tick(5000);
    mock.timers.tick(500);
    assert.equal(sockets.length, 2);
    connection.close();
  });

  it("reads by SSE after two sockets that failed, and goes back up by itself", async () => {
    const { connection, sockets, streams, seen, states, notes } = setUp();
    connection.open();
    sockets[0]?.end(1006);
    mock.timers.tick(500);
    sockets[1]?.end(1006);
    streams[0]?.onopen?.();
    streams[0]?.say("agent.notice", event(1));
    streams[0]?.say("queue", { places: { a: 2 } });
    assert.deepEqual(seen, [1]);
    assert.equal(states.at(-1), "streaming");

    mock.timers.tick(15_000);
    assert.equal(sockets[2]?.after, 1);
    streams[0]?.say("agent.notice", event(2));
    sockets[2]?.say({ ...HELLO, last_seq: 3, version: "next" });
    sockets[2]?.say({ type: "event", ...event(2) });
    sockets[2]?.say({ type: "event", ...event(3) });
    await settle();

    assert.equal(states.at(-1), "open");
    assert.deepEqual(seen, [1, 2, 3]);
    assert.deepEqual(notes, [{ a: 2 }, "next"]);
    connection.close();
  });

  it("asks again and again where streams fail, too, and says when even that does not help", async () => {
    const page = (...items: LogEvent[]): EventPage => ({ items, last_seq: items.at(-1)?.seq ?? 0, has_more: false });
    const { connection, sockets, streams, seen, states } = setUp([page(), page(), page(event(1)), isDown, page(event(2))]);
    connection.open();
    sockets[0]?.end(1006);
    mock.timers.tick(500);
    sockets[1]?.end(1006);
    await settle();
    streams[0]?.onerror?.();
    await settle();
    assert.equal(states.at(-1), "polling");
    mock.timers.tick(2500);
    await settle();
    assert.equal(states.at(-1), "reconnecting");
    mock.timers.tick(500);
    await settle();

    assert.equal(states.at(-1), "polling");
    assert.deepEqual(seen, [1, 2]);
    // After an outage what is better is tried at once.
    assert.equal(sockets.length, 3);
    sockets[2]?.say(HELLO);
    assert.equal(states.at(-1), "open");
    connection.close();
  });

  it("does not rely on a stream that keeps everything back", async () => {
    const page = (seq: number): EventPage => ({ items: [event(seq)], last_seq: seq, has_more: false });
    const none: EventPage = { items: [], last_seq: 0, has_more: false };
    const { connection, sockets, streams, seen, states } = setUp([none, none, page(1), page(2)]);
    connection.open();
    sockets[0]?.end(1006);
    mock.timers.tick(500);
    sockets[1]?.end(1006);
    streams[0]?.onopen?.();
    await settle();
    for (let looked = 0; looked < 2; looked += 1) {
      mock.timers.tick(15_000);
      await settle();
    }

    assert.deepEqual(seen, [1, 2]);
    assert.equal(states.at(-1), "polling");
    connection.close();
  });

  it("does not fall back when a socket came while a stream that keeps everything back was looked after", async () => {
    const page = (seq: number): EventPage => ({ items: [event(seq)], last_seq: seq, has_more: false });
    const none: EventPage = { items: [], last_seq: 0, has_more: false };
    let late: (page: EventPage) => void = () => {};
    const { connection, sockets, streams, states } = setUp([none, none, page(1), new Promise((resolve) => { late = resolve; })]);
    connection.open();
    sockets[0]?.end(1006);
    mock.timers.tick(500);
    sockets[1]?.end(1006);
    streams[0]?.onopen?.();
    await settle();
    mock.timers.tick(15_000);
    await settle();
    mock.timers.tick(15_000);
    connection.check();
    sockets.at(-1)?.say({ ...HELLO, last_seq: 2 });
    late(page(2));
    await settle();
    mock.timers.tick(10_000);
    await settle();

    assert.equal(states.at(-1), "open");
    connection.close();
  });

  it("begins anew when the server's log is shorter than what it has", async () => {
    const { connection, sockets, seen, notes } = setUp([{ items: [event(1)], last_seq: 1, has_more: false }]);
    connection.open();
    sockets[0]?.say({ ...HELLO, last_seq: 2 });
    sockets[0]?.say({ type: "event", ...event(1) });
    sockets[0]?.say({ type: "event", ...event(2) });
    sockets[0]?.end(1006);
    mock.timers.tick(500);
    sockets[1]?.say({ ...HELLO, last_seq: 1 });
    await settle();

    assert.deepEqual(seen, [1, 2, 1]);
    assert.deepEqual(notes, ["", "reset", ""]);
    connection.close();
  });
});
