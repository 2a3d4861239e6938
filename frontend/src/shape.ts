// An icon as an element, for what must do without Lit; templates of Lit take `icon()`.

/** The drawing without lucide's licence comment and class. */
export const drawing = (svg: string): string => svg.replace(/<!--.*?-->/s, "").replace(/class="[^"]*"/, "").trim();

export function shape(svg: string): HTMLElement {
  const place = Object.assign(document.createElement("span"), { className: "icon" });
  place.setAttribute("aria-hidden", "true");
  place.innerHTML = drawing(svg); // ours, from the bundle
  return place;
}
