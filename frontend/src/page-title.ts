// The page's title with how many sessions wait for somebody before it, and a dot on the icon that a tab shows.

let title = document.title;
let waiting = 0;

function show(): void {
  const shown = waiting ? `(${waiting}) ${title}` : title;
  if (document.title !== shown) document.title = shown;
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (!icon) return;
  const plain = (icon.dataset.plain ??= icon.href);
  const wanted = waiting ? new URL(icon.dataset.waiting ?? plain, location.href).href : plain;
  if (icon.href !== wanted) icon.href = wanted;
}

/** What the page is called without the number. */
export function setPageTitle(plain: string): void {
  title = plain;
  show();
}

export const pageTitle = (): string => title;

export function setBadge(count: number): void {
  waiting = count;
  show();
}
