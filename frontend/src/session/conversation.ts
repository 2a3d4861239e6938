// The conversation as data: a pure reduction of the event log, and of the deltas that run ahead of it.

import { arr, num, obj, text as str } from "../json.ts";
import { isFor } from "./asked.ts";
import type { Attachment, Delta, Json, Live, LogEvent, Permission, Session } from "../protocol.ts";

interface Entry { key: string; at: string; /** The number of the event that it came with. */ seq: number }
export interface UserItem extends Entry { type: "user"; messageId: string; jobId: string | null; text: string; author: string; attachments: readonly Attachment[]; isEdited: boolean; isWithdrawn: boolean }
/** A turn that nobody asked for: the agent went on by itself. */
export interface BegunItem extends Entry { type: "begun" }
export interface CompactedItem extends Entry { type: "compacted"; trigger: string; before: number; after: number }
/** With `tookMs` it is thinking, and how long that took. */
export interface TextItem extends Entry { type: "text" | "thinking"; text: string; tookMs?: number }
export interface ToolItem extends Entry { type: "tool"; callId: string; name: string; input: Json; /** When somebody allowed it: it ran from then on. */ allowedAt?: string }
export interface DecisionItem extends Entry { type: "decision"; permission: Permission }
/** With a `messageId` it tells why that message's turn failed. */
export interface NoticeItem extends Entry { type: "notice"; level: string; text: string; detail: string; messageId?: string }
/** The model did not answer and was asked again, perhaps many times; `text` tells of the last time. */
export interface RetriedItem extends Entry { type: "retried"; text: string; details: readonly string[] }
/** The files went back to how a turn left them; or could not, and then it says why. */
export interface RestoredItem extends Entry { type: "restored"; by: string; filesChanged: number; undoId: string; error: string }
/** The session went on in another environment; or could not, and then it says why. */
export interface MovedItem extends Entry { type: "moved"; by: string; from: string; to: string; error: string }
/** With a `detail` when the turn failed: what the model or the agent said of it, word for word. */
export interface FooterItem extends Entry { type: "footer"; jobId: string | null; turn: Turn; detail: string }
export type Item = UserItem | TextItem | ToolItem | DecisionItem | NoticeItem | FooterItem | BegunItem | CompactedItem | RetriedItem | RestoredItem | MovedItem;

export interface Turn { isError: boolean; error: string; durationMs: number; inputTokens: number; outputTokens: number; costUsd: string; /** The notice before it says the same, as of a turn that was interrupted. */ isTold?: true }
export interface ToolResult { at: string; isError: boolean; /** Its turn was interrupted under it. */ isInterrupted?: boolean; text: string; isTruncated: boolean; images: unknown[]; patch: unknown }
export interface JobState { /** Since when its message says so. */ at: string; status: string; progress: number; message: string; error: string; messageId: string; isUrgent: boolean }
export interface Resolution { status: string; reason: string; by: string; byId: string; rules: readonly string[]; /** Of a question: what was said to each, by its text. */ answers: Json }
/** The newest value of something about the session, and the number that the log had then. */
export interface Change { seq: number; value: unknown }
export interface LiveBlock extends Live { length: number }

export interface Conversation {
  readonly lastSeq: number;
  readonly items: readonly Item[];
  readonly queued: readonly UserItem[];
  readonly children: ReadonlyMap<string, readonly Item[]>;
  readonly results: ReadonlyMap<string, ToolResult>;
  /** Calls that will never have a result, since their turn is over. */
  readonly unfinished: ReadonlySet<string>;
  readonly jobs: ReadonlyMap<string, JobState>;
  readonly pending: readonly Permission[];
  readonly resolutions: ReadonlyMap<string, Resolution>;
  /** In the turn of each job. */
  readonly filesChanged: ReadonlyMap<string, number>;
  /** The state of the files that was kept at the end of a job's turn. */
  readonly checkpointIds: ReadonlyMap<string, string>;
  readonly live: readonly LiveBlock[];
  readonly finished: ReadonlySet<string>;
  /** The number of the newest checkpoint's event: it grows with each. */
  readonly checkpoints: number;
  readonly status: { status: string; reason: string; gitStatus: string } | null;
  readonly changes: ReadonlyMap<string, Change>;
  /** Calls that have no result yet. */
  readonly openCalls: ReadonlySet<string>;
  /** When the newest event was written. */
  readonly lastAt: string;
}

