// What is pressed before the bundle is there: remembered by this short script, which comes first, and pressed again by the bundle.

document.addEventListener("click", ({ target }) => {
  window.pressedEarly = target instanceof Element ? target.closest<HTMLElement>("[data-open], [data-manage], [data-drawer], [data-palette], [data-theme-choice]") : null;
});

declare global {
  interface Window { pressedEarly?: HTMLElement | null }
}

export {};
