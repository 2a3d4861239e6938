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

/** Colours the code in place, at once when its language is known already; unknown languages and very long code stay plain text. */
export function highlight(code: HTMLElement, language: string): void {
  const word = language.toLowerCase();
  const name = Object.hasOwn(ALIASES, word) ? (ALIASES[word] as string) : word;
  if (!Object.hasOwn(LANGUAGES, name) || (code.textContent ?? "").length > LONGEST) return;
  if (hljs?.getLanguage(name)) return paint(code, name);
  const ready = loading.get(name) ?? fetchLanguage(name);
  loading.set(name, ready);
  void ready.then((isReady) => {
    if (isReady) paint(code, name);
  });
}
