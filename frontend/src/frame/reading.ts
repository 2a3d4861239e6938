// Notes how far somebody has read in the session that they look at, so that the tree tells what is news on all of their devices.

import { call } from "../api.ts";
import { store } from "./tree-store.ts";

const SETTLED_MS = 1500;

export class Reading {
  private seq = 0;
  private sent = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly sessionId: string) {
    document.addEventListener("visibilitychange", this.look);
  }

  /** The log is shown up to here. */
  reached(seq: number): void {
    if (seq <= this.seq) return;
    this.seq = seq;
    this.look();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.look);
    clearTimeout(this.timer);
    this.note();
  }

  private readonly look = (): void => {
    clearTimeout(this.timer);
    if (document.visibilityState === "visible") this.timer = setTimeout(() => this.note(), SETTLED_MS);
  };

  private note(): void {
    if (this.seq <= this.sent || document.visibilityState !== "visible" || !store.session(this.sessionId)) return;
    const seq = (this.sent = this.seq);
    store.read(this.sessionId, seq);
    // One that is lost is made good by the next: it costs no more than a mark that stays.
    call("PUT", `/sessions/${this.sessionId}/mark`, { last_read_seq: seq }, { tries: 2 }).catch(() => (this.sent = 0));
  }
}
