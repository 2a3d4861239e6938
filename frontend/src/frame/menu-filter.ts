// A menu with many entries has a field on top that leaves those whose words are typed.

export function listenToMenuFilters(): void {
  document.addEventListener("input", ({ target }) => {
    if (!(target instanceof HTMLInputElement) || !target.matches("[data-filter-menu]")) return;
    const words = target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of target.closest(".menu-body")?.querySelectorAll<HTMLElement>(".menu-item") ?? [])
      item.hidden = !words.every((word) => (item.textContent ?? "").toLowerCase().includes(word));
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.target instanceof HTMLInputElement) || !event.target.matches("[data-filter-menu]")) return;
    const first = event.target.closest(".menu-body")?.querySelector<HTMLElement>(".menu-item:not([hidden])");
    if (event.key === "ArrowDown") first?.focus();
    else if (event.key === "Enter") first?.click();
    else return;
    event.preventDefault();
  });
}
