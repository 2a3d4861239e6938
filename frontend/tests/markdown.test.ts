// Markdown that streams: at every moment it shows the beginning of what it will show in the end, and no raw signs on the way.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { blocksOf, htmlOf } from "../src/markdown/rendering.ts";
import type { Tokens } from "marked";
import { GrowingList } from "../src/markdown/growing-list.ts";
import { certainCode, closes, openFence, showable } from "../src/markdown/unfinished.ts";

const html = (text: string): string => blocksOf(text).map(({ token }) => htmlOf(token)).join("");
/** The words that are read, without blanks, which come and go with blocks. */
const words = (text: string): string => html(text).replace(/<[^>]*>/g, "").replace(/\s+/g, "");

const DOCUMENT = `# A heading with \`code\`

Some **bold words** and *leaning ones*, ***both***, __strong__ and ~~gone~~, with \`inline **code**\` and a [link](https://example.test/a_b "title").
A second line of 3 * 4 and snake_case_names, an image ![alt text](https://example.test/x.png) and more.

- one item
- another **with bold**
  - nested \`code\` one
  1. numbered
- [ ] to do
- [x] done *now*

1. first
2. second

> quoted **words**
> go on

| Name | Value |
|:-----|------:|
| a    | \`1\` |
| **b** | 2 |

---

\`\`\`python
def f(x):
    return "**" + x  # not bold
\`\`\`

~~~~
\`\`\`
inner
~~~~

Last words, **really**.`;

describe("showable", () => {
  it("shows of every beginning only what stays", () => {
    const whole = words(DOCUMENT);
    for (let end = 1; end <= DOCUMENT.length; end += 1) {
      const shown = words(showable(DOCUMENT.slice(0, end)));
      assert.ok(whole.startsWith(shown), `after ${JSON.stringify(DOCUMENT.slice(Math.max(0, end - 40), end))}: ${JSON.stringify(shown.slice(-40))}`);
    }
  });

  it("never keeps back more than a few characters of words", () => {
    const text = "Plain words that **go on and on** for a while, `with code` and more.";
    for (let end = 1; end <= text.length; end += 1) {
      const [all, shown] = [text.slice(0, end).replace(/[*`\s]/g, ""), words(showable(text.slice(0, end)))];
      assert.ok(all.length - shown.length <= 1, `${all} | ${shown}`);
    }
  });

  it("closes what is open", () => {
    assert.equal(showable("a **bo"), "a **bo**");
    assert.equal(showable("a **bold *and"), "a **bold *and***");
    assert.equal(showable("a `co"), "a `co`");
    assert.equal(showable("a **"), "a");
    assert.equal(showable("see [the docs](https://exa"), "see the docs");
    assert.equal(showable("2 * 3 and snake_case"), "2 * 3 and snake_case");
  });

  it("waits with a table until it is one", () => {
    assert.equal(showable("Look:\n\n| a | b |\n|---|"), "Look:\n\n");
    assert.equal(showable("| a | b |\n|---|---|\n"), "| a | b |\n|---|---|\n");
    assert.equal(showable("| not a table\nbut words\nthat go on"), "| not a table\nbut words\nthat go on");
  });
});

describe("fences", () => {
  it("are open until their own sign closes them", () => {
    assert.deepEqual(openFence("```py\nx = 1\n"), { sign: "```", begins: 6 });
    assert.equal(openFence("```py\nx = 1\n```"), null);
    assert.deepEqual(openFence("````\n```\n"), { sign: "````", begins: 5 });
    assert.equal(openFence("```py"), null);
    assert.equal(openFence("words"), null);
    assert.equal(closes("x\n  ~~~~\n", "~~~"), true);
    assert.equal(closes("x ```\n", "```"), false);
  });

  it("keep back a line that may become their end", () => {
    assert.equal(certainCode("x = 1\n``", "```"), 5);
    assert.equal(certainCode("x = `", "```"), 5);
  });
});

describe("blocks", () => {
  it("are the same whether the text is read as a whole or from where a block begins", () => {
    const blocks = blocksOf(DOCUMENT);
    for (const [index, { from }] of blocks.entries()) {
      assert.deepEqual(blocksOf(DOCUMENT.slice(from)).map(({ token }) => token.raw), blocks.slice(index).map(({ token }) => token.raw));
    }
  });
});

describe("a list that streams", () => {
  /** The outer items as they are shown. */
  const itemsOf = (list: Tokens.List): string[] => {
    const items: string[] = [];
    let depth = 0;
    for (const piece of htmlOf(list).split(/(?=<li>)|(?<=<\/li>)/)) {
      if (piece.includes("<li>") && ++depth === 1) items.push("");
      if (depth > 0) items[items.length - 1] += piece;
      if (piece.includes("</li>")) depth -= 1;
    }
    return items;
  };
  const flat = (number: number): string => `- item ${number} with **bold** and \`code\`\n`;
  const nested = (number: number): string => `${number}. item ${number}\n   - inner of ${number}\n\n     more\n`;
  const tasks = (number: number): string => `- [${number % 2 ? "x" : " "}] task ${number}\ngoes on lazily\n`;

  for (const [name, item] of [["short", flat], ["with parts", nested], ["of tasks", tasks]] as const) it(`is the same in the end and on the way, its items ${name}`, () => {
    const text = Array.from({ length: 12 }, (_, at) => item(at + 1)).join("");
    let growing: GrowingList | null = null;
    let items: string[] = [];
    let fast = 0;
    for (let end = 1; end <= text.length; end += 1) {
      const shown = showable(text.slice(0, end));
      const [block] = blocksOf(shown);
      if (!block || block.token.type !== "list") continue;
      const grown = growing?.grow(text.slice(0, end), showable);
      if (grown) {
        fast += 1;
        items = [...items.slice(0, grown.kept), ...itemsOf(grown.tail)];
      } else {
        items = itemsOf(block.token as Tokens.List);
        growing = GrowingList.of(block.token as Tokens.List, 0);
      }
      assert.deepEqual(items, itemsOf(block.token as Tokens.List), JSON.stringify(text.slice(0, end)));
    }
    assert.ok(fast > text.length / 2, `${fast} of ${text.length} steps read only the end`);
  });

  it("is read again when it ends, or its items become paragraphs", () => {
    const text = [1, 2, 3, 4, 5].map(flat).join("");
    const grown = (more: string): unknown => GrowingList.of(blocksOf(text)[0]?.token as Tokens.List, 0)?.grow(text + more, showable);

    assert.ok(grown("- item 6"));
    assert.equal(grown("\nA paragraph."), null);
    assert.equal(grown("\n- item after a blank line"), null);
    assert.equal(grown("1. another kind"), null);
  });
});
