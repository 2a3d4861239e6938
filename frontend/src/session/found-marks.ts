// Marks what was found in the page, without touching its nodes: by highlights where browsers have them, else by the selection.

const SKIPPED = ".row-actions, .unseen, button:not(.fold), .code-head, .sign, .nr";
const ALL = "slw-found";
const CURRENT = "slw-found-current";

/** The ranges of a text within an element, in the order in which it is read. */
export function rangesIn(element: Element, wanted: string): Range[] {
  const query = wanted.toLowerCase();
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT, (node) => (node.parentElement?.closest(SKIPPED) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT));
  const nodes: Text[] = [];
  const starts: number[] = [];
  let text = "";
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    starts.push(text.length);
    nodes.push(node as Text);
    text += (node as Text).data;
  }
  const low = text.toLowerCase();
  const ranges: Range[] = [];
  if (!query || low.length !== text.length) return ranges;
  let first = 0;
  for (let at = low.indexOf(query); at >= 0; at = low.indexOf(query, at + query.length)) {
    while (first + 1 < nodes.length && (starts[first + 1] ?? 0) <= at) first += 1;
    let last = first;
    while (last + 1 < nodes.length && (starts[last + 1] ?? 0) < at + query.length) last += 1;
    const range = document.createRange();
    range.setStart(nodes[first] as Text, at - (starts[first] ?? 0));
    range.setEnd(nodes[last] as Text, at + query.length - (starts[last] ?? 0));
    ranges.push(range);
  }
  return ranges;
}

const hasHighlights = (): boolean => typeof CSS !== "undefined" && "highlights" in CSS;

export function mark(ranges: readonly Range[], current: Range | null): void {
  if (!hasHighlights()) {
    if (current) document.getSelection()?.setBaseAndExtent(current.startContainer, current.startOffset, current.endContainer, current.endOffset);
    return;
  }
  CSS.highlights.set(ALL, new Highlight(...ranges));
  if (current) CSS.highlights.set(CURRENT, Object.assign(new Highlight(current), { priority: 1 }));
  else CSS.highlights.delete(CURRENT);
}

export function unmark(): void {
  if (hasHighlights()) for (const name of [ALL, CURRENT]) CSS.highlights.delete(name);
}
