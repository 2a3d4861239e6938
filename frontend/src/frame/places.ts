// The sessions and projects of the organisation, as the page has them already.

import { store } from "./tree-store.ts";

export interface Place { id: string; name: string }
export interface SessionPlace extends Place { project: string; status: string; is_waiting: boolean }

export function places(): { sessions: SessionPlace[]; projects: Place[] } {
  return {
    projects: store.projects.map(({ id, name }) => ({ id, name })),
    sessions: store.inOrder.map(({ id, name, project_id, status, is_waiting }) => ({ id, name, project: store.projectName(project_id), status, is_waiting })),
  };
}
