// A form of preferences: each control is saved as it is changed, and says so beside itself. Without scripts it is a plain form with a button.

import { gettext } from "../i18n.ts";
import { changePreferences, type Preferences, preferences } from "../preferences.ts";
import { messageOf } from "../toast.ts";

const SHOWN_MS = 2500;

type Control = HTMLInputElement | HTMLSelectElement;

const isControl = (target: unknown): target is Control => target instanceof HTMLInputElement || target instanceof HTMLSelectElement;

function valueOf(control: Control): string | boolean {
  return control instanceof HTMLInputElement && control.type === "checkbox" ? control.checked : control.value;
}

export class Autosave extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener("change", (event) => isControl(event.target) && void this.save(event.target));
    this.addEventListener("submit", (event) => event.preventDefault()); // Enter in a field would load the page again
    this.catchUp();
  }

  /** What was changed before this script was there. */
  private catchUp(): void {
    const known: Record<string, unknown> = { ...preferences() };
    for (const control of this.querySelectorAll<Control>("input, select")) {
      const isLeftOut = !(control.name in known) || (control.type === "radio" && !(control as HTMLInputElement).checked);
      if (!isLeftOut && known[control.name] !== valueOf(control)) void this.save(control);
    }
  }

  private tell(name: string, text: string, isError = false): void {
    const place = this.querySelector<HTMLElement>(`[data-saved="${CSS.escape(name)}"]`);
    if (!place) return;
    place.textContent = text;
    place.classList.toggle("error-text", isError);
    if (!isError) setTimeout(() => { if (place.textContent === text) place.textContent = ""; }, SHOWN_MS);
  }

  private async save(control: Control): Promise<void> {
    this.tell(control.name, gettext("Saving…"));
    try {
      await changePreferences({ [control.name]: valueOf(control) } as Partial<Preferences>);
    } catch (error) {
      this.tell(control.name, messageOf(error), true);
      return;
    }
    if (control.dataset.reload !== undefined) location.reload();
    else this.tell(control.name, gettext("Saved"));
  }
}

customElements.define("slw-autosave", Autosave);
