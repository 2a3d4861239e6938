// What is found in a conversation: in the words that are read, and in what tools fold away.

import { str } from "../json.ts";
import { blocksOf, htmlOf } from "../markdown/rendering.ts";
import { withoutAnsi } from "./ansi.ts";
import type { Conversation, Item, ToolItem } from "./conversation.ts";
import { itemsOf, type Row } from "./rows.ts";
import { isWriting, patchOf, readable, todosOf, toolLine } from "./tools.ts";

/** The nth place in a row; with `item` in the call with this key, `line` lines into what it unfolds to. */
export interface Match { row: string; item: string; /** Keys of calls that this one is nested in. */ within: readonly string[]; isInBody: boolean; line: number; nth: number }

type State = Pick<Conversation, "results" | "children">;

/** More are not counted. */
export const MOST = 5000;
const words = new WeakMap<Item, string>();

/** As a page shows it: there are numbers that name no character. */
const characterOf = (code: number): string => (code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd");
const unescaped = (html: string): string => html.replace(/<[^>]*>/g, "").replace(/&(?:#(\d+)|(\w+));/g, (_, code: string | undefined, name: string) => (code ? characterOf(Number(code)) : ({ amp: "&", lt: "<", gt: ">", quot: '"' }[name] ?? " ")));

/** The words of markdown as they are read. */
function wordsOf(item: Item & { text: string }): string {
  let found = words.get(item);
  if (found === undefined) words.set(item, (found = blocksOf(item.text).map(({ token }) => (token.type === "code" ? str((token as { text?: unknown }).text) : unescaped(htmlOf(token)))).join("\n")));
  return found;
}

/** What a call unfolds to, as text. */
export function bodyText(item: ToolItem, state: State): string {
  const { name, input } = item;
  const result = state.results.get(item.callId);
  const said = withoutAnsi(readable(result?.text ?? ""));
  if (isWriting(name) && !result?.isError) return patchOf(name, input, result?.patch).flatMap((patch) => patch.lines.map((line) => line.text)).join("\n");
  if (name === "Bash") return `${str(input.command)}\n${said}`;
  if (name === "Read") return said.replace(/^\s*\d+(?:→|\t)/gm, "");
  if (name === "TodoWrite") return todosOf(input).map((todo) => todo.text).join("\n");
  if (name === "Grep" || name === "Glob") return said;
  return `${JSON.stringify(input, null, 2)}\n${said}`;
}

/** The line, from 1, of each place where it is found; so many at most. */
function linesOf(text: string, query: string, most: number): number[] {
  const found: number[] = [];
  const low = text.toLowerCase();
  let [line, newline] = [1, low.indexOf("\n")];
  for (let at = low.indexOf(query); at >= 0 && found.length < most; at = low.indexOf(query, at + query.length)) {
    for (; newline >= 0 && newline < at; newline = low.indexOf("\n", newline + 1)) line += 1;
    found.push(line);
  }
  return found;
}

/** Everything that is found in these rows, in their order. */
export function find(rows: readonly Row[], state: State, wanted: string): Match[] {
  const query = wanted.toLowerCase();
  const matches: Match[] = [];
  if (!query.trim()) return matches;
  const put = (row: string, item: string, within: readonly string[], isInBody: boolean, text: string): void => {
    linesOf(text, query, MOST - matches.length).forEach((line, nth) => matches.push({ row, item, within, isInBody, line: isInBody ? line : 0, nth }));
  };
  const look = (row: string, item: Item, within: readonly string[]): void => {
    if (item.type === "tool") {
      const { verb, target } = toolLine(item.name, item.input);
      put(row, item.key, within, false, `${verb} ${target.split("\n", 1)[0] ?? ""}`);
      put(row, item.key, within, true, bodyText(item, state));
      for (const child of state.children.get(item.callId) ?? []) look(row, child, [...within, item.key]);
    } else if (item.type === "text") put(row, item.key, within, false, item.text.toLowerCase().includes(query) ? wordsOf(item) : "");
    else if (item.type === "thinking") put(row, item.key, within, true, item.text);
    else if (item.type === "user") put(row, item.key, within, false, item.text);
    else if (item.type === "notice") put(row, item.key, within, item.detail !== "" && !item.text.toLowerCase().includes(query), item.text + item.detail);
  };
  for (const row of rows) {
    const within = row.type === "group" ? [row.key] : [];
    for (const item of itemsOf(row)) look(row.key, item, within);
  }
  return matches;
}
