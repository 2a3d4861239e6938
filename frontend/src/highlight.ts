// Syntax colours for the languages that agents write most, each loaded when there is code in it.

import type { HLJSApi, LanguageFn } from "highlight.js";

const LONGEST = 50_000;

/** By what people write after the three backticks. */
const LANGUAGES: Record<string, () => Promise<{ default: LanguageFn }>> = {
  bash: () => import("highlight.js/lib/languages/bash"),
  css: () => import("highlight.js/lib/languages/css"),
  diff: () => import("highlight.js/lib/languages/diff"),
  go: () => import("highlight.js/lib/languages/go"),
  ini: () => import("highlight.js/lib/languages/ini"),
  javascript: () => import("highlight.js/lib/languages/javascript"),
  json: () => import("highlight.js/lib/languages/json"),
  markdown: () => import("highlight.js/lib/languages/markdown"),
  python: () => import("highlight.js/lib/languages/python"),
  rust: () => import("highlight.js/lib/languages/rust"),
  sql: () => import("highlight.js/lib/languages/sql"),
  typescript: () => import("highlight.js/lib/languages/typescript"),
  xml: () => import("highlight.js/lib/languages/xml"),
  yaml: () => import("highlight.js/lib/languages/yaml"),
};
const ALIASES: Record<string, string> = {
  cjs: "javascript", console: "bash", golang: "go", html: "xml", js: "javascript", jsx: "javascript", md: "markdown", mjs: "javascript", patch: "diff", py: "python",
  rs: "rust", sh: "bash", shell: "bash", svg: "xml", toml: "ini", ts: "typescript", tsx: "typescript", yml: "yaml", zsh: "bash",
};

let hljs: HLJSApi | null = null;
const loading = new Map<string, Promise<boolean>>();

async function fetchLanguage(name: string): Promise<boolean> {
  try {
    const [core, language] = await Promise.all([import("highlight.js/lib/core"), LANGUAGES[name]?.()]);
    hljs = core.default;
    if (language) hljs.registerLanguage(name, language.default);
    return language !== undefined;
  } catch {
    loading.delete(name); // without colours for now; the next code in it tries again
    return false;
  }
}

function paint(code: HTMLElement, language: string): void {
  const text = code.textContent ?? "";
  // highlight.js escapes all of its input; what it adds is only <span class="hljs-…">.
  if (hljs) code.innerHTML = hljs.highlight(text, { language, ignoreIllegals: true }).value;
}

/** The name of a language that we know, by whatever people call it. */
function known(language: string): string {
  const word = language.toLowerCase();
  const name = Object.hasOwn(ALIASES, word) ? (ALIASES[word] as string) : word;
  return Object.hasOwn(LANGUAGES, name) ? name : "";
}

function whenReady(name: string, then: () => void): void {
  const ready = loading.get(name) ?? fetchLanguage(name);
  loading.set(name, ready);
  void ready.then((isReady) => isReady && then());
}

/** Colours the code in place, at once when its language is known already; unknown languages and very long code stay plain text. */
export function highlight(code: HTMLElement, language: string): void {
  const name = known(language);
  if (!name || (code.textContent ?? "").length > LONGEST) return;
  if (hljs?.getLanguage(name)) return paint(code, name);
  whenReady(name, () => paint(code, name));
}

const ENDINGS: Record<string, string> = { bashrc: "bash", cfg: "ini", conf: "ini", htm: "xml", hs: "", jsonl: "json", pyi: "python", vue: "xml", xhtml: "xml" };

/** What a file is written in, by the end of its name. */
export function languageOfPath(path: string): string {
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  return known(Object.hasOwn(ENDINGS, ending) ? (ENDINGS[ending] as string) : ending);
}

/** A piece of a line, and the class of its colour. */
export interface Segment { text: string; name: string }

const TAGS = /<span class="([^"]*)">|<\/span>|([^<]+)/g;
const ENTITIES: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'" };

/** The lines of a text in coloured pieces; null when there are no colours, or none yet: then `ready` is called once they are there. */
export function colouredLines(text: string, language: string, ready: () => void): Segment[][] | null {
  const name = known(language);
  if (!name || text.length > LONGEST) return null;
  if (!hljs?.getLanguage(name)) {
    whenReady(name, ready);
    return null;
  }
  const lines: Segment[][] = [[]];
  const names: string[] = [];
  for (const [, opened, escaped] of hljs.highlight(text, { language: name, ignoreIllegals: true }).value.matchAll(TAGS)) {
    if (opened !== undefined) names.push(opened);
    else if (escaped === undefined) names.pop();
    else {
      const said = escaped.replace(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity] ?? entity);
      said.split("\n").forEach((part, index) => {
        if (index > 0) lines.push([]);
        if (part) lines.at(-1)?.push({ text: part, name: names.at(-1) ?? "" });
      });
    }
  }
  return lines;
}
