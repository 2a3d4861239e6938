// The first minute: suggestions fill the prompt, and the button says that it works.

export class FirstRun extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener("click", ({ target }) => {
      const suggestion = target instanceof Element ? target.closest<HTMLElement>("[data-suggest]") : null;
      if (suggestion) this.suggest(suggestion);
    });
    this.addEventListener("submit", () => this.isBusy(true));
    this.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.querySelector("form")?.requestSubmit();
    });
    addEventListener("pageshow", () => this.isBusy(false)); // who comes back may try again
  }

  private suggest(chosen: HTMLElement): void {
    const field = this.querySelector("textarea");
    if (!field) return;
    field.value = chosen.dataset.suggest ?? "";
    field.focus();
    for (const one of this.querySelectorAll("[data-suggest]")) one.setAttribute("aria-pressed", String(one === chosen));
  }

  private isBusy(is: boolean): void {
    const button = this.querySelector<HTMLButtonElement>("[data-busy]");
    const label = button?.querySelector("span:last-child");
    if (!button || !label) return;
    const before = (button.dataset.label ??= label.textContent);
    label.textContent = is ? (button.dataset.busy ?? before) : before;
    button.setAttribute("aria-busy", String(is));
    // Not disabled before the form is on its way, which it then would not be.
    setTimeout(() => (button.disabled = is));
  }
}

customElements.define("slw-first-run", FirstRun);
