// Pages that list projects and sessions are fetched anew when something of what they list has changed, while nobody is at work in them.

import { isList, refresh } from "./navigate.ts";
import type { Activity } from "./tree-store.ts";

const SOON_MS = 400;
const BETWEEN_MS = 5000;

/** Whoever has typed something, has the focus on something of the page, or a menu or a dialog open, is not disturbed. */
const isBusy = (): boolean => {
  const main = document.getElementById("main");
  const focused = document.activeElement;
  const fields = [...(main?.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("input, textarea") ?? [])];
  if (fields.some((field) => field.value !== field.defaultValue)) return true;
  return (focused !== null && focused !== main && main?.contains(focused) === true) || document.querySelector("dialog[open], details.menu[open], .row-menu") !== null;
};

export function keepListsLive(): void {
  let projects = "";
  let refreshedAt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    if (!isList() || document.visibilityState !== "visible") return;
    if (isBusy()) return void (timer = setTimeout(look, BETWEEN_MS));
    refreshedAt = Date.now();
    void refresh();
  };
  document.addEventListener("slw-activity", (event) => {
    const { detail } = event as CustomEvent<Activity>;
    const now = JSON.stringify(detail.projects);
    const areNew = projects !== now;
    projects = now;
    if (detail.isFirst || !isList()) return;
    clearTimeout(timer);
    timer = setTimeout(look, areNew ? SOON_MS : Math.max(SOON_MS, BETWEEN_MS - (Date.now() - refreshedAt)));
  });
}
