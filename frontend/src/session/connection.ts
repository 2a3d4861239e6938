// Keeps a session's log flowing: by WebSocket; where that does not get through by SSE; where that fails, too, by asking again and again.

import { type Delta, EVENT_KINDS, type LogEvent, type ServerFrame, type Session } from "../protocol.ts";
import { type EventPage, LogFeed } from "./log-feed.ts";

export type ConnectionState =
  | "connecting" | "open" | "streaming" | "polling" | "reconnecting" | "restarting" | "busy" | "signed-out" | "forbidden" | "gone";

export interface Listener {
  hello(session: Session, live: unknown, version: string): void;
  events(events: LogEvent[]): void;
  delta(delta: Delta): void;
  places(places: Record<string, number>): void;
  /** The server's log is another one (a restored backup): what is shown has to go. */
  reset(): void;
  state(state: ConnectionState): void;
}

/** What the connection needs from its surroundings; tests bring their own. */
export interface Surroundings {
  openSocket(after: number): WebSocket;
  openStream(after: number): EventSource;
  fetchEvents(after: number): Promise<EventPage>;
  random(): number;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const BUSY_PAUSE_MS = 5000;
const BEAT_MS = 5000;
const PING_EVERY_MS = 20_000;
const SILENCE_ALLOWED_MS = 45_000;
const HELLO_WITHIN_MS = 10_000;
const PONG_WITHIN_MS = 5000;
const SOCKETS_BEFORE_STREAM = 2;
const POLL_MS = 2500;
const STREAM_WATCH_MS = 15_000;
const STREAM_STRIKES = 2;
const FIRST_PROBE_MS = 15_000;
const LONGEST_PROBE_MS = 120_000;
const RESTART = 1012;
const TRY_LATER = 1013;
const statusOf = (error: unknown): number => (error as { status?: number }).status ?? 0;

/** By the socket's close code, or by the status of an answer. */
const FINAL: Record<number, ConnectionState> = { 401: "signed-out", 403: "forbidden", 404: "gone", 4401: "signed-out", 4403: "forbidden", 4404: "gone" };

type Timer = ReturnType<typeof setTimeout> | undefined;

export class Connection {
  private readonly feed: LogFeed;
  private socket: WebSocket | null = null;
  private hasHello = false;
  private openedAt = 0;
  private openedAfter = 0;
  private heardAt = 0;
  private pingedAt = 0;
  private stream: EventSource | null = null;
  private isStreaming = false;
  private areStreamsMute = false;
  private isPolling = false;
  private failures = 0;
  private pollFailures = 0;
  private probes = 0;
  private isClosed = true;
  private retry: Timer;
  private poll: Timer;
  private probe: Timer;
  private beats: Timer;
  private watch: Timer;

  constructor(private readonly listener: Listener, private readonly world: Surroundings) {
    this.feed = new LogFeed((after) => world.fetchEvents(after), (events) => listener.events(events), (error) => this.fillFailed(error));
  }

  get lastSeq(): number {
    return this.feed.lastSeq;
  }

  open(): void {
    this.isClosed = false;
    this.listener.state("connecting");
    this.trySocket();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.retry);
    this.dropSocket();
    this.stopFallback();
  }

  /** Looks at once whether all is well: the machine woke up, is online again, or the page is looked at again. */
  check(): void {
    if (this.isClosed) return;
    if (this.socket && this.hasHello) this.askForSign(this.socket);
    else if (this.isStreaming || this.isPolling) this.upgrade();
    else if (!this.socket) this.trySocket();
  }

  /** Stops for good if this code or status says that nothing more will come; says whether it does. */
  end(code: number): boolean {
    const final = FINAL[code];
    if (!final || this.isClosed) return false;
    this.close();
    this.listener.state(final);
    return true;
  }

  // The socket

