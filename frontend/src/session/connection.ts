// Keeps a session's log flowing: by WebSocket, with heartbeats and growing pauses; the fallback carries on where sockets do not get through.

import type { ServerFrame } from "../protocol.ts";
import { Fallback } from "./fallback.ts";
import { setClock } from "./clock.ts";
import { LogFeed, type NewestPage } from "./log-feed.ts";
import { type ConnectionState, growing, type Listener, statusOf, type Surroundings, type Timer } from "./surroundings.ts";

const BUSY_PAUSE_MS = 5000;
const BEAT_MS = 5000;
const PING_EVERY_MS = 20_000;
const SILENCE_ALLOWED_MS = 45_000;
const HELLO_WITHIN_MS = 10_000;
const PONG_WITHIN_MS = 5000;
const SOCKETS_BEFORE_STREAM = 2;
const RESTART = 1012;
const TRY_LATER = 1013;

/** By the socket's close code, or by the status of an answer. */
const FINAL: Record<number, ConnectionState> = { 401: "signed-out", 403: "forbidden", 404: "gone", 4401: "signed-out", 4403: "forbidden", 4404: "gone" };

export class Connection {
  private readonly feed: LogFeed;
  private readonly fallback: Fallback;
  private socket: WebSocket | null = null;
  private hasHello = false;
  private openedAt = 0;
  private openedAfter = 0;
  private heardAt = 0;
  private pingedAt = 0;
  private failures = 0;
  private isClosed = true;
  private retry: Timer;
  private beats: Timer;

  constructor(private readonly listener: Listener, private readonly world: Surroundings) {
    this.feed = new LogFeed((after) => world.fetchEvents(after), (events) => listener.events(events), (error) => this.fillFailed(error),
      { fetch: () => world.fetchNewest(), begin: (page) => listener.page(page) });
    this.fallback = new Fallback(this.feed, listener, world, { end: (status) => this.end(status), trySocketAgain: () => this.socket ?? this.trySocket() });
  }

  get lastSeq(): number {
    return this.feed.lastSeq;
  }

  /** Begins with what is known already: the newest page as it was a while ago. */
  begin(page: NewestPage): void {
    this.feed.begin(page);
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
    this.fallback.stop();
  }

  /** Looks at once whether all is well: the machine woke up, is online again, or the page is looked at again. */
  check(): void {
    if (this.isClosed) return;
    if (this.socket && this.hasHello) this.askForSign(this.socket);
    else if (this.fallback.isCarrying) this.fallback.upgrade();
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
    if (this.fallback.isCarrying) return this.fallback.probeLater();
    this.listener.state(code === RESTART ? "restarting" : code === TRY_LATER ? "busy" : "reconnecting");
    if (this.failures >= SOCKETS_BEFORE_STREAM && code !== TRY_LATER) this.fallback.start();
    else this.retry = setTimeout(() => this.trySocket(), growing(this.failures - 1, this.world.random()) + (code === TRY_LATER ? BUSY_PAUSE_MS : 0));
    // A handshake that is refused does not tell why.
    if (wasRefused) void this.findOutWhy();
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
    setClock(frame.now);
    this.fallback.replaced();
    if (frame.page) this.feed.begin({ ...frame.page, last_seq: frame.last_seq });
    else if (frame.last_seq < this.openedAfter) {
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
}