export const EMPTY: Conversation = {
  lastSeq: 0, items: [], queued: [], children: new Map(), results: new Map(), unfinished: new Set(), jobs: new Map(), pending: [], resolutions: new Map(),
  filesChanged: new Map(), checkpointIds: new Map(), live: [], finished: new Set(), checkpoints: 0, status: null, changes: new Map(), openCalls: new Set(), lastAt: "",
};

/** A copy that one batch of events may write to; what was handed out before stays as it was. */
interface Draft {
  lastSeq: number;
  items: Item[];
  queued: UserItem[];
  children: Map<string, readonly Item[]>;
  results: Map<string, ToolResult>;
  unfinished: Set<string>;
  jobs: Map<string, JobState>;
  pending: Permission[];
  resolutions: Map<string, Resolution>;
  filesChanged: Map<string, number>;
  checkpointIds: Map<string, string>;
  live: LiveBlock[];
  finished: Set<string>;
  checkpoints: number;
  status: Conversation["status"];
  changes: Map<string, Change>;
  openCalls: Set<string>;
  lastAt: string;
  /** Lists of children that are this draft's own. */
  own: Set<string>;
}

const draftOf = (state: Conversation): Draft => ({
  ...state,
  items: [...state.items],
  queued: [...state.queued],
  children: new Map(state.children),
  results: new Map(state.results),
  unfinished: new Set(state.unfinished),
  jobs: new Map(state.jobs),
  pending: [...state.pending],
  resolutions: new Map(state.resolutions),
  filesChanged: new Map(state.filesChanged),
  checkpointIds: new Map(state.checkpointIds),
  live: [...state.live],
  finished: new Set(state.finished),
  changes: new Map(state.changes),
  openCalls: new Set(state.openCalls),
  own: new Set(),
});

function add(draft: Draft, parent: unknown, item: Item): void {
  if (typeof parent !== "string" || !parent) return void draft.items.push(item);
  if (draft.own.has(parent)) return void (draft.children.get(parent) as Item[]).push(item);
  draft.children.set(parent, [...(draft.children.get(parent) ?? []), item]);
  draft.own.add(parent);
}

const entry = ({ seq, created_at: at }: LogEvent, key = `e${seq}`): Entry => ({ key, at, seq });

/** The same for a block that streams and for the item that it becomes, so that the page keeps its element, and with it the reader's place. */
export const blockKey = (block: string): string => `b${block}`;

function addBlock(draft: Draft, type: "text" | "thinking", event: LogEvent): void {
  const { parent, text } = event.payload;
  const block = str(event.payload.block);
  const key = draft.finished.has(block) ? `e${event.seq}` : blockKey(block);
  draft.live = draft.live.filter((live) => live.block !== block);
  draft.finished.add(block);
  const took = type === "thinking" && draft.lastAt ? { tookMs: Math.max(0, Date.parse(event.created_at) - Date.parse(draft.lastAt)) } : {};
  if (str(text).trim()) add(draft, parent, { type, ...entry(event, key), text: str(text), ...took });
}

/** A message takes its place in the conversation when its turn begins, not when it was sent. */
function begin(draft: Draft, jobId: string, isWithdrawn: boolean): void {
  draft.items.push(...draft.queued.filter((item) => item.jobId === jobId).map((item) => ({ ...item, isWithdrawn })));
  draft.queued = draft.queued.filter((item) => item.jobId !== jobId);
}

const attachmentsOf = (value: unknown): Attachment[] =>
  arr(value).map(obj).filter((one) => typeof one.id === "string").map((one) => ({ id: str(one.id), media_type: str(one.media_type), size: num(one.size) }));

const edited = <T extends Item>(items: readonly T[], messageId: string, text: string): T[] =>
  items.map((item) => (item.type === "user" && item.messageId === messageId ? { ...item, text, isEdited: true } : item));

function permissionOf(payload: Json): Permission {
  const kind = payload.kind === "PLAN" || payload.kind === "QUESTION" ? payload.kind : "TOOL";
  return {
    id: str(payload.id), kind, tool: str(payload.tool), input: obj(payload.input), description: str(payload.description),
    suggestions: arr(payload.suggestions), cwd: str(payload.cwd), parent: str(payload.parent) || null,
  };
}

