// Keeps the tree true: one stream for all of the browser's pages of an organisation, with polling where no stream gets through.

import { get } from "../api.ts";
import type { Changes, Told } from "./tree-model.ts";
import { store } from "./tree-store.ts";

type Frame = { type: "tree"; data: Told } | { type: "changes"; data: Changes };

const RETRY_MS = 3000;
const LONGEST_RETRY_MS = 30_000;
const POLL_MS = 15_000;
const FAILURES_BEFORE_POLLING = 2;

function take(frame: Frame): void {
  if (frame.type === "tree") store.take(frame.data);
  else store.change(frame.data);
}

/** Follows the organisation's stream until it is stopped, telling each frame. */
class Stream {
  private source: EventSource | null = null;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly organizationId: string, private readonly tell: (frame: Frame) => void) {}

  start(): void {
    this.stop();
    const source = (this.source = new EventSource(`/api/orgs/${this.organizationId}/activity`));
    const hear = (type: Frame["type"]) => (event: MessageEvent<string>) => {
      this.failures = 0;
      this.tell({ type, data: JSON.parse(event.data) as never });
    };
    source.addEventListener("tree", hear("tree"));
    source.addEventListener("changes", hear("changes"));
    source.onerror = () => this.failed();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  private failed(): void {
    this.stop();
    this.failures += 1;
    const pause = Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** (this.failures - 1)) * (0.5 + Math.random() / 2);
    if (this.failures > FAILURES_BEFORE_POLLING) void this.look();
    this.timer = setTimeout(() => this.start(), pause);
  }

  /** Once, over plain HTTP. Who may not, or is signed out, is told by the page's own connection. */
  async look(): Promise<void> {
    try {
      this.tell({ type: "tree", data: await get<Told>(`/orgs/${this.organizationId}/tree`) });
    } catch {
      // The next try comes by itself.
    }
  }
}

/** One page leads, and passes on to the others what it hears; another one takes over when it goes. */
function share(organizationId: string, locks: LockManager): void {
  const name = `slipway.activity.${organizationId}`;
  const channel = new BroadcastChannel(name);
  const stream = new Stream(organizationId, (frame) => {
    take(frame);
    channel.postMessage(frame);
  });
  store.isLeader = false;
  channel.onmessage = ({ data }: MessageEvent<Frame | { type: "ask" }>) => {
    if (data.type !== "ask") take(data);
    else if (store.isLeader) void stream.look(); // what the new page has may be newer than what is here
  };
  channel.postMessage({ type: "ask" });
  void locks.request(name, async () => {
    store.isLeader = true;
    stream.start();
    await new Promise(() => undefined); // held for as long as the page lives
  });
}

/** Without locks (plain http) each page that is looked at has a stream of its own; browsers allow few, so the others look now and then. */
function alone(organizationId: string): void {
  const stream = new Stream(organizationId, take);
  const decide = (): void => (document.visibilityState === "visible" ? stream.start() : stream.stop());
  document.addEventListener("visibilitychange", decide);
  setInterval(() => document.visibilityState === "visible" || void stream.look(), POLL_MS);
  decide();
}

export function followActivity(): void {
  const { organizationId } = store;
  if (!organizationId) return;
  if (navigator.locks && typeof BroadcastChannel === "function") share(organizationId, navigator.locks);
  else alone(organizationId);
}
