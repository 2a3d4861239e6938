// Where a menu or a hint has room beside what it belongs to.

const GAP = 4;
const EDGE = 8;

export interface Box { left: number; top: number; right: number; bottom: number }
export interface Size { width: number; height: number }
export interface Place { left: number; top: number; height: number; isAbove: boolean }

/** Below and from the start of `anchor`, or above it or up to its end where there is more room; always within the window. */
export function beside(anchor: Box, size: Size, view: Size, wish: { isAbove?: boolean; isEnd?: boolean } = {}): Place {
  const below = view.height - anchor.bottom - GAP - EDGE;
  const above = anchor.top - GAP - EDGE;
  const isAbove = wish.isAbove ? above >= size.height || above >= below : below < size.height && above > below;
  const height = Math.min(size.height, Math.max(isAbove ? above : below, 0));
  const start = wish.isEnd ? anchor.right - size.width : anchor.left;
  const fits = start >= EDGE && start + size.width <= view.width - EDGE;
  const other = wish.isEnd ? anchor.left : anchor.right - size.width;
  const left = Math.max(EDGE, Math.min(fits ? start : other, view.width - size.width - EDGE));
  return { left, top: isAbove ? anchor.top - GAP - height : anchor.bottom + GAP, height: isAbove ? above : below, isAbove };
}

export const windowSize = (): Size => ({ width: document.documentElement.clientWidth, height: document.documentElement.clientHeight });
