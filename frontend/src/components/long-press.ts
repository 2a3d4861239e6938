// A finger that stays where it is: what a mouse does with its other button.

const LONG_PRESS_MS = 500;
const STAYS_WITHIN_PX = 10;
const ENDS = ["pointerup", "pointercancel", "scroll"];

/** To be called when a pointer goes down: does `act` if it is a finger that is neither lifted nor moved for a while. Returns what gives up waiting. */
export function longPress(event: PointerEvent, act: (x: number, y: number) => void): () => void {
  if (event.pointerType !== "touch") return () => {};
  const [x, y] = [event.clientX, event.clientY];
  const onMove = (move: PointerEvent): void => void (Math.hypot(move.clientX - x, move.clientY - y) > STAYS_WITHIN_PX && stop());
  const stop = (): void => {
    clearTimeout(timer);
    for (const name of ENDS) document.removeEventListener(name, stop, true);
    document.removeEventListener("pointermove", onMove, true);
  };
  const timer = setTimeout(() => {
    stop();
    swallowClick();
    setTimeout(() => act(x, y));
  }, LONG_PRESS_MS);
  for (const name of ENDS) document.addEventListener(name, stop, { capture: true });
  document.addEventListener("pointermove", onMove, { capture: true });
  return stop;
}

/** What is let go after this is no click; a finger that is lifted elsewhere makes none, and the next one is meant. */
function swallowClick(): void {
  const over = new AbortController();
  const swallow = (click: Event): void => {
    click.preventDefault();
    click.stopPropagation();
    over.abort();
  };
  document.addEventListener("click", swallow, { capture: true, signal: over.signal });
  document.addEventListener("pointerdown", () => over.abort(), { capture: true, signal: over.signal });
}
