// What this person asked agents before, as the server remembers it over all of a project's sessions.

import { get } from "../api.ts";

export interface KnownPrompt { text: string; used_count?: number; last_used_at?: string }

const MOST = 100;

/** Throws what the network or the server says. */
export async function earlierPrompts(projectId: string, query = "", signal?: AbortSignal): Promise<readonly KnownPrompt[]> {
  const asked = new URLSearchParams({ project_id: projectId, limit: String(MOST), ...(query ? { q: query } : {}) });
  const { items } = await get<{ items: KnownPrompt[] }>(`/prompts?${asked}`, signal);
  return items.filter((one) => typeof one?.text === "string" && one.text.trim());
}
