// Earlier prompts, brought back into the field one by one: this session's first, then the person's others in the project.

import { merged, PromptRing } from "./prompt-ring.ts";

/** The field, and where prompts come from. */
export interface Recalled {
  readonly text: string;
  said(): readonly string[];
  fetchOthers(): Promise<readonly string[]>;
  show(text: string): void;
}

export class Recalling {
  private readonly ring = new PromptRing();
  private others: readonly string[] | null = null;

  constructor(private readonly field: Recalled) {}

  get isShowing(): boolean {
    return this.ring.isShowing(this.field.text);
  }

  older(): void {
    this.ring.extend(merged(this.field.said(), this.others ?? []));
    if (this.others === null) void this.loadOthers();
    this.show(this.ring.back(this.field.text));
  }

  newer(): void {
    this.show(this.ring.forward(this.field.text));
  }

  reset(): void {
    this.ring.reset();
  }

  private show(text: string | null): void {
    if (text !== null) this.field.show(text);
  }

  private async loadOthers(): Promise<void> {
    this.others = [];
    try {
      this.others = await this.field.fetchOthers();
      const isWaiting = this.field.text === "" && !this.field.said().length;
      this.ring.extend(merged(this.field.said(), this.others));
      if (isWaiting) this.show(this.ring.back(""));
    } catch {
      this.others = null; // the next press asks again
    }
  }
}
