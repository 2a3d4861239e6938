// Going from page to page without loading everything anew: the frame stays, the main part is swapped. What goes wrong is loaded as ever.

import { loadParts } from "../parts.ts";
import { setPageTitle } from "../page-title.ts";
import { leaveDrawer, setDrawer } from "./drawer.ts";
import { fetchAhead } from "./kept-sessions.ts";
import { closeMenu } from "./menu.ts";
import { noteUse } from "./recent.ts";
import { store } from "./tree-store.ts";

const SESSION = /^\/sessions\/([0-9a-f-]{36})\/$/;
const PAGE = /^\/(projects\/[0-9a-f-]{36}\/)?$/;
const KEPT_MS = 10_000;
const SCROLLS = 50;
/** Who only passes over links asks for nothing. */
const RESTS_MS = 40;

interface Options { isBack?: boolean; isReplaced?: boolean; isKept?: boolean }

const fetched = new Map<string, { at: number; text: Promise<string> }>();
const scrolls = new Map<string, number>();
let going = 0;

const main = (): HTMLElement | null => document.getElementById("main");
const scroller = (): HTMLElement | null => document.querySelector<HTMLElement>("#main .page");
const addressOf = (url: URL): string => url.pathname + url.search;
const sessionOf = (url: URL): string => SESSION.exec(url.pathname)?.[1] ?? "";

/** Whether this is a page of the frame that shows the same organisation. */
export function isInFrame(url: URL): boolean {
  const organization = url.searchParams.get("organization");
  const isOurs = url.origin === location.origin && (SESSION.test(url.pathname) || PAGE.test(url.pathname));
  return isOurs && document.querySelector(".shell") !== null && (organization === null || organization === store.organizationId);
}

async function fetchPage(address: string): Promise<string> {
  const response = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) throw new Error(`${address}: ${response.status}`);
  return response.text();
}

/** Begins to fetch what somebody is about to ask for. */
function prefetch(href: string): void {
  const url = new URL(href, location.href);
  if (!isInFrame(url)) return;
  if (isQuick(url)) return void fetchAhead(sessionOf(url));
  const address = addressOf(url);
  const there = fetched.get(address);
  if (there && Date.now() - there.at < KEPT_MS) return;
  const text = fetchPage(address);
  text.catch(() => fetched.delete(address));
  fetched.clear();
  fetched.set(address, { at: Date.now(), text });
}

function pageText(address: string, isKept: boolean): Promise<string> {
  const there = fetched.get(address);
  fetched.delete(address);
  return there && !isKept && Date.now() - there.at < KEPT_MS ? there.text : fetchPage(address);
}

const sheets = (root: ParentNode): HTMLLinkElement[] => [...root.querySelectorAll<HTMLLinkElement>("link[rel=stylesheet]")];

/** Style sheets that the new page has and this one has not; a bundle of another version is not mixed with this one. */
async function addSheets(page: Document): Promise<void> {
  const here = new Set(sheets(document).map((link) => link.href));
  const bundle = (root: Document): string | undefined => root.querySelector<HTMLScriptElement>("script[type=module][src]")?.src;
  if (bundle(page) !== bundle(document)) throw new Error("another version");
  const { nonce } = document.querySelector<HTMLElement>("link[rel=stylesheet], script[src]") ?? {};
  const added = sheets(page).filter((link) => !here.has(link.href)).map((link) => {
    const made = Object.assign(document.createElement("link"), { rel: "stylesheet", href: link.href });
    if (nonce) made.nonce = nonce;
    document.head.append(made);
    return new Promise((done, fail) => {
      made.onload = done;
      made.onerror = fail;
    });
  });
  await Promise.all(added);
}

/** A session's page needs nothing from the server that is not here, once one was shown: the session tells the rest itself. */
const isQuick = (url: URL): boolean => {
  const id = sessionOf(url);
  return id !== "" && customElements.get("slw-session") !== undefined && document.querySelector("#session-data") !== null && store.session(id) !== null;
};

function sessionPage(id: string): Node[] {
  const session = store.session(id);
  const before = JSON.parse(document.getElementById("session-data")?.textContent ?? "{}") as Record<string, unknown>;
  const data = Object.assign(document.createElement("script"), { type: "application/json", id: "session-data" });
  data.textContent = JSON.stringify({ ...before, id, project_id: session?.project_id, name: session?.name, branch: session?.branch, environment: "" });
  const element = document.createElement("slw-session");
  element.setAttribute("session-id", id);
  return [data, element];
}

