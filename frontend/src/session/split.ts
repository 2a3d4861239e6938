// The divider between conversation and side pane: dragged, moved by arrow keys, remembered in this browser; the page's first script puts it in place.

const KEY = "slipway.split";
const SMALLEST = 25;
const LARGEST = 75;
const USUAL = 56;
const STEP = 2;

const kept = (): number => Number(localStorage.getItem(KEY)) || USUAL;

function set(divider: HTMLElement, percent: number): void {
  const value = Math.min(LARGEST, Math.max(SMALLEST, percent));
  document.documentElement.style.setProperty("--split", `${value}%`);
  divider.setAttribute("aria-valuenow", String(Math.round(value)));
  localStorage.setItem(KEY, String(value));
}

/** Makes the divider of these panes work, once. */
export function attachSplit(panes: HTMLElement): void {
  const divider = panes.querySelector<HTMLElement>(".divider");
  if (!divider || divider.dataset.ready) return;
  divider.dataset.ready = "yes";
  for (const [name, value] of [["min", SMALLEST], ["max", LARGEST], ["now", Math.round(kept())]] as const) divider.setAttribute(`aria-value${name}`, String(value));
  const moved = (event: PointerEvent): void => {
    const box = panes.getBoundingClientRect();
    set(divider, ((event.clientX - box.left) / box.width) * 100);
  };
  divider.addEventListener("pointerdown", (event) => {
    divider.setPointerCapture(event.pointerId);
    divider.addEventListener("pointermove", moved);
  });
  for (const name of ["pointerup", "pointercancel"] as const) divider.addEventListener(name, () => divider.removeEventListener("pointermove", moved));
  divider.addEventListener("dblclick", () => set(divider, USUAL));
  divider.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: kept() - STEP, ArrowRight: kept() + STEP, Home: SMALLEST, End: LARGEST }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    set(divider, to);
  });
}
