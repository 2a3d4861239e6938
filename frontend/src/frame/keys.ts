// The one place that listens to keys for the whole page: it does what the offered actions name.

import { offered } from "../actions.ts";
import { Reader, strokeOf } from "./strokes.ts";

const FIELDS = "input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=range]), textarea, select, [contenteditable], [role=combobox]";

const isTyping = (target: EventTarget | null): boolean => target instanceof Element && target.closest(FIELDS) !== null;

/** Keys that write nothing, so that they are free while somebody types. */
const writesNothing = (event: KeyboardEvent): boolean =>
  ((event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph")) || event.key === "Escape" || /^F\d/.test(event.key);

const isElsewhere = (): boolean => document.querySelector("dialog[open]") !== null;

export function listenToKeys(): void {
  const reader = new Reader();
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat || isElsewhere()) return;
    if (["Control", "Shift", "Alt", "Meta", "AltGraph"].includes(event.key)) return;
    if (isTyping(event.target) && !writesNothing(event)) return;
    const action = reader.read(strokeOf(event), offered(), event.timeStamp);
    if (!action) return;
    event.preventDefault();
    action.run();
  });
}
