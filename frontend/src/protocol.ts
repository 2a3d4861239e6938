// The shapes that the server sends: sessions, events and socket frames, as ARCHITECTURE.md and docs/api.md define them.

export type SessionStatus = "INITIALIZING" | "RUNNING" | "WAITING_INPUT" | "COMPLETED" | "ERROR" | "STOPPED";
export type JobStatus = "PENDING" | "PROCESSING" | "COMPLETED" | "FAILED" | "CANCELLED";
export type PermissionKind = "TOOL" | "PLAN" | "QUESTION";
export type Json = Record<string, unknown>;

export interface Attachment { id: string; media_type: string; size: number }
export interface Command { name: string; description: string; argument_hint?: string }
export interface BackgroundTask { id: string; kind: string; description: string }

export interface Job {
  id: string;
  /** Null when the agent began the turn by itself. */
  message_id: string | null;
  trigger?: "MESSAGE" | "AGENT";
  is_urgent?: boolean;
  /** Which one it is in the queue, from 1; null when it does not wait there. */
  place?: number | null;
  status: JobStatus;
  progress: number;
  progress_message: string;
  error: string;
}

export interface Permission {
  id: string;
  kind: PermissionKind;
  tool: string;
  input: Json;
  description: string;
  suggestions: unknown[];
  cwd?: string;
  /** The tool call of the sub-agent that asks. */
  parent?: string | null;
  status?: string;
}

export interface Session {
  id: string;
  organization_id: string;
  project_id: string;
  name: string;
  branch: string;
  base_branch: string;
  model: string;
  permission_mode: string;
  environment_id: string | null;
  status: SessionStatus;
  status_reason: string;
  git_status: "CLEAN" | "DIRTY";
  is_practice: boolean;
  cost_usd: string;
  input_tokens?: number;
  output_tokens?: number;
  files_changed?: number;
  last_seq: number;
  active_job: Job | null;
  pending_permissions?: Permission[];
  is_waiting?: boolean;
  title?: string;
  context_tokens?: number;
  context_window?: number;
  commands?: Command[];
  background?: BackgroundTask[];
  /** When it was not stopped, since its work could not be saved. */
  stop_refused_at?: string | null;
  queue?: Job[];
  created_at: string;
  updated_at: string;
}

export interface LogEvent {
  seq: number;
  kind: string;
  payload: Json;
  job_id: string | null;
  created_at: string;
}

export interface Delta {
  block: string;
  parent: string | null;
  kind: "text" | "thinking";
  offset: number;
  text: string;
}

export interface Live {
  block: string;
  parent: string | null;
  kind: "text" | "thinking";
  text: string;
}

export type ServerFrame =
  | { type: "hello"; session: Session; last_seq: number; live: unknown; version?: string; /** What the server's clock shows. */ now?: string; page?: { items: LogEvent[]; carried?: LogEvent[]; has_more?: boolean } }
  | ({ type: "event" } & LogEvent)
  | ({ type: "delta" } & Delta)
  | { type: "error"; error: string; message: string }
  | { type: "queue"; places: Record<string, number> }
  | { type: "ping" }
  | { type: "pong" };

/** Every kind of event; the SSE client has to name each one that it wants to hear. */
export const EVENT_KINDS = [
  "session.status", "job.status", "message.user", "turn.started", "assistant.text", "assistant.thinking", "tool.call",
  "tool.result", "permission.requested", "permission.resolved", "agent.notice", "agent.raw", "agent.exited",
  "turn.completed", "checkpoint.created", "tree.restored", "session.moved", "session.changed", "context.compacted", "message.edited",
] as const;

/** What an agent may do without asking. */
export interface Rule {
  id: string;
  rule: string;
  scope: "session" | "project";
  session_id: string | null;
  created_by: { id: string; name: string } | null;
  created_at: string;
}

export interface DiffLine { kind: " " | "+" | "-"; text: string; old: number | null; new: number | null }
export interface DiffHunk { header: string; old_start: number; new_start: number; lines: DiffLine[] }
export interface DiffFile {
  path: string;
  old_path: string | null;
  status: "added" | "modified" | "deleted" | "renamed";
  additions: number;
  deletions: number;
  is_binary: boolean;
  hunks: DiffHunk[];
}
export interface Diff { base: string; head: string; files: DiffFile[]; additions: number; deletions: number; is_truncated: boolean }

export interface ProjectImport { id: string; status: string; step: string; percent: number; log: string; error: string }
export interface Project {
  id: string;
  organization_id: string;
  name: string;
  status: "IMPORTING" | "READY" | "FAILED";
  source: string;
  default_branch: string;
  default_model: string;
  default_environment_id: string | null;
  import: ProjectImport | null;
}
