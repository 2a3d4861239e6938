// Dragging a session to another place in its group. A finger scrolls, unless it has been held on a row for a moment.

import { closeMenu } from "./menu.ts";

const BEGINS_AFTER_PX = { mouse: 5, touch: 12 };
const SCROLL_EDGE_PX = 24;

interface Drag { row: HTMLElement; group: string; startY: number; pointerId: number; isMoving: boolean; before: string | null }

/** `drop(id, before)` is called when one was put before another one, or before null at its group's end. */
export class TreeDrag {
  private drag: Drag | null = null;
  private readonly line = Object.assign(document.createElement("div"), { className: "drop-line", hidden: true });

  constructor(private readonly tree: HTMLElement, private readonly drop: (id: string, before: string | null) => void) {
    tree.addEventListener("pointerdown", this.onDown);
    tree.addEventListener("click", this.onClick, true);
    tree.addEventListener("dragstart", (event) => event.preventDefault());
    tree.addEventListener("touchmove", (event) => this.drag && event.preventDefault(), { passive: false });
  }

  private readonly onDown = (event: PointerEvent): void => {
    const isOther = event.target instanceof Element && event.target.closest("button, input") !== null;
    if (!isOther && event.button === 0 && event.pointerType !== "touch" && !event.ctrlKey && !event.metaKey && !event.shiftKey) this.take(event);
  };

  /** From here on the row on which the pointer went down goes where that goes. */
  take(event: PointerEvent): void {
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-session]") : null;
    if (!row) return;
    this.drag = { row, group: row.dataset.in ?? "", startY: event.clientY, pointerId: event.pointerId, isMoving: false, before: null };
    this.tree.addEventListener("pointermove", this.onMove);
    this.tree.addEventListener("pointerup", this.onUp);
    this.tree.addEventListener("pointercancel", this.end);
    document.addEventListener("keydown", this.onKey, true);
  }

  private rows(group: string): HTMLElement[] {
    return [...this.tree.querySelectorAll<HTMLElement>(`[data-session][data-in="${CSS.escape(group)}"]`)];
  }

  private readonly onMove = (event: PointerEvent): void => {
    const { drag } = this;
    if (!drag) return;
    if (!drag.isMoving && Math.abs(event.clientY - drag.startY) < BEGINS_AFTER_PX[event.pointerType === "touch" ? "touch" : "mouse"]) return;
    if (!drag.isMoving) {
      drag.isMoving = true;
      closeMenu(); // that of a finger
      this.tree.setPointerCapture(drag.pointerId);
      this.tree.append(this.line);
      drag.row.classList.add("is-dragged");
    }
    const scroller = this.tree.closest<HTMLElement>(".tree");
    const box = scroller?.getBoundingClientRect();
    if (scroller && box && event.clientY < box.top + SCROLL_EDGE_PX) scroller.scrollTop -= 8;
    if (scroller && box && event.clientY > box.bottom - SCROLL_EDGE_PX) scroller.scrollTop += 8;
    this.aim(drag, event.clientY);
  };

  private aim(drag: Drag, y: number): void {
    const rows = this.rows(drag.group);
    const next = rows.find((row) => {
      const { top, height } = row.getBoundingClientRect();
      return y < top + height / 2;
    });
    const edge = next?.getBoundingClientRect().top ?? rows.at(-1)?.getBoundingClientRect().bottom ?? 0;
    drag.before = next?.dataset.session ?? null;
    this.line.hidden = false;
    this.line.style.top = `${edge - this.tree.getBoundingClientRect().top - 1}px`;
  }

  private readonly onUp = (): void => {
    const { drag } = this;
    const { session = "" } = drag?.row.dataset ?? {};
    if (drag?.isMoving && drag.before !== session) this.drop(session, drag.before);
    this.end();
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !this.drag?.isMoving) return;
    event.stopPropagation();
    event.preventDefault();
    this.end();
  };

  private wasDragged = false;

  /** What was dragged is not clicked. */
  private readonly onClick = (event: MouseEvent): void => {
    if (!this.wasDragged) return;
    this.wasDragged = false;
    event.preventDefault();
    event.stopPropagation();
  };

  private readonly end = (): void => {
    this.wasDragged = this.drag?.isMoving ?? false;
    setTimeout(() => (this.wasDragged = false));
    this.drag?.row.classList.remove("is-dragged");
    this.drag = null;
    this.line.hidden = true;
    this.tree.removeEventListener("pointermove", this.onMove);
    this.tree.removeEventListener("pointerup", this.onUp);
    this.tree.removeEventListener("pointercancel", this.end);
    document.removeEventListener("keydown", this.onKey, true);
  };
}
