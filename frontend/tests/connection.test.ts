// The connection: resumes where it was, fills gaps, backs off, falls back to SSE, gives up only when told to.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import type { LogEvent } from "../src/protocol.ts";
import { Connection, type ConnectionState, type EventPage } from "../src/session/connection.ts";

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

function setUp(pages: EventPage[] = []) {
  const sockets: FakeSocket[] = [];
  const streams: FakeStream[] = [];
  const seen: number[] = [];
  const states: ConnectionState[] = [];
  const asked: number[] = [];
  const listener = {
    hello: () => {}, delta: () => {},
    events: (events: LogEvent[]) => void seen.push(...events.map((one) => one.seq)),
    state: (state: ConnectionState) => void states.push(state),
  };
  const connection = new Connection(listener, {
    openSocket: (after) => { const socket = new FakeSocket(after); sockets.push(socket); return socket as unknown as WebSocket; },
    openStream: (after) => { const stream = new FakeStream(after); streams.push(stream); return stream as unknown as EventSource; },
    fetchEvents: async (after) => { asked.push(after); return pages.shift() ?? { items: [], last_seq: after, has_more: false }; },
    random: () => 1,
  });
  return { connection, sockets, streams, seen, states, asked };
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

  it("waits longer after each failure, and starts over after a success", () => {
    const { connection, sockets } = setUp();
    connection.open();
    sockets[0]?.say({ type: "hello", session: {}, last_seq: 0, live: {} });
    sockets[0]?.end(1006);
    mock.timers.tick(500);
    sockets[1]?.end(1006);
    mock.timers.tick(999);
    assert.equal(sockets.length, 2);
    mock.timers.tick(1);
    assert.equal(sockets.length, 3);
    sockets[2]?.say({ type: "hello", session: {}, last_seq: 0, live: {} });
    sockets[2]?.end(1006);
    mock.timers.tick(500);

    assert.equal(sockets.length, 4);
    connection.close();
  });

  it("does not come back after 4401, 4403 and 4404", () => {
    for (const [code, expected] of [[4401, "signed-out"], [4403, "gone"], [4404, "gone"]] as const) {
      const { connection, sockets, states } = setUp();
      connection.open();
      sockets[0]?.end(code);
      mock.timers.tick(60_000);

      assert.equal(sockets.length, 1);
      assert.equal(states.at(-1), expected);
    }
  });

  it("takes a socket that has gone silent for dead", () => {
    const { connection, sockets } = setUp();
    connection.open();
    sockets[0]?.say({ type: "hello", session: {}, last_seq: 0, live: {} });
    mock.timers.tick(20_000);
    assert.deepEqual(sockets[0]?.sent, ['{"type":"ping"}']);
    mock.timers.tick(40_000);
    mock.timers.tick(500);

    assert.equal(sockets.length, 2);
    connection.close();
  });

  it("reads by SSE where sockets never get through", () => {
    const { connection, sockets, streams, seen, states } = setUp();
    connection.open();
    for (let failed = 0; failed < 3; failed += 1) {
      sockets[failed]?.end(1006);
      mock.timers.tick(15_000);
    }
    streams[0]?.onopen?.();
    streams[0]?.say("agent.notice", event(1));

    assert.equal(streams.length, 1);
    assert.deepEqual(seen, [1]);
    assert.equal(states.at(-1), "open");
    connection.close();
  });
});
