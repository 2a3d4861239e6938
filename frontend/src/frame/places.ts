// The sessions and projects of the organisation, as the page has them already.

export interface Place { id: string; name: string }
export interface SessionPlace extends Place { project: string; project_id: string; status: string; is_waiting: boolean }

export function places(): { sessions: SessionPlace[]; projects: Place[] } {
  const projects = [...document.querySelectorAll<HTMLElement>(".tree details[data-project]")];
  const nameOf = (element: Element | null | undefined): string => element?.querySelector("summary > .cut")?.textContent ?? "";
  return {
    projects: projects.map((one) => ({ id: one.dataset.project ?? "", name: nameOf(one) })),
    sessions: [...document.querySelectorAll<HTMLElement>(".tree a[data-key]")].map((row) => ({
      id: row.dataset.key ?? "",
      name: row.querySelector(".cut")?.textContent ?? "",
      project: nameOf(row.closest("details")),
      project_id: row.closest<HTMLElement>("details")?.dataset.project ?? "",
      status: row.dataset.status ?? "",
      is_waiting: row.querySelector(".waits") !== null,
    })),
  };
}
