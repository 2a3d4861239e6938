// An icon as an element, for what must do without Lit; templates of Lit take `icon()`.

export function shape(svg: string): HTMLElement {
  const place = Object.assign(document.createElement("span"), { className: "icon" });
  place.setAttribute("aria-hidden", "true");
  place.innerHTML = svg; // ours, from the bundle
  return place;
}
