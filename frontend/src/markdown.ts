// Markdown of agents, which is hostile, as DOM: raw HTML is shown as text, and only a strict list of tags gets through.

import createDOMPurify, { type Config } from "dompurify";
import { Marked, type Token, type TokensList } from "marked";
import { copyButton } from "./copy.ts";
import { highlight } from "./highlight.ts";

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const marked = new Marked({
  gfm: true,
  breaks: false,
  renderer: {
    html: ({ text }) => escaped(text),
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

const ALLOWED: Config = {
  ALLOWED_TAGS: [
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
  ],
  ALLOWED_ATTR: ["href", "class", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

const purify = createDOMPurify(window);
purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A" && node.hasAttribute("href")) {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
  const name = node.getAttribute("class");
  if (name !== null && !(node.tagName === "CODE" && /^language-[\w+-]{1,30}$/.test(name))) node.removeAttribute("class");
});

/** Gives each code block its language, colours and a copy button; each table a frame that scrolls. */
function enrich(fragment: DocumentFragment): DocumentFragment {
  for (const code of fragment.querySelectorAll<HTMLElement>("pre > code")) {
    const language = code.className.replace("language-", "");
    highlight(code, language);
    const frame = document.createElement("div");
    frame.className = "code";
    const head = document.createElement("div");
    head.className = "code-head";
    head.append(Object.assign(document.createElement("span"), { textContent: language || "text" }), copyButton(() => code.textContent ?? ""));
    const pre = code.parentElement as HTMLElement;
    pre.tabIndex = 0;
    pre.replaceWith(frame);
    frame.append(head, pre);
  }
  for (const table of fragment.querySelectorAll("table")) {
    const frame = Object.assign(document.createElement("div"), { className: "table-frame", tabIndex: 0 });
    table.replaceWith(frame);
    frame.append(table);
  }
  return fragment;
}

function render(token: Token, links: TokensList["links"]): DocumentFragment {
  const list = Object.assign([token], { links }) as TokensList;
  return enrich(purify.sanitize(marked.parser(list), ALLOWED) as unknown as DocumentFragment);
}

/** `<slw-markdown>`: shows `text`; while it grows, only the block that changed is rendered again. */
export class MarkdownView extends HTMLElement {
  private shown: { raw: string; node: HTMLElement }[] = [];

  set text(text: string) {
    const tokens = marked.lexer(text);
    const parts = tokens.filter((token) => token.type !== "space");
    parts.forEach((token, index) => this.show(token, index, tokens.links));
    for (const extra of this.shown.splice(parts.length)) extra.node.remove();
  }

  private show(token: Token, index: number, links: TokensList["links"]): void {
    const known = this.shown[index];
    if (known?.raw === token.raw) return;
    const node = document.createElement("div");
    node.append(render(token, links));
    if (known) known.node.replaceWith(node);
    else this.append(node);
    this.shown[index] = { raw: token.raw, node };
  }
}

customElements.define("slw-markdown", MarkdownView);
