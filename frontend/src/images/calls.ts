// What the server knows of images: which there are, an environment's Dockerfile, and builds.

import { ApiError, call, get, post } from "../api.ts";

export interface Image { name: string; id: string; size_bytes: number; created_at: string; environment_id: string | null; environment_name: string }
export interface Images { items: Image[]; can_build: boolean; error: string }
export interface Problem { line: number; message: string }
export interface Checked { problems: Problem[]; images: string[] }
export interface Context { name: string; size_bytes: number; sha256: string }
export interface Dockerfile { text: string; context: Context | null; updated_at: string; image: Build | null }
export type BuildStatus = "PENDING" | "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED";
export interface Build {
  id: string; status: BuildStatus; step: number; steps: number; line: number | null; error: string; size_bytes: number | null;
  created_at: string; finished_at: string | null; last_seq: number;
}
export interface Output { seq: number; text: string }

export const isLive = (build: Build): boolean => build.status === "PENDING" || build.status === "RUNNING";

export const imagesOf = (organizationId: string): Promise<Images> => get<Images>(`/docker/images?organization_id=${organizationId}`);
export const checked = (organizationId: string, text: string): Promise<Checked> => post<Checked>("/docker/dockerfile-check", { organization_id: organizationId, text }, { tries: 2 });
export const latestBuild = async (environmentId: string): Promise<Build | null> => (await get<{ items: Build[] }>(`/environments/${environmentId}/builds?limit=1`)).items[0] ?? null;
export const removeDockerfile = (environmentId: string): Promise<void> => call<void>("DELETE", `/environments/${environmentId}/dockerfile`);
export const cancelBuild = (id: string): Promise<Build> => post<Build>(`/docker/image-build/${id}/cancel`);

export const dockerfileOf = (environmentId: string): Promise<Dockerfile | null> => get<Dockerfile | null>(`/environments/${environmentId}/dockerfile`);

/** Keeps the Dockerfile, then asks for its image; the key is the same for as long as the same is asked. */
export async function build(environmentId: string, text: string, context: File | null, key: string, onProgress: (part: number) => void): Promise<Build> {
  const form = new FormData();
  form.append("text", text);
  if (context) form.append("context", context);
  await post<Dockerfile>(`/environments/${environmentId}/dockerfile`, form, { tries: 1, onProgress });
  return post<Build>("/docker/image-build", { environment_id: environmentId }, { key });
}

/** The lines that an error names, as the server tells them: `dockerfile.3`. */
export function problemsIn(error: unknown): Problem[] {
  if (!(error instanceof ApiError)) return [];
  return error.details.flatMap(({ field, message }) => {
    const line = Number(field.match(/^dockerfile\.(\d+)$/)?.[1]);
    return line ? [{ line, message }] : [];
  });
}