  private trySocket(): void {
    clearTimeout(this.retry);
    this.dropSocket();
    const socket = (this.socket = this.world.openSocket(this.lastSeq));
    this.openedAfter = this.lastSeq;
    this.openedAt = this.heardAt = this.pingedAt = Date.now();
    socket.onmessage = (message: MessageEvent<string>) => {
      if (socket === this.socket) this.heard(socket, message.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.socketEnded(event.code);
    };
    this.beats = setInterval(() => this.beat(socket), BEAT_MS);
  }

  private dropSocket(): void {
    clearInterval(this.beats);
    const { socket } = this;
    this.socket = null;
    this.hasHello = false;
    socket?.close();
  }

  private beat(socket: WebSocket): void {
    const now = Date.now();
    const isDead = this.hasHello ? now - this.heardAt > SILENCE_ALLOWED_MS : now - this.openedAt > HELLO_WITHIN_MS;
    if (isDead) this.socketEnded(0);
    else if (now - this.pingedAt >= PING_EVERY_MS) this.ping(socket);
  }

  private ping(socket: WebSocket): void {
    this.pingedAt = Date.now();
    if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}');
  }

  private askForSign(socket: WebSocket): void {
    const askedAt = Date.now();
    if (askedAt - this.heardAt > SILENCE_ALLOWED_MS) return this.socketEnded(0);
    this.ping(socket);
    setTimeout(() => {
      if (socket === this.socket && this.heardAt < askedAt) this.socketEnded(0);
    }, PONG_WITHIN_MS);
  }

  private socketEnded(code: number): void {
    const wasRefused = !this.hasHello;
    this.dropSocket();
    if (this.isClosed || this.end(code)) return;
    this.failures += 1;
    if (this.isStreaming || this.isPolling) return this.probeLater();
    this.listener.state(code === RESTART ? "restarting" : code === TRY_LATER ? "busy" : "reconnecting");
    if (this.failures >= SOCKETS_BEFORE_STREAM && code !== TRY_LATER) this.openStream();
    else this.retry = setTimeout(() => this.trySocket(), this.pause(this.failures) + (code === TRY_LATER ? BUSY_PAUSE_MS : 0));
    // A handshake that is refused does not tell why.
    if (wasRefused) void this.findOutWhy();
  }