function resolve(draft: Draft, event: LogEvent): void {
  const { id, status, reason, by } = event.payload;
  const permission = draft.pending.find((one) => one.id === id);
  draft.pending = draft.pending.filter((one) => one.id !== id);
  const rules = arr(event.payload.rules).map((rule) => str(obj(rule).rule ?? rule));
  draft.resolutions.set(str(id), { status: str(status), reason: str(reason), by: str(obj(by).name ?? by), byId: str(obj(by).id), rules, answers: obj(event.payload.answers) });
  if (permission && status === "ALLOWED") allow(draft, permission, event.created_at);
  if (permission) add(draft, null, { type: "decision", ...entry(event), permission });
}

/** The call that this was asked for begins to run. */
function allow(draft: Draft, permission: Permission, allowedAt: string): void {
  const { parent } = permission;
  const items = parent ? (draft.children.get(parent) ?? []) : draft.items;
  const at = items.findLastIndex((item) => item.type === "tool" && draft.openCalls.has(item.callId) && isFor(permission, item));
  if (at < 0) return;
  const next = items.with(at, { ...(items[at] as ToolItem), allowedAt });
  if (parent) draft.children.set(parent, next);
  else draft.items = next;
}

const RETRY = /\(attempt \d+ of \d+\)…$/;

/** Times that follow one another are one thing. */
function retry(draft: Draft, event: LogEvent, text: string, detail: string): void {
  const last = draft.items.at(-1);
  const before = last?.type === "retried" ? (draft.items.pop() as RetriedItem) : null;
  draft.items.push({ type: "retried", ...(before ?? entry(event)), text, details: [...(before?.details ?? []), detail] });
}

function exitNotice(event: LogEvent): NoticeItem | null {
  const { exit_code: exitCode, signal, stderr } = event.payload;
  if (exitCode === 0) return null;
  const text = signal ? `signal ${str(signal)}` : `exit code ${str(exitCode)}`;
  return { type: "notice", ...entry(event), level: "exited", text, detail: str(stderr) };
}

/** Tells a failure once: what the agent's exit or the turn's end said before is the same failure. */
function tellFailure(draft: Draft, event: LogEvent, { error, messageId }: JobState): void {
  const last = draft.items.at(-1);
  if (last?.type === "footer" && last.turn.isError) return;
  const isExit = last?.type === "notice" && last.level === "exited";
  if (isExit) draft.items.pop();
  const text = error || (isExit ? last.text : "");
  draft.items.push({ type: "notice", ...entry(event), level: "failed", text, detail: isExit ? last.detail : "", messageId });
}

/** What was just told of the failure that ends the turn: the footer tells it instead. */
function takeFailure(draft: Draft, isError: boolean): NoticeItem | null {
  const last = draft.items.at(-1);
  if (!isError || last?.type !== "notice" || last.level !== "error") return null;
  draft.items.pop();
  return last;
}

/** The end of a turn: nothing streams any more, and what has no result by now gets none. */
function endTurn(draft: Draft, event: LogEvent, job: JobState): void {
  draft.live = [];
  for (const call of draft.openCalls) draft.unfinished.add(call);
  draft.openCalls.clear();
  if (job.status === "FAILED") tellFailure(draft, event, job);
}

type Handler = (draft: Draft, event: LogEvent) => void;

const ENDED = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

