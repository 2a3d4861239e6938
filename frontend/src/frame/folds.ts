// Which groups of the tree are folded, in this browser; the short script at the page's top reads the same, so that nothing jumps.

const KEY = "slipway.folded";
const KEPT = 500;

function read(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((id): id is string => typeof id === "string") : [];
  } catch {
    return [];
  }
}

export class Folds {
  private folded = new Set(read());

  has(id: string): boolean {
    return this.folded.has(id);
  }

  set(ids: readonly string[], isFolded: boolean): void {
    for (const id of ids) {
      this.folded.delete(id);
      if (isFolded) this.folded.add(id);
    }
    localStorage.setItem(KEY, JSON.stringify([...this.folded].slice(-KEPT)));
  }
}