  private pause(failures: number): number {
    return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1)) * (0.5 + this.world.random() / 2);
  }

  private async findOutWhy(): Promise<void> {
    try {
      await this.world.fetchEvents(this.lastSeq);
    } catch (error) {
      this.end(statusOf(error));
    }
  }

  private heard(socket: WebSocket, data: string): void {
    this.heardAt = Date.now();
    const frame = JSON.parse(data) as ServerFrame;
    if (frame.type === "hello") this.helloCame(frame);
    else if (frame.type === "event") this.feed.take(frame);
    else if (frame.type === "delta") this.listener.delta(frame);
    else if (frame.type === "queue") this.listener.places(frame.places);
    else if (frame.type === "ping") socket.send('{"type":"pong"}');
  }

  private helloCame(frame: ServerFrame & { type: "hello" }): void {
    this.hasHello = true;
    this.failures = 0;
    this.areStreamsMute = false;
    this.stopFallback();
    if (frame.last_seq < this.openedAfter) {
      this.listener.reset();
      this.feed.reset();
      this.feed.pull().catch((error: unknown) => this.fillFailed(error));
    }
    this.listener.state("open");
    this.listener.hello(frame.session, frame.live, frame.version ?? "");
  }

  private fillFailed(error: unknown): void {
    if (!this.isClosed && !this.end(statusOf(error)) && this.socket) this.socketEnded(0);
  }

  // What carries on where sockets do not get through

  private openStream(): void {
    if (this.stream) return;
    if (this.areStreamsMute) return this.startPolling();
    const stream = (this.stream = this.world.openStream(this.lastSeq));
    let heardAt = 0;
    const hear = (take: (data: never) => void) => (event: MessageEvent<string>): void => {
      heardAt = Date.now();
      if (stream === this.stream) take(JSON.parse(event.data) as never);
    };
    stream.onopen = () => stream === this.stream && this.streamOpened(() => heardAt);
    stream.onerror = () => stream === this.stream && this.streamEnded();
    for (const kind of EVENT_KINDS) stream.addEventListener(kind, hear((event: LogEvent) => this.feed.take(event)));
    stream.addEventListener("delta", hear((delta: Delta) => this.listener.delta(delta)));
    stream.addEventListener("queue", hear((frame: { places: Record<string, number> }) => this.listener.places(frame.places)));
  }

  private streamOpened(heardAt: () => number): void {
    this.isStreaming = true;
    this.stopPolling();
    this.listener.state("streaming");
    this.probeLater();
    clearInterval(this.watch);
    let strikes = 0;
    this.watch = setInterval(() => void this.lookAfterStream(heardAt).then((isMute) => {
      strikes = isMute ? strikes + 1 : 0;
      if (strikes < STREAM_STRIKES) return;
      this.areStreamsMute = true;
      this.streamEnded();
    }), STREAM_WATCH_MS);
  }

  /** Something on the way may keep back what a stream says: then asking brings what it did not. */
  private async lookAfterStream(heardAt: () => number): Promise<boolean> {
    if (Date.now() - heardAt() < STREAM_WATCH_MS) return false;
    const before = heardAt();
    try {
      return (await this.feed.pull()) > 0 && heardAt() === before;
    } catch (error) {
      return !this.end(statusOf(error));
    }
  }

  private streamEnded(): void {
    const wasStreaming = this.isStreaming;
    this.closeStream();
    if (this.isClosed) return;
    if (wasStreaming) this.listener.state("reconnecting");
    if (!this.isPolling) this.startPolling();
    if (wasStreaming) this.upgrade();
  }

  private closeStream(): void {
    clearInterval(this.watch);
    this.isStreaming = false;
    this.stream?.close();
    this.stream = null;
  }

  private startPolling(): void {
    this.isPolling = true;
    this.pollFailures = 0;
    this.probeLater();
    void this.pollOnce();
  }

  private async pollOnce(): Promise<void> {
    clearTimeout(this.poll);
    let pause = POLL_MS;
    try {
      await this.feed.pull();
      if (!this.isPolling) return;
      this.listener.state("polling");
      if (this.pollFailures) this.upgrade();
      this.pollFailures = 0;
    } catch (error) {
      if (!this.isPolling || this.end(statusOf(error))) return;
      this.pollFailures += 1;
      this.listener.state("reconnecting");
      pause = this.pause(this.pollFailures);
    }
    this.poll = setTimeout(() => void this.pollOnce(), pause);
  }

  private stopPolling(): void {
    clearTimeout(this.poll);
    this.isPolling = false;
  }

  private stopFallback(): void {
    clearTimeout(this.probe);
    this.probes = 0;
    this.stopPolling();
    this.closeStream();
  }

  private probeLater(): void {
    clearTimeout(this.probe);
    const pause = Math.min(LONGEST_PROBE_MS, FIRST_PROBE_MS * 2 ** this.probes) * (0.5 + this.world.random() / 2);
    this.probe = setTimeout(() => this.upgrade(), pause);
  }

  /** Tries what is better than what carries now, which goes on meanwhile. */
  private upgrade(): void {
    this.probes += 1;
    if (!this.socket) this.trySocket();
    if (this.isPolling && !this.areStreamsMute) this.openStream();
  }
}

/** The real surroundings of a page. */
export function browserSurroundings(sessionId: string, fetchEvents: (after: number) => Promise<EventPage>): Surroundings {
  const origin = location.origin.replace(/^http/, "ws");
  return {
    openSocket: (after) => new WebSocket(`${origin}/ws/sessions/${sessionId}?after=${after}`),
    openStream: (after) => new EventSource(`/api/sessions/${sessionId}/stream?after=${after}`),
    fetchEvents,
    random: Math.random,
  };
}
