// What is pressed before the bundle is there: remembered by this short script, which comes first, and pressed again by the bundle.

document.addEventListener("click", ({ target }) => {
  window.pressedEarly = target instanceof Element ? target.closest<HTMLElement>("[data-open], [data-manage], [data-drawer], [data-palette]") : null;
});

// What this browser remembers of the frame is there before the page is painted, so that nothing jumps.
const root = document.documentElement;
try {
  const width = Number(localStorage.getItem("slipway.sidebar"));
  if (width >= 200 && width <= 480) root.style.setProperty("--sidebar", `${width}px`);
  if (localStorage.getItem("slipway.sidebar-closed")) root.dataset.sidebar = "closed";
  const split = Number(localStorage.getItem("slipway.split"));
  if (split >= 20 && split <= 80) root.style.setProperty("--split", `${split}%`);
  const folded = (JSON.parse(localStorage.getItem("slipway.folded") ?? "[]") as string[]).filter((id) => /^[\w-]+$/.test(id));
  if (folded.length) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`${folded.map((id) => `.tree-first [data-in="${id}"]`).join(", ")} { display: none; }`);
    document.adoptedStyleSheets = [sheet];
  }
} catch {
  // No storage, or not ours: the page as it comes.
}

declare global {
  interface Window { pressedEarly?: HTMLElement | null }
}

export {};