/** When what has changed so far is on the screen; at once where nobody looks. */
const painted = (): Promise<unknown> => new Promise((done) => (document.visibilityState === "visible" ? requestAnimationFrame(() => setTimeout(done)) : done(null)));

const titleOf = (id: string): string => [store.session(id)?.name, store.projectName(store.session(id)?.project_id ?? ""), "Slipway"].filter(Boolean).join(" · ");

async function contentOf(url: URL, isKept: boolean): Promise<{ nodes: Node[]; title: string }> {
  if (isQuick(url) && !isKept) {
    const id = sessionOf(url);
    store.go(id);
    await painted(); // the click is seen to be heard before the page is made
    return { nodes: sessionPage(id), title: titleOf(id) };
  }
  const page = new DOMParser().parseFromString(await pageText(addressOf(url), isKept), "text/html");
  const there = page.getElementById("main");
  if (!there || !page.querySelector(".shell")) throw new Error("not a page of ours");
  await addSheets(page);
  return { nodes: [...there.childNodes].map((node) => document.importNode(node, true)), title: page.title };
}

function show(nodes: Node[], url: URL, title: string): void {
  const place = main();
  if (!place) throw new Error("nowhere to show it");
  document.getElementById("session-data")?.remove(); // elements look for the new one while they are put in
  place.replaceChildren(...nodes);
  setPageTitle(title);
  const id = sessionOf(url);
  if (id) noteUse(id);
  store.go(id);
  for (const opener of document.querySelectorAll<HTMLElement>(".sidebar-head [data-open=new-session]")) {
    const project = store.session(id)?.project_id;
    if (project) opener.dataset.project = project;
    else delete opener.dataset.project;
  }
  void loadParts(place);
}

function rememberScroll(): void {
  scrolls.set(location.pathname, scroller()?.scrollTop ?? 0);
  if (scrolls.size > SCROLLS) scrolls.delete(scrolls.keys().next().value ?? "");
}

let shownPath = location.pathname;

/** Shows the page of this address; says it in the history unless one comes back to it. */
export async function goTo(href: string, { isBack = false, isReplaced = false, isKept = false }: Options = {}): Promise<void> {
  const url = new URL(href, location.href);
  if (!isInFrame(url)) return location.assign(url);
  if (url.href === location.href && !isBack && !isKept) return setDrawer(false);
  const mine = (going += 1);
  if (!isKept) closeMenu();
  try {
    const { nodes, title } = await contentOf(url, isKept);
    if (mine !== going) return;
    if (!isBack) rememberScroll();
    const takesDrawersStep = !isKept && leaveDrawer();
    if (!isBack && !isKept) history[isReplaced || takesDrawersStep ? "replaceState" : "pushState"](null, "", url);
    const top = isBack || isKept ? (scrolls.get(url.pathname) ?? (isKept ? (scroller()?.scrollTop ?? 0) : 0)) : 0;
    show(nodes, url, title);
    shownPath = url.pathname;
    const page = scroller();
    if (page) page.scrollTop = top;
    if (!isKept) main()?.focus({ preventScroll: true });
    document.dispatchEvent(new CustomEvent("slw-navigated", { detail: { path: url.pathname } }));
  } catch {
    if (mine === going) isBack || isKept ? location.reload() : location.assign(url);
  }
}

/** The page again, as it is now, without moving anybody. */
export const refresh = (): Promise<void> => goTo(location.href, { isKept: true });

/** Sessions have nothing to be fetched anew; lists of them do. */
export const isList = (): boolean => PAGE.test(location.pathname);

function linkOf(event: Event): HTMLAnchorElement | null {
  return event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[href]") : null;
}

export function interceptLinks(): void {
  document.addEventListener("click", (event) => {
    const link = linkOf(event);
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || event.defaultPrevented || link.target || link.hasAttribute("download") || link.hash) return;
    const url = new URL(link.href);
    if (!isInFrame(url)) return;
    event.preventDefault();
    void goTo(url.href);
  });
  let pointed: ReturnType<typeof setTimeout> | undefined;
  const ahead = (event: Event): void => {
    clearTimeout(pointed);
    const link = linkOf(event);
    if (link && !link.hash) pointed = setTimeout(() => prefetch(link.href), event.type === "pointerdown" ? 0 : RESTS_MS);
  };
  document.addEventListener("pointerdown", ahead, { passive: true });
  document.addEventListener("pointerover", ahead, { passive: true });
  window.addEventListener("popstate", () => {
    if (location.pathname === shownPath) return; // only the anchor, or the drawer
    scrolls.set(shownPath, scroller()?.scrollTop ?? 0);
    void goTo(location.href, { isBack: true });
  });
}

