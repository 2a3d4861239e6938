// A build as it goes on: what it prints, by number, so that a stream that broke goes on where it was.

import { get } from "../api.ts";
import { isLive, type Build, type Output } from "./calls.ts";

const RETRY_MS = 3000;
const MAX_CHARACTERS = 1_200_000;

export class BuildFeed {
  log = "";
  private seq = 0;
  private stream: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly id: string,
    private readonly onChange: (build: Build | null) => void,
  ) {}

  start(): void {
    this.stop();
    const stream = (this.stream = new EventSource(`/api/docker/image-build/${this.id}/stream?after=${this.seq}`));
    stream.addEventListener("output", (event: MessageEvent<string>) => this.take(JSON.parse(event.data) as Output));
    stream.addEventListener("build", (event: MessageEvent<string>) => this.tell(JSON.parse(event.data) as Build));
    stream.onerror = () => {
      this.stop();
      this.timer = setTimeout(() => void this.lookAgain(), RETRY_MS);
    };
  }

  stop(): void {
    clearTimeout(this.timer);
    this.stream?.close();
    this.stream = null;
  }

  /** Pieces come in their order; one that is known already, after the stream was opened anew, is left out. */
  take({ seq, text }: Output): void {
    if (seq <= this.seq) return;
    this.seq = seq;
    this.log = (this.log + text).slice(-MAX_CHARACTERS);
    this.onChange(null);
  }

  private tell(build: Build): void {
    if (!isLive(build)) this.stop();
    this.onChange(build);
  }

  private async lookAgain(): Promise<void> {
    try {
      await get<Build>(`/docker/image-build/${this.id}`); // who may not see it any more asks no further
      this.start();
    } catch {
      this.timer = setTimeout(() => void this.lookAgain(), RETRY_MS);
    }
  }
}
