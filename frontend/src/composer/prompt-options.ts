// Earlier messages as a list: those that fit what is searched, and when they were asked.

import { ago } from "../format.ts";
import { match } from "../fuzzy.ts";
import { gettext, ngettext } from "../i18n.ts";
import type { Option } from "./menu.ts";
import type { KnownPrompt } from "./prompt-history.ts";

const LONGEST_SHOWN = 300;

const oneLine = (text: string): string => text.slice(0, LONGEST_SHOWN).replace(/\s+/g, " ").trim();

/** Those with the query as it stands before those that only have its letters, the newest first. */
export function promptOptions(query: string, prompts: readonly KnownPrompt[]): Option[] {
  const wanted = query.trim().toLowerCase();
  const found = prompts.flatMap((prompt) => {
    const title = oneLine(prompt.text);
    const start = title.toLowerCase().indexOf(wanted);
    if (start >= 0) return [{ prompt, title, rank: 0, at: Array.from(wanted, (_, index) => start + index) }];
    if (prompt.text.toLowerCase().includes(wanted)) return [{ prompt, title, rank: 1, at: [] }];
    const scattered = wanted.length > 1 ? match(wanted, title) : null;
    return scattered ? [{ prompt, title, rank: 2, at: scattered.positions }] : [];
  });
  return found.sort((a, b) => a.rank - b.rank).map(({ prompt, title, at }) => ({ title, at, detail: usedWord(prompt), insert: prompt.text, isWhole: true }));
}

function usedWord({ used_count: times = 0, last_used_at: at }: KnownPrompt): string {
  if (!at) return times > 1 ? ngettext("used {count} time", "used {count} times", times) : gettext("in this session");
  return times > 1 ? gettext("{when}, {n} times", { when: ago(at), n: times }) : ago(at);
}
