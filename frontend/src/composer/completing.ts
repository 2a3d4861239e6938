// What the caret asks for while somebody types: commands of the agent and files, chosen in the menu over the field.

import type { Command } from "../protocol.ts";
import { commandOptions } from "./commands.ts";
import { type Edit, finished, type Typing, typingAt } from "./completion.ts";
import { FileSearch, type FoundFiles } from "./file-search.ts";
import type { Option } from "./menu.ts";

export interface Menu { typing: Typing; options: readonly Option[] }

/** The field that is written in. */
export interface Field {
  readonly area: HTMLTextAreaElement;
  readonly commands: readonly Command[];
  /** As if it were typed, so that Ctrl+Z takes it back. */
  edit(from: number, to: number, edit: Edit): void;
  changed(): void;
}

export class Completing {
  menu: Menu | null = null;
  chosen = 0;
  private readonly files: FileSearch;

  constructor(private readonly field: Field, find: (asked: string, signal: AbortSignal) => Promise<FoundFiles>) {
    this.files = new FileSearch(find, () => this.refresh());
  }

  get option(): Option | undefined {
    return this.menu?.options[this.chosen];
  }

  /** Whether the menu is there, and whether what it would put is written already. */
  get state(): "none" | "open" | "whole" {
    const { menu, option } = this;
    if (!menu || !option) return "none";
    const typed = this.field.area.value.slice(menu.typing.from, menu.typing.to);
    return option.isWhole && typed === option.insert ? "whole" : "open";
  }

  refresh(): void {
    const { area, commands } = this.field;
    const { selectionStart: caret, selectionEnd: end, value } = area;
    const typing = document.activeElement === area && caret === end ? typingAt(value, caret) : null;
    const options = typing === null ? [] : typing.kind === "command" ? commandOptions(commands, typing.query) : this.files.find(typing.query);
    if (typing?.kind !== "file") this.files.stop();
    if (typing?.query !== this.menu?.typing.query || typing?.from !== this.menu?.typing.from) this.chosen = 0;
    this.menu = typing && options.length ? { typing, options } : null;
    this.chosen = Math.min(this.chosen, Math.max(0, options.length - 1));
    this.field.changed();
  }

  choose(index: number): void {
    const option = this.menu?.options[index];
    if (!this.menu || !option) return;
    const { typing } = this.menu;
    this.field.edit(typing.from, typing.to, finished(this.field.area.value, typing, option.insert, option.isWhole));
    this.refresh();
  }

  move(step: number): void {
    const length = this.menu?.options.length ?? 1;
    this.chosen = (this.chosen + step + length) % length;
    this.field.changed();
  }

  close(): void {
    this.menu = null;
    this.field.changed();
  }

  stop(): void {
    this.files.stop();
  }
}
