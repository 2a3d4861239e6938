// What a new session can be made of, asked for when the dialog may soon be opened, and kept for a while.

import { get } from "../api.ts";
import type { Project } from "../protocol.ts";
import type { EnvironmentStatus } from "../settings/environment-status.ts";

export interface Models { items: { name: string; label: string }[]; default: string }
export interface Environment { id: string; name: string; kind: string; is_default: boolean; is_practice: boolean; status: EnvironmentStatus | null }
export interface Lists { project: Project; branches: { name: string; is_default: boolean }[]; models: Models; environments: Environment[] }

const KEPT_MS = 30_000;
const kept = new Map<string, { at: number; lists: Promise<Lists> }>();

async function ask(organizationId: string, projectId: string): Promise<Lists> {
  const [project, branches, models, environments] = await Promise.all([
    get<Project>(`/projects/${projectId}`),
    get<{ items: Lists["branches"] }>(`/projects/${projectId}/branches`),
    get<Models>(`/models?organization_id=${organizationId}`),
    get<{ items: Environment[] }>(`/environments?organization_id=${organizationId}&limit=200`),
  ]);
  return { project, branches: branches.items, models, environments: environments.items };
}

export function listsOf(organizationId: string, projectId: string): Promise<Lists> {
  const known = kept.get(projectId);
  if (known && Date.now() - known.at < KEPT_MS) return known.lists;
  const lists = ask(organizationId, projectId);
  kept.set(projectId, { at: Date.now(), lists });
  lists.catch(() => kept.delete(projectId)); // the next one asks again
  return lists;
}

const statuses = new Map<string, { at: number; found: Promise<Environment[]> }>();

/** The same environments with how they are; asked apart, since a place that does not answer takes seconds. */
export function statusesOf(organizationId: string): Promise<Environment[]> {
  const known = statuses.get(organizationId);
  if (known && Date.now() - known.at < KEPT_MS) return known.found;
  const found = get<{ items: Environment[] }>(`/environments?organization_id=${organizationId}&include_status=true&limit=200`).then(({ items }) => items);
  statuses.set(organizationId, { at: Date.now(), found });
  found.catch(() => statuses.delete(organizationId));
  return found;
}
