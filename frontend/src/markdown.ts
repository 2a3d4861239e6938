// `<slw-markdown>`: shows markdown that may still grow. What is finished keeps its nodes; only the last block is touched, at most once a frame.

import { GrowingList } from "./markdown/growing-list.ts";
import { morph, morphChildren } from "./markdown/morph.ts";
import type { Tokens } from "marked";
import { type Block, blocksOf, rendered } from "./markdown/rendering.ts";
import { certainCode, closes, type Fence, openFence, showable } from "./markdown/unfinished.ts";

interface Shown { raw: string; node: HTMLElement; isOpen: boolean }
/** Code that streams: it only gets longer, so that nothing has to be read again. */
interface Code extends Fence { from: number; shownTo: number; text: Text }

const SLOW_MS = 4;
const MOST_PAUSE_MS = 250;
const FENCE = /^[ \t>]*(?:`{3}|~{3})/m;
const DEFINES_LINK = /^ {0,3}\[[^\]\n]+\]:/m;

export class MarkdownView extends HTMLElement {
  private shown: Shown[] = [];
  private whole = "";
  private wanted = "";
  private isGrowing = false;
  /** How many blocks are finished, and where in the text the first one begins that is not. */
  private finished = 0;
  private from = 0;
  private code: Code | null = null;
  private list: GrowingList | null = null;
  private frame = 0;
  private pauseUntil = 0;

  /** Text of which more is to come, or not. */
  set content({ text, isStreaming }: { text: string; isStreaming: boolean }) {
    const isNews = text !== this.wanted || isStreaming !== this.isGrowing;
    this.wanted = text;
    this.isGrowing = isStreaming;
    if (!isNews && this.shown.length) return;
    if (!isStreaming) this.finish();
    else if (!this.shown.length) this.grow();
    else this.frame ||= requestAnimationFrame(this.onFrame);
  }

  get text(): string {
    return this.wanted;
  }

  set text(text: string) {
    this.content = { text, isStreaming: false };
  }

  disconnectedCallback(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  private readonly onFrame = (): void => {
    this.frame = 0;
    if (!this.isGrowing) return;
    const began = performance.now();
    if (began < this.pauseUntil) return void (this.frame = requestAnimationFrame(this.onFrame));
    this.grow();
    const took = performance.now() - began;
    if (took > SLOW_MS) this.pauseUntil = began + Math.min(MOST_PAUSE_MS, 4 * took);
  };

  private take(): void {
    const text = this.wanted.includes("\r") ? this.wanted.replace(/\r\n?/g, "\n") : this.wanted;
    if (!text.startsWith(this.whole)) {
      this.code = this.list = null;
      if (!text.startsWith(this.whole.slice(0, this.from))) [this.finished, this.from] = [0, 0];
    }
    this.whole = text;
  }

  /** The text as it is so far. */
  private grow(): void {
    this.take();
    if ((this.code && this.growCode(this.code)) || (this.list && this.growList(this.list))) return;
    const blocks = blocksOf(showable(this.whole.slice(this.from)));
    this.show(blocks, this.finished, true);
    const last = blocks.at(-1);
    if (!last || last.from < 0) return;
    this.finished += blocks.length - 1;
    this.from += last.from;
    this.beginCode();
    this.list = last.token.type === "list" ? GrowingList.of(last.token as Tokens.List, this.from) : null;
  }

  /** All of the text, read once more only where it is not finished, or refers to links that came later. */
  private finish(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.take();
    this.code = this.list = null;
    if (DEFINES_LINK.test(this.whole)) [this.finished, this.from] = [0, 0];
    this.show(blocksOf(this.whole.slice(this.from)), this.finished, false);
    [this.finished, this.from] = [0, 0];
  }

  private show(blocks: readonly Block[], first: number, isOpen: boolean): void {
    blocks.forEach(({ token }, index) => this.showBlock(token, first + index, isOpen && index === blocks.length - 1));
    for (const extra of this.shown.splice(first + blocks.length)) extra.node.remove();
  }

  private showBlock(token: Block["token"], index: number, isOpen: boolean): void {
    const known = this.shown[index];
    const isSame = known?.raw === token.raw && (known.isOpen === isOpen || !FENCE.test(token.raw));
    if (known && isSame) return;
    const fragment = rendered(token, isOpen);
    if (known) morphChildren(known.node, fragment);
    const node = known?.node ?? document.createElement("div");
    if (!known) {
      node.append(fragment);
      this.append(node);
    }
    this.shown[index] = { raw: token.raw, node, isOpen };
  }

  /** Shows the last items of a list that streams; says whether that was all. */
  private growList(list: GrowingList): boolean {
    const shown = this.shown[this.finished]?.node.querySelector(":scope > ul, :scope > ol");
    const grown = list.grow(this.whole, showable);
    const fresh = grown && rendered(grown.tail, true).querySelector("ul, ol");
    if (!shown || !grown || !fresh) {
      this.list = null;
      return false;
    }
    const known = [...shown.children].slice(grown.kept);
    const wanted = [...fresh.children];
    wanted.forEach((item, index) => {
      const old = known[index];
      if (old) morph(old, item);
      else shown.append(item);
    });
    for (const extra of known.slice(wanted.length)) extra.remove();
    return true;
  }

  private beginCode(): void {
    const tail = this.whole.slice(this.from);
    const fence = openFence(tail);
    const code = fence && this.shown[this.finished]?.node.querySelector("pre > code");
    if (!fence || !code) return void (this.code = null);
    const certain = fence.begins + certainCode(tail.slice(fence.begins), fence.sign);
    const text = new Text(tail.slice(fence.begins, certain));
    code.replaceChildren(text);
    this.code = { ...fence, from: this.from, shownTo: this.from + certain, text };
  }

  /** Adds to code that streams; says whether it is still open. */
  private growCode(code: Code): boolean {
    const { whole } = this;
    const line = whole.lastIndexOf("\n", code.shownTo - 1) + 1;
    const fresh = whole.slice(Math.max(line, code.from + code.begins));
    if (closes(fresh, code.sign)) {
      this.code = null;
      return false;
    }
    const certain = whole.length - fresh.length + certainCode(fresh, code.sign);
    if (certain > code.shownTo) {
      code.text.appendData(whole.slice(code.shownTo, certain));
      code.shownTo = certain;
    }
    return true;
  }
}

customElements.define("slw-markdown", MarkdownView);
