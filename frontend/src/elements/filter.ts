// Finds cards of a long list by their names, and puts projects in order; which order was chosen is kept on this device.

const KEPT = "slipway.projects-order";

export class Filter extends HTMLElement {
  connectedCallback(): void {
    const [input, select] = [this.querySelector("input"), this.querySelector("select")];
    if (!input) return;
    input.addEventListener("input", () => this.find(input.value));
    if (select) this.offerOrder(select);
    this.find(input.value);
  }

  private offerOrder(select: HTMLSelectElement): void {
    select.value = localStorage.getItem(KEPT) ?? "active";
    select.addEventListener("change", () => {
      localStorage.setItem(KEPT, select.value);
      this.order(select.value);
    });
    if (select.value !== "active") this.order(select.value);
  }

  private get cards(): HTMLElement[] {
    return [...(this.parentElement?.querySelectorAll<HTMLElement>(".card[data-name]") ?? [])];
  }

  private find(text: string): void {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of this.cards) {
      card.hidden = !words.every((word) => card.dataset.name?.includes(word));
      if (!card.hidden) shown += 1;
    }
    this.querySelector<HTMLElement>("[role=status]")?.toggleAttribute("hidden", shown > 0);
  }

  private order(by: string): void {
    const cards = this.cards;
    const text = (card: HTMLElement): string => card.dataset[by] ?? "";
    const compare = (one: HTMLElement, other: HTMLElement): number => (by === "name" ? text(one).localeCompare(text(other)) : text(other).localeCompare(text(one)));
    this.parentElement?.append(...cards.sort(compare));
  }
}

customElements.define("slw-filter", Filter);
