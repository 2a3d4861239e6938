// Keeps a session's log flowing: WebSocket first, events by REST where there is a gap, SSE where sockets do not get through.

import { type Delta, EVENT_KINDS, type LogEvent, type ServerFrame, type Session } from "../protocol.ts";

export type ConnectionState = "connecting" | "open" | "reconnecting" | "signed-out" | "gone";

export interface Listener {
  hello(session: Session, live: unknown): void;
  events(events: LogEvent[]): void;
  delta(delta: Delta): void;
  state(state: ConnectionState): void;
}

export interface EventPage { items: LogEvent[]; last_seq: number; has_more: boolean }

/** What the connection needs from its surroundings; tests bring their own. */
export interface Surroundings {
  openSocket(after: number): WebSocket;
  openStream(after: number): EventSource;
  fetchEvents(after: number): Promise<EventPage>;
  random(): number;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const PING_EVERY_MS = 20_000;
const SILENCE_ALLOWED_MS = 45_000;
const SOCKET_TRIES_BEFORE_SSE = 3;
const statusOf = (error: unknown): number => (error as { status?: number }).status ?? 0;

/** By the socket's close code, or by the status of an answer. */
const FINAL: Record<number, ConnectionState> = { 401: "signed-out", 403: "gone", 404: "gone", 4401: "signed-out", 4403: "gone", 4404: "gone" };

export class Connection {
  lastSeq = 0;
  private socket: WebSocket | null = null;
  private stream: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private heardAt = 0;
  private failures = 0;
  private hasEverOpened = false;
  private isFilling = false;
  private isClosed = false;

  constructor(private readonly listener: Listener, private readonly world: Surroundings) {}

  open(): void {
    this.isClosed = false;
    this.listener.state(this.failures ? "reconnecting" : "connecting");
    if (!this.hasEverOpened && this.failures >= SOCKET_TRIES_BEFORE_SSE && this.failures % 2 === 1) this.openStream();
    else this.openSocket();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.drop();
  }

  /** Tries again at once, for instance when the machine is online again. */
  retryNow(): void {
    if (this.isClosed || this.socket?.readyState === WebSocket.OPEN || this.stream) return;
    clearTimeout(this.timer);
    this.drop();
    this.open();
  }

  /** Stops for good if this code or status says that nothing more will come; says whether it does. */
  end(code: number): boolean {
    const final = FINAL[code];
    if (!final) return false;
    this.close();
    this.listener.state(final);
    return true;
  }

  private drop(): void {
    clearInterval(this.heartbeat);
    const { socket, stream } = this;
    this.socket = this.stream = null;
    socket?.close();
    stream?.close();
  }

  private again(pauseMs?: number): void {
    this.drop();
    if (this.isClosed) return;
    this.failures += 1;
    this.listener.state("reconnecting");
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.failures - 1));
    this.timer = setTimeout(() => this.open(), pauseMs ?? pause * (0.5 + this.world.random() / 2));
  }

  private opened(): void {
    this.failures = 0;
    this.listener.state("open");
  }

  private openSocket(): void {
    const socket = this.world.openSocket(this.lastSeq);
    this.socket = socket;
    socket.onmessage = (message: MessageEvent<string>) => {
      if (socket === this.socket) this.heard(message.data);
    };
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      if (this.end(event.code)) return;
      // A handshake that is refused does not tell why, either.
      const wasRefused = !this.hasEverOpened || this.failures > 0;
      this.again(event.code === 1012 ? FIRST_PAUSE_MS : undefined);
      if (wasRefused) void this.findOutWhy();
    };
    this.heardAt = Date.now();
    this.heartbeat = setInterval(() => this.beat(socket), PING_EVERY_MS);
  }

  private beat(socket: WebSocket): void {
    if (Date.now() - this.heardAt > SILENCE_ALLOWED_MS) this.again();
    else if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "ping" }));
  }

  private heard(data: string): void {
    this.heardAt = Date.now();
    const frame = JSON.parse(data) as ServerFrame;
    if (frame.type === "hello") {
      this.hasEverOpened = true;
      this.opened();
      this.listener.hello(frame.session, frame.live);
    } else if (frame.type === "event") this.take(frame);
    else if (frame.type === "delta") this.listener.delta(frame);
  }

  private openStream(): void {
    const stream = this.world.openStream(this.lastSeq);
    this.stream = stream;
    stream.onopen = () => this.opened();
    // A stream does not tell why it ended; asking for events does.
    stream.onerror = () => {
      if (stream !== this.stream) return;
      this.again();
      void this.findOutWhy();
    };
    for (const kind of EVENT_KINDS) stream.addEventListener(kind, (event: MessageEvent<string>) => this.take(JSON.parse(event.data) as LogEvent));
    stream.addEventListener("delta", (event: MessageEvent<string>) => this.listener.delta(JSON.parse(event.data) as Delta));
  }

  private async findOutWhy(): Promise<void> {
    try {
      await this.world.fetchEvents(this.lastSeq);
    } catch (error) {
      this.end(statusOf(error));
    }
  }

  private take(event: LogEvent): void {
    if (event.seq <= this.lastSeq) return;
    if (event.seq === this.lastSeq + 1 && !this.isFilling) {
      this.lastSeq = event.seq;
      this.listener.events([event]);
    } else void this.fill();
  }

  /** Fetches what is missing. Events that arrive meanwhile are in the pages, or show up as the next gap. */
  private async fill(): Promise<void> {
    if (this.isFilling) return;
    this.isFilling = true;
    try {
      for (let more = true; more && !this.isClosed; ) {
        const page = await this.world.fetchEvents(this.lastSeq);
        const fresh = page.items.filter((event) => event.seq > this.lastSeq);
        if (fresh.length) {
          this.lastSeq = fresh[fresh.length - 1]?.seq ?? this.lastSeq;
          this.listener.events(fresh);
        }
        more = page.has_more || (fresh.length > 0 && page.last_seq > this.lastSeq);
      }
      this.isFilling = false;
    } catch (error) {
      this.isFilling = false;
      if (!this.isClosed && !this.end(statusOf(error))) this.again();
    }
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
