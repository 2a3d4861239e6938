// Keeps the sidebar tree fresh: the server renders it, this swaps it in when it has changed.

const EVERY_MS = 5000;

export class Sidebar extends HTMLElement {
  private timer: ReturnType<typeof setInterval> | undefined;
  private shown = "";

  connectedCallback(): void {
    this.timer = setInterval(() => void this.refresh(), EVERY_MS);
    document.addEventListener("slw-sidebar", this.onAsk);
    this.addEventListener("toggle", this.onToggle, true);
    this.restoreFolds();
  }

  disconnectedCallback(): void {
    clearInterval(this.timer);
    document.removeEventListener("slw-sidebar", this.onAsk);
  }

  private readonly onAsk = (): void => void this.refresh();

  private get tree(): HTMLElement | null {
    return this.querySelector<HTMLElement>(".tree");
  }

  private async refresh(): Promise<void> {
    const source = this.dataset.source;
    if (document.visibilityState !== "visible" || !source) return;
    try {
      const response = await fetch(source, { credentials: "same-origin", redirect: "error" });
      if (response.ok) this.show(await response.text());
    } catch {
      // The next round tries again; the session's own connection tells when the server is away.
    }
  }

  private show(markup: string): void {
    const { tree } = this;
    if (!tree || markup === this.shown) return;
    this.shown = markup;
    const focused = document.activeElement instanceof HTMLElement && tree.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    const { scrollTop } = tree;
    tree.innerHTML = markup;
    tree.scrollTop = scrollTop;
    this.restoreFolds();
    if (focused) tree.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  private readonly onToggle = (event: Event): void => {
    const details = event.target as HTMLDetailsElement;
    const id = details.dataset.project;
    if (!id) return;
    const folded = this.folded().filter((one) => one !== id);
    if (!details.open) folded.push(id);
    localStorage.setItem("slipway.folded", JSON.stringify(folded.slice(-500)));
  };

  private folded(): string[] {
    return JSON.parse(localStorage.getItem("slipway.folded") ?? "[]") as string[];
  }

  private restoreFolds(): void {
    for (const id of this.folded()) this.querySelector(`details[data-project="${CSS.escape(id)}"]`)?.removeAttribute("open");
  }
}

customElements.define("slw-sidebar", Sidebar);
