// What dialogs and buttons know of the projects is kept as true as the tree is.

import { store } from "./tree-store.ts";

/** The projects that a session can be started in, where the dialog reads them; and what the sidebar's first button starts. */
export function keepChoices(): void {
  const ready = store.projects.filter((project) => project.status === "READY");
  const data = document.getElementById("projects-data");
  const text = JSON.stringify(ready.map(({ id, name }) => ({ id, name, organization_id: store.organizationId })));
  if (data && data.textContent !== text) data.textContent = text;
  const first = document.querySelector<HTMLElement>(".sidebar-head [data-open]");
  const wanted = store.projects.length ? "new-session" : "new-project";
  if (!first || first.dataset.open === wanted) return;
  first.dataset.open = wanted;
  const label = first.querySelector<HTMLElement>("[data-label-session]");
  if (label) label.textContent = (wanted === "new-session" ? label.dataset.labelSession : label.dataset.labelProject) ?? "";
}