const HANDLERS: Record<string, Handler> = {
  "session.status": (draft, { payload }) => {
    draft.status = { status: str(payload.status), reason: str(payload.reason), gitStatus: str(payload.git_status) };
  },
  "job.status": (draft, event) => {
    const { job_id: id, message_id: messageId, status, progress, progress_message: message, error } = event.payload;
    const known = draft.jobs.get(str(id));
    const before = known?.status;
    const job = { at: known && before === status && known.message === message ? known.at : event.created_at, status: str(status), progress: num(progress), message: str(message), error: str(error), messageId: str(messageId), isUrgent: event.payload.is_urgent === true };
    draft.jobs.set(str(id), job);
    if (messageId == null && event.payload.trigger === "AGENT" && status === "PROCESSING" && before !== "PROCESSING") draft.items.push({ type: "begun", ...entry(event) });
    if (status !== "PENDING") begin(draft, str(id), status === "CANCELLED");
    if (ENDED.has(job.status) && (before === "PROCESSING" || job.status === "FAILED")) endTurn(draft, event, job);
  },
  "message.user": (draft, event) => {
    const { payload, job_id: jobId } = event;
    const author = str(obj(payload.author).name);
    const item: UserItem = { type: "user", ...entry(event), messageId: str(payload.message_id), jobId: str(payload.job_id) || jobId, text: str(payload.text), author, attachments: attachmentsOf(payload.attachments), isEdited: false, isWithdrawn: false };
    const isQueued = item.jobId !== null && (draft.jobs.get(item.jobId)?.status ?? "PENDING") === "PENDING";
    if (isQueued) draft.queued.push(item);
    else add(draft, null, item);
  },
  "message.edited": (draft, { payload }) => {
    draft.queued = edited(draft.queued, str(payload.message_id), str(payload.text));
    draft.items = edited(draft.items, str(payload.message_id), str(payload.text));
  },
  "tree.restored": (draft, event) => {
    const { payload } = event;
    draft.items.push({ type: "restored", ...entry(event), by: str(obj(payload.by).name), filesChanged: num(payload.files_changed), undoId: str(payload.from_checkpoint_id), error: str(payload.error) });
    if (!payload.error) draft.checkpoints = event.seq;
    if (!payload.error && draft.status) draft.status = { ...draft.status, gitStatus: str(payload.git_status) || draft.status.gitStatus };
  },
  "session.moved": (draft, event) => {
    const { payload } = event;
    draft.items.push({ type: "moved", ...entry(event), by: str(obj(payload.by).name), from: str(payload.from), to: str(payload.to), error: str(payload.error) });
  },
  "session.changed": (draft, { seq, payload }) => {
    for (const [name, value] of Object.entries(obj(payload.changes))) draft.changes.set(name, { seq, value });
  },
  "context.compacted": (draft, event) => {
    const { payload } = event;
    draft.items.push({ type: "compacted", ...entry(event), trigger: str(payload.trigger), before: num(payload.tokens_before), after: num(payload.tokens_after) });
  },
  "assistant.text": (draft, event) => addBlock(draft, "text", event),
  "assistant.thinking": (draft, event) => addBlock(draft, "thinking", event),
  "tool.call": (draft, event) => {
    const { payload } = event;
    if (!draft.results.has(str(payload.call_id))) draft.openCalls.add(str(payload.call_id));
    add(draft, payload.parent, { type: "tool", ...entry(event), callId: str(payload.call_id), name: str(payload.name), input: obj(payload.input) });
  },
  "tool.result": (draft, { payload, created_at: at }) => {
    draft.openCalls.delete(str(payload.call_id));
    draft.results.set(str(payload.call_id), {
      at, isError: payload.is_error === true, text: str(payload.text), isTruncated: payload.is_truncated === true, isInterrupted: payload.is_interrupted === true,
      images: arr(payload.images), patch: payload.patch ?? null,
    });
  },
  "permission.requested": (draft, { payload }) => {
    const permission = permissionOf(payload);
    draft.pending = [...draft.pending.filter((one) => one.id !== permission.id), permission];
  },
  "permission.resolved": resolve,
  "agent.notice": (draft, event) => {
    const { payload } = event;
    const detail = typeof payload.detail === "string" ? payload.detail : payload.detail ? JSON.stringify(payload.detail) : "";
    if (RETRY.test(str(payload.text))) retry(draft, event, str(payload.text), detail);
    else add(draft, null, { type: "notice", ...entry(event), level: str(payload.level), text: str(payload.text), detail });
  },
  "agent.raw": (draft, event) => {
    add(draft, null, { type: "notice", ...entry(event), level: "raw", text: "", detail: str(event.payload.text) });
  },
  "agent.exited": (draft, event) => {
    const notice = exitNotice(event);
    const last = draft.items.at(-1);
    // The failed turn has told it already; what the agent said last belongs there.
    if (notice && last?.type === "notice" && last.level === "failed") draft.items[draft.items.length - 1] = { ...last, detail: last.detail || notice.detail };
    else if (notice) add(draft, null, notice);
  },
  "turn.completed": (draft, event) => {
    const { payload, job_id: jobId } = event;
    draft.live = [];
    const isError = payload.is_error === true;
    const failure = takeFailure(draft, isError);
    const last = draft.items.at(-1);
    const isTold = isError && last?.type === "notice" && last.text === payload.error;
    const turn: Turn = {
      ...(isTold ? { isTold } : {}),
      isError, error: str(payload.error) || (failure?.text ?? ""), durationMs: num(payload.duration_ms),
      inputTokens: num(payload.input_tokens) + num(payload.cache_read_tokens) + num(payload.cache_write_tokens),
      outputTokens: num(payload.output_tokens), costUsd: str(payload.cost_usd),
    };
    add(draft, null, { type: "footer", ...entry(event), jobId, turn, detail: failure?.detail ?? "" });
  },
  "checkpoint.created": (draft, { seq, payload, job_id: jobId }) => {
    draft.checkpoints = seq;
    if (jobId) draft.filesChanged.set(jobId, num(payload.files_changed_in_turn ?? payload.files_changed));
    if (jobId && typeof payload.checkpoint_id === "string") draft.checkpointIds.set(jobId, payload.checkpoint_id);
    if (draft.status) draft.status = { ...draft.status, gitStatus: str(payload.git_status) || draft.status.gitStatus };
  },
};

