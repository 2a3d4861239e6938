// Blocks of markdown, which is hostile, as DOM: raw HTML is shown as text, and only a strict list of tags gets through.

import createDOMPurify, { type Config } from "dompurify";
import { Marked, type Token, type Tokens, type TokensList } from "marked";
import { copyButton } from "../copy.ts";
import { highlight } from "../highlight.ts";
import { gettext } from "../i18n.ts";
import { changePreferences, hasPreferences, preferences } from "../preferences.ts";

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
  ALLOWED_ATTR: ["href", "class", "start", "align"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ADD_URI_SAFE_ATTR: ["align", "start"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** Made when it is needed, since pure logic is tested where there is no page. */
let purify: ReturnType<typeof createDOMPurify> | null = null;

function purifier(): ReturnType<typeof createDOMPurify> {
  if (purify) return purify;
  purify = createDOMPurify(window);
  purify.addHook("afterSanitizeAttributes", (node) => {
    if (node.tagName === "A" && node.hasAttribute("href")) {
      node.setAttribute("target", "_blank");
      node.setAttribute("rel", "noopener noreferrer nofollow");
    }
    const name = node.getAttribute("class");
    if (name !== null && !(node.tagName === "CODE" && /^language-[\w+#.-]{1,30}$/.test(name))) node.removeAttribute("class");
    const side = node.getAttribute("align");
    if (side !== null && !(/^T[DH]$/.test(node.tagName) && /^(?:left|center|right)$/.test(side))) node.removeAttribute("align");
  });
  return purify;
}

/** A block of a text, and where it begins. */
export interface Block { token: Token; from: number }

/** The blocks of a text, without what is between them. */
export function blocksOf(text: string): Block[] {
  let at = 0;
  const blocks: Block[] = [];
  for (const token of marked.lexer(text)) {
    // The lexer may join lines in a way that is not the text's; then all of it counts as one block that may still change.
    const isThere = at >= 0 && text.startsWith(token.raw, at);
    if (token.type !== "space") blocks.push({ token, from: at });
    at = isThere ? at + token.raw.length : -1;
  }
  return blocks;
}

/** The text as one list; null when it is anything else, or more. */
export function listIn(text: string): Tokens.List | null {
  const [list, ...others] = marked.lexer(text).filter((token) => token.type !== "space");
  return list?.type === "list" && !others.length ? (list as Tokens.List) : null;
}

/** What is shown of a block, as text of a page. */
export const htmlOf = (token: Token): string => marked.parser([token] as TokensList);

/** A block as nodes; one that may still grow gets its colours later. */
export function rendered(token: Token, isOpen: boolean): DocumentFragment {
  if (token.type === "code") return codeFragment(token as Tokens.Code, isOpen);
  return enriched(purifier().sanitize(htmlOf(token), ALLOWED) as unknown as DocumentFragment, isOpen);
}

const languageOf = (token: Tokens.Code): string => /^[\w+#.-]{1,30}/.exec(token.lang ?? "")?.[0] ?? "";

/** Code needs no parser: it is text. */
function codeFragment(token: Tokens.Code, isOpen: boolean): DocumentFragment {
  const fragment = document.createDocumentFragment();
  const code = document.createElement("code");
  code.textContent = token.text;
  const pre = document.createElement("pre");
  pre.append(code);
  fragment.append(pre);
  const language = languageOf(token);
  if (language) code.className = `language-${language}`;
  return enriched(fragment, isOpen);
}

/** Gives each code block its language, colours and buttons; each table a frame that scrolls. */
function enriched(fragment: DocumentFragment, isOpen: boolean): DocumentFragment {
  for (const code of fragment.querySelectorAll<HTMLElement>("pre > code")) {
    const language = code.className.replace("language-", "");
    if (!isOpen) highlight(code, language);
    frameCode(code, language);
  }
  for (const item of fragment.querySelectorAll("li")) if (/^\s*[☑☐] /.test(item.textContent ?? "")) item.classList.add("task");
  for (const table of fragment.querySelectorAll("table")) {
    const frame = Object.assign(document.createElement("div"), { className: "table-frame", tabIndex: 0 });
    table.replaceWith(frame);
    frame.append(table);
  }
  return fragment;
}

function frameCode(code: HTMLElement, language: string): void {
  const frame = Object.assign(document.createElement("div"), { className: "code" });
  const head = Object.assign(document.createElement("div"), { className: "code-head" });
  const name = Object.assign(document.createElement("span"), { className: "grow", textContent: language || gettext("text") });
  head.append(name, wrapButton(), copyButton(() => code.textContent ?? ""));
  const pre = code.parentElement as HTMLElement;
  pre.tabIndex = 0;
  pre.replaceWith(frame);
  frame.append(head, pre);
}

/** Whether long lines are wrapped is how a person likes it, in all code at once. */
function wrapButton(): HTMLButtonElement {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "copy", textContent: gettext("Wrap") });
  button.title = gettext("Wrap long lines, or let them scroll sideways");
  button.addEventListener("click", () => {
    const wraps = !document.documentElement.hasAttribute("data-wrap-code");
    if (hasPreferences() && preferences().wrap_code !== wraps) void changePreferences({ wrap_code: wraps }).catch(() => {});
    document.documentElement.toggleAttribute("data-wrap-code", wraps);
  });
  return button;
}
