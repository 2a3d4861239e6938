// What carries a session's log on where sockets do not get through: a stream (SSE); where that fails, too, asking again and again.

import { type Delta, EVENT_KINDS, type LogEvent } from "../protocol.ts";
import type { LogFeed, NewestPage } from "./log-feed.ts";
import { growing, type Listener, statusOf, type Surroundings, type Timer } from "./surroundings.ts";

/** The connection that this stands in for. */
export interface Owner {
  /** Stops everything if this status says that nothing more will come; says whether it does. */
  end(status: number): boolean;
  /** Tries a socket, unless one is being tried. */
  trySocketAgain(): void;
}

const POLL_MS = 2500;
const STREAM_WATCH_MS = 15_000;
const STREAM_STRIKES = 2;
const FIRST_PROBE_MS = 15_000;
const LONGEST_PROBE_MS = 120_000;

export class Fallback {
  private stream: EventSource | null = null;
  private isStreaming = false;
  private areStreamsMute = false;
  private isPolling = false;
  private pollFailures = 0;
  private probes = 0;
  private poll: Timer;
  private probe: Timer;
  private watch: Timer;

  constructor(private readonly feed: LogFeed, private readonly listener: Listener, private readonly world: Surroundings, private readonly owner: Owner) {}

  get isCarrying(): boolean {
    return this.isStreaming || this.isPolling;
  }

  start(): void {
    if (this.stream) return;
    if (this.areStreamsMute) return this.startPolling();
    const stream = (this.stream = this.world.openStream(this.feed.lastSeq));
    let heardAt = 0;
    const hear = (take: (data: never) => void) => (event: MessageEvent<string>): void => {
      heardAt = Date.now();
      if (stream === this.stream) take(JSON.parse(event.data) as never);
    };
    stream.onopen = () => stream === this.stream && this.streamOpened(stream, () => heardAt);
    stream.onerror = () => stream === this.stream && this.streamEnded();
    for (const kind of EVENT_KINDS) stream.addEventListener(kind, hear((event: LogEvent) => this.feed.take(event)));
    stream.addEventListener("page", hear((page: NewestPage) => this.feed.begin(page)));
    stream.addEventListener("delta", hear((delta: Delta) => this.listener.delta(delta)));
    stream.addEventListener("queue", hear((frame: { places: Record<string, number> }) => this.listener.places(frame.places)));
  }

  stop(): void {
    clearTimeout(this.probe);
    this.probes = 0;
    this.stopPolling();
    this.closeStream();
  }

  /** A socket works: what was thought of streams may hold no longer. */
  replaced(): void {
    this.areStreamsMute = false;
    this.stop();
  }

  probeLater(): void {
    clearTimeout(this.probe);
    this.probe = setTimeout(() => this.upgrade(), growing(this.probes, this.world.random(), FIRST_PROBE_MS, LONGEST_PROBE_MS));
  }

  /** Tries what is better than what carries now, which goes on meanwhile. */
  upgrade(): void {
    this.probes += 1;
    this.owner.trySocketAgain();
    if (this.isPolling && !this.areStreamsMute) this.start();
  }

  private streamOpened(stream: EventSource, heardAt: () => number): void {
    this.isStreaming = true;
    this.stopPolling();
    this.listener.state("streaming");
    this.probeLater();
    clearInterval(this.watch);
    let strikes = 0;
    this.watch = setInterval(() => void this.lookAfterStream(heardAt).then((isMute) => {
      strikes = isMute ? strikes + 1 : 0;
      // What was looked up may have been overtaken: a socket came, or the page went.
      if (strikes < STREAM_STRIKES || stream !== this.stream) return;
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
      return !this.owner.end(statusOf(error));
    }
  }

  private streamEnded(): void {
    const wasStreaming = this.isStreaming;
    this.closeStream();
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
      if (!this.isPolling || this.owner.end(statusOf(error))) return;
      this.pollFailures += 1;
      this.listener.state("reconnecting");
      pause = growing(this.pollFailures - 1, this.world.random());
    }
    this.poll = setTimeout(() => void this.pollOnce(), pause);
  }

  private stopPolling(): void {
    clearTimeout(this.poll);
    this.isPolling = false;
  }
}
