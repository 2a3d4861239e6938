// The rows of a conversation: its items in order, with a line between days, and runs of reads and searches folded into one.

import type { Conversation, Item, LiveBlock, ToolItem, UserItem } from "./conversation.ts";
import { isAsked } from "./asked.ts";
import type { Unsent } from "./outbox.ts";
import { type GroupKind, groupOf } from "./tools.ts";

interface Base { key: string; estimate: number; /** The key of the item that the row's turn begins with. */ turn: string }
export interface ItemRow extends Base { type: "item"; item: Item }
export interface GroupRow extends Base { type: "group"; kind: GroupKind; items: readonly ToolItem[] }
export interface DayRow extends Base { type: "day"; at: string }
export interface LiveRow extends Base { type: "live"; block: LiveBlock }
export interface QueuedRow extends Base { type: "queued"; item: UserItem }
export interface UnsentRow extends Base { type: "unsent"; message: Unsent }
export interface WorkingRow extends Base { type: "working" }
export type Row = ItemRow | GroupRow | DayRow | LiveRow | QueuedRow | UnsentRow | WorkingRow;

export const FEWEST_GROUPED = 4;
const LINE_CHARACTERS = 88;

const lines = (text: string): number => Math.ceil(text.length / LINE_CHARACTERS) + (text.match(/\n/g)?.length ?? 0) / 2;

/** A guess, good enough for the scroll bar, until the row was seen. */
function estimateOf(item: Item): number {
  switch (item.type) {
    case "text": return 12 + 24 * Math.max(1, lines(item.text));
    case "user": return 82 + 24 * Math.min(20, Math.max(0, lines(item.text) - 1)) + (item.attachments.length ? 104 : 0);
    case "thinking": return 40;
    case "footer": return 48;
    default: return 44;
  }
}

const dayOf = (at: string): string => new Date(at).toDateString();

/** Whether an item begins a turn. */
export const isBeginning = (item: Item): boolean => (item.type === "user" && !item.isWithdrawn) || item.type === "begun";

/** The rows of what the log tells; the first day is named only when it is not today, and none where `today` is null. */
export function itemRows(conversation: Pick<Conversation, "items" | "pending" | "results">, today: string | null = new Date().toDateString()): Row[] {
  const rows: Row[] = [];
  let turn = "";
  let day = today ?? "";
  let run: ToolItem[] = [];
  const endRun = (): void => {
    const [first] = run;
    const kind = first && groupOf(first.name, first.input);
    if (first && kind && run.length >= FEWEST_GROUPED) rows.push({ type: "group", key: `g${first.key}`, kind, items: run, turn, estimate: 44 });
    else for (const item of run) rows.push({ type: "item", key: item.key, item, turn, estimate: 44 });
    run = [];
  };
  for (const item of conversation.items) {
    const kind = item.type === "tool" && !isAsked(conversation, item) ? groupOf(item.name, item.input) : null;
    if (!kind || (run[0] && groupOf(run[0].name, run[0].input) !== kind)) endRun();
    if (today !== null && item.at && dayOf(item.at) !== day) {
      endRun();
      day = dayOf(item.at);
      rows.push({ type: "day", key: `d${item.key}`, at: item.at, turn: isBeginning(item) ? item.key : turn, estimate: 44 });
    }
    if (isBeginning(item)) turn = item.key;
    if (kind) run.push(item as ToolItem);
    else rows.push({ type: "item", key: item.key, item, turn, estimate: estimateOf(item) });
  }
  endRun();
  return rows;
}

/** The rows of each turn. */
export function byTurn(rows: readonly Row[]): Map<string, Row[]> {
  const turns = new Map<string, Row[]>();
  for (const row of rows) {
    const known = turns.get(row.turn);
    if (known) known.push(row);
    else turns.set(row.turn, [row]);
  }
  return turns;
}

/** The items that a row shows. */
export function itemsOf(row: Row): readonly Item[] {
  if (row.type === "item") return [row.item];
  return row.type === "group" ? row.items : [];
}

/** What can be unfolded in these rows. */
export const keysOf = (rows: readonly Row[]): string[] =>
  rows.flatMap((row) => (row.type === "group" ? [row.key, ...row.items.map((one) => one.key)] : row.type === "item" && (row.item.type === "tool" || row.item.type === "thinking") ? [row.key] : []));
