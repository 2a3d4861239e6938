// One way to call the API: session cookie, CSRF token, and errors in the one format.

import { gettext } from "./i18n.ts";
import { newId } from "./ids.ts";

export interface FieldError { field: string; message: string }

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: FieldError[] = [],
    readonly requestId = "",
  ) {
    super(message);
  }

  /** Whether the server may or may not have done it: no answer came, or one from in between. */
  get isIndeterminate(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

function csrfToken(): string {
  const cookie = document.cookie.match(/(?:^|; )(?:__Host-)?csrftoken=([^;]+)/);
  return cookie?.[1] ?? document.querySelector<HTMLMetaElement>("meta[name=csrf-token]")?.content ?? "";
}

async function errorOf(response: Response): Promise<ApiError> {
  const requestId = response.headers.get("X-Request-ID") ?? "";
  try {
    const body = (await response.json()) as { error: string; message: string; details?: FieldError[]; request_id?: string };
    return new ApiError(response.status, body.error, body.message, body.details ?? [], body.request_id ?? requestId);
  } catch {
    return new ApiError(response.status, "system_error", gettext("The server could not answer. Try again in a moment."), [], requestId);
  }
}

interface Sent { body?: unknown; key?: string; signal?: AbortSignal | undefined; onProgress?: Progress | undefined }
/** How much of a body is on its way, from 0 to 1. */
export type Progress = (part: number) => void;

/** `fetch` cannot tell how much it has sent. */
function sentWithProgress(path: string, { method = "POST", headers, body }: RequestInit, onProgress: Progress): Promise<Response> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    for (const [name, value] of Object.entries(headers as Record<string, string>)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event.loaded / event.total));
    request.addEventListener("load", () => done(new Response(request.status === 204 ? null : request.responseText, { status: request.status, headers: { "X-Request-ID": request.getResponseHeader("X-Request-ID") ?? "" } })));
    for (const end of ["error", "abort", "timeout"]) request.addEventListener(end, () => failed(new TypeError(end)));
    request.send(body as XMLHttpRequestBodyInit | null);
  });
}

async function once<T>(method: string, path: string, { body, key, signal, onProgress }: Sent): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const init: RequestInit = { method, headers, credentials: "same-origin", signal: signal ?? null };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (key) headers["Idempotency-Key"] = key;
  if (body instanceof FormData) init.body = body;
  else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await (onProgress ? sentWithProgress(`/api${path}`, init, onProgress) : fetch(`/api${path}`, init));
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", gettext("The server cannot be reached. Check your connection and try again."));
  }
  if (!response.ok) throw await errorOf(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const isGone = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

export interface Repeating { key?: string; tries?: number; firstPause?: number; onProgress?: Progress }

/**
 * A write: it names itself, and is sent again and again while no one can say whether it arrived, for as long as a server takes to come back.
 * Whoever lets people press again after that keeps the `key`, so that it is the same one still.
 */
export async function call<T>(method: string, path: string, body?: unknown, { key = newId(), tries = 6, firstPause = 500, onProgress }: Repeating = {}): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once<T>(method, path, { body, key, onProgress });
    } catch (error) {
      if (attempt > 1 && method === "DELETE" && isGone(error)) return undefined as T; // by the one before, whose answer was lost
      if (!(error instanceof ApiError) || !error.isIndeterminate || attempt === tries) throw error;
      await pause(firstPause * 2 ** (attempt - 1));
    }
  }
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> => once<T>("GET", path, { signal });
export const post = <T>(path: string, body: unknown = {}, repeating?: Repeating): Promise<T> => call<T>("POST", path, body, repeating);
