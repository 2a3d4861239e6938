// The keyboard on the screen: what is docked stays above it, and what is in the way makes room.

/** Less than this of the window's height is taken by a browser's own bars, not by a keyboard. */
const KEYBOARD_PX = 120;
const FIELDS = "textarea, input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=range], [type=file]), [contenteditable]";

export interface Seen { visible: number; layout: number; tallest: number; isZoomed: boolean; isWriting: boolean; isTouch: boolean }

/** `height` is what the page has to make do with, where the browser does not see to it itself. */
export interface Space { isOpen: boolean; height: number | null }

/** A window that shrinks while somebody writes by touch has a keyboard over it, or made room for one. */
export function spaceFor({ visible, layout, tallest, isZoomed, isWriting, isTouch }: Seen): Space {
  const isCovered = !isZoomed && layout - visible > KEYBOARD_PX;
  const isShrunk = tallest - layout > KEYBOARD_PX;
  return { isOpen: isTouch && isWriting && (isCovered || isShrunk), height: isTouch && isCovered ? Math.round(visible) : null };
}

let tallest = 0;
let widthThen = 0;

function look(): void {
  const { visualViewport: view } = window;
  if (!view) return;
  // Turned by a quarter it is another window.
  if (widthThen !== innerWidth) [widthThen, tallest] = [innerWidth, Math.min(screen.height, Math.max(innerHeight, view.height))];
  tallest = Math.max(tallest, innerHeight);
  const isWriting = document.activeElement?.matches(FIELDS) ?? false;
  const isTouch = matchMedia("(pointer: coarse)").matches;
  const { isOpen, height } = spaceFor({ visible: view.height, layout: innerHeight, tallest, isZoomed: view.scale > 1.01, isWriting, isTouch });
  const root = document.documentElement;
  if (isOpen) root.dataset.keyboard = "open";
  else delete root.dataset.keyboard;
  if (height === null) root.style.removeProperty("--visible-height");
  else {
    root.style.setProperty("--visible-height", `${height}px`);
    window.scrollTo(0, 0); // Safari scrolls the page up to show the field, which is in view already
  }
}

let watchers = 0;

/** Watches until the returned function is called. */
export function watchKeyboard(): () => void {
  watchers += 1;
  if (watchers === 1) {
    for (const name of ["resize", "scroll"]) visualViewport?.addEventListener(name, look);
    addEventListener("resize", look);
    for (const name of ["focusin", "focusout"]) document.addEventListener(name, look);
    look();
  }
  return () => {
    watchers -= 1;
    if (watchers > 0) return;
    for (const name of ["resize", "scroll"]) visualViewport?.removeEventListener(name, look);
    removeEventListener("resize", look);
    for (const name of ["focusin", "focusout"]) document.removeEventListener(name, look);
  };
}
