// The divider between conversation and pane: dragged or moved by arrow keys, remembered in this browser.

const KEY = "slipway.split";
const SMALLEST = 30;
const LARGEST = 75;

function set(panes: HTMLElement, percent: number): void {
  const kept = Math.min(LARGEST, Math.max(SMALLEST, percent));
  panes.style.setProperty("--split", `${kept}%`);
  panes.querySelector(".divider")?.setAttribute("aria-valuenow", String(Math.round(kept)));
  localStorage.setItem(KEY, String(kept));
}

export function attachSplit(panes: HTMLElement): void {
  const divider = panes.querySelector<HTMLElement>(".divider");
  if (!divider || divider.dataset.ready) return;
  divider.dataset.ready = "yes";
  set(panes, Number(localStorage.getItem(KEY)) || 56);
  const moved = (event: PointerEvent): void => {
    const box = panes.getBoundingClientRect();
    set(panes, ((event.clientX - box.left) / box.width) * 100);
  };
  divider.addEventListener("pointerdown", (event) => {
    divider.setPointerCapture(event.pointerId);
    divider.addEventListener("pointermove", moved);
  });
  divider.addEventListener("pointerup", () => divider.removeEventListener("pointermove", moved));
  divider.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    set(panes, (Number(localStorage.getItem(KEY)) || 56) + step);
  });
}
