// Short words at the edge of the window, read out to those who do not see them, perhaps with a way to take something back.

import cross from "lucide-static/icons/x.svg";
import warning from "lucide-static/icons/triangle-alert.svg";
import { call } from "./api.ts";
import { gettext } from "./i18n.ts";
import { shape } from "./shape.ts";

const TOAST_MS = 6000;
const TOAST_WITH_ACTION_MS = 12_000;
const LEAST_MS = 2000;
const MOST = 4;
const KEPT = "slipway.toasts";

/** What takes an act back after the page has changed: a request instead of a function. */
export interface Request { method: string; path: string; body?: unknown }
export interface ToastAction { label: string; act: () => void; request?: Request }

interface Shown { note: HTMLElement; text: string; action: ToastAction | undefined; until: number; left: number; timer: ReturnType<typeof setTimeout> | undefined }
interface Kept { text: string; label: string; request: Request; left: number }

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : gettext("Something went wrong."));

let shown: Shown[] = [];

export function toast(text: string, action?: ToastAction, kind: "" | "error" = ""): void {
  show(text, action, action ? TOAST_WITH_ACTION_MS : TOAST_MS, kind);
}

function show(text: string, action: ToastAction | undefined, left: number, kind: "" | "error" = ""): void {
  const note = Object.assign(document.createElement("div"), { className: `toast ${kind}` });
  const one: Shown = { note, text, action, until: 0, left, timer: undefined };
  if (kind) note.append(shape(warning));
  note.append(Object.assign(document.createElement("span"), { className: "grow", textContent: text }));
  if (action) note.append(button("link", action.label, () => action.act(), one));
  note.append(button("button quiet square", "", () => undefined, one));
  region().append(note);
  shown.push(one);
  if (shown.length > MOST) dismiss(shown.find((old) => !old.action) ?? (shown[0] as Shown));
  run(one);
}

function button(className: string, label: string, act: () => void, one: Shown): HTMLButtonElement {
  const made = Object.assign(document.createElement("button"), { className, type: "button", textContent: label });
  if (!label) {
    made.append(shape(cross));
    made.setAttribute("aria-label", gettext("Dismiss"));
  }
  made.addEventListener("click", () => {
    dismiss(one);
    act();
  });
  return made;
}

function run(one: Shown): void {
  one.until = Date.now() + one.left;
  one.timer = setTimeout(() => dismiss(one), one.left);
}

function dismiss(one: Shown): void {
  clearTimeout(one.timer);
  one.note.remove();
  shown = shown.filter((other) => other !== one);
}

/** Nothing goes while somebody reads it or is about to press it. */
function pause(): void {
  for (const one of shown) {
    if (one.timer === undefined) continue;
    clearTimeout(one.timer);
    one.timer = undefined;
    one.left = Math.max(one.until - Date.now(), LEAST_MS);
  }
}

function goOn(): void {
  for (const one of shown) if (one.timer === undefined) run(one);
}

/** In the open dialog if there is one: what is outside of it cannot be pressed. */
function region(): HTMLElement {
  const known = document.querySelector<HTMLElement>(".toasts");
  const place = known ?? made();
  const host = [...document.querySelectorAll<HTMLElement>("dialog:modal")].at(-1) ?? document.body;
  if (place.parentElement !== host) host.append(place);
  return place;
}

function made(): HTMLElement {
  const place = Object.assign(document.createElement("div"), { className: "toasts" });
  place.setAttribute("role", "status");
  place.addEventListener("pointerenter", pause);
  place.addEventListener("pointerleave", goOn);
  place.addEventListener("focusin", pause);
  place.addEventListener("focusout", goOn);
  document.addEventListener("close", () => void (place.parentElement !== document.body && document.body.append(place)), true);
  return place;
}

/** Toasts that can still take something back come along to the next page. */
export function keepToasts(): void {
  addEventListener("pagehide", () => {
    const kept = shown.flatMap(({ text, action, until, left, timer }): Kept[] =>
      action?.request ? [{ text, label: action.label, request: action.request, left: timer === undefined ? left : until - Date.now() }] : []);
    if (kept.length) sessionStorage.setItem(KEPT, JSON.stringify(kept));
  });
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]") as Kept[];
  sessionStorage.removeItem(KEPT);
  for (const { text, label, request, left } of kept) show(text, { label, act: () => void takeBack(request), request }, Math.max(left, LEAST_MS));
}

async function takeBack({ method, path, body }: Request): Promise<void> {
  try {
    await call(method, path, body);
    location.reload();
  } catch (error) {
    toast(messageOf(error), undefined, "error");
  }
}