/** The conversation after these events. Ones that it knows already are left out; a kind it does not know only counts. */
export function applyEvents(state: Conversation, events: readonly LogEvent[]): Conversation {
  const fresh = events.filter((event) => event.seq > state.lastSeq);
  if (!fresh.length) return state;
  const draft = draftOf(state);
  for (const event of fresh) {
    if (event.seq <= draft.lastSeq) continue;
    if (Object.hasOwn(HANDLERS, event.kind)) HANDLERS[event.kind]?.(draft, event);
    draft.lastSeq = event.seq;
    draft.lastAt = event.created_at;
  }
  const { own: _, ...reduced } = draft;
  return reduced;
}

/** What a session may be told to have become, and how each value has to look: anything else is left out. */
const CHANGEABLE: Record<string, (value: unknown) => boolean> = {
  name: (value) => typeof value === "string", title: (value) => typeof value === "string",
  model: (value) => typeof value === "string", permission_mode: (value) => typeof value === "string",
  context_tokens: Number.isFinite, context_window: Number.isFinite,
  commands: Array.isArray, background: Array.isArray,
};

/** The session with what the log says has changed since it was read. */
export function withChanges(session: Session, changes: ReadonlyMap<string, Change>): Session {
  const fresh = [...changes].filter(([name, { seq, value }]) => seq > session.last_seq && Object.hasOwn(CHANGEABLE, name) && CHANGEABLE[name]?.(value));
  return fresh.length ? { ...session, ...Object.fromEntries(fresh.map(([name, { value }]) => [name, value])) } : session;
}

/** Offsets count characters as Python does: code points, not UTF-16 units. */
const lengthOf = (text: string): number => {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
};

/** The conversation with one more piece of streaming text; a piece that does not fit on is left to the final event. */
export function applyDelta(state: Conversation, delta: Delta): Conversation {
  if (state.finished.has(delta.block)) return state;
  const known = state.live.find((live) => live.block === delta.block);
  const at = known?.length ?? 0;
  if (delta.offset > at) return state;
  const fresh = at === delta.offset ? delta.text : [...delta.text].slice(at - delta.offset).join("");
  if (known && !fresh) return state;
  const next: LiveBlock = {
    block: delta.block, parent: delta.parent, kind: delta.kind, text: (known?.text ?? "") + fresh, length: at + lengthOf(fresh),
  };
  return { ...state, live: known ? state.live.map((live) => (live === known ? next : live)) : [...state.live, next] };
}

/** Takes over the text that was streaming when this browser connected. */
export function applyHello(state: Conversation, live: unknown): Conversation {
  const blocks = Array.isArray(live) ? live : "block" in obj(live) ? [live] : Object.values(obj(live));
  const found = blocks.map(obj).filter((one) => typeof one.block === "string" && !state.finished.has(one.block));
  return {
    ...state,
    live: found.map((one) => {
      const text = str(one.text);
      return { block: str(one.block), parent: one.parent ? str(one.parent) : null, kind: one.kind === "thinking" ? "thinking" : "text", text, length: lengthOf(text) };
    }),
  };
}
