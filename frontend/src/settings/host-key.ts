// The field of a machine's SSH key: fetched on request, its fingerprint shown, and taken over only when somebody approves it.

import { post } from "../api.ts";
import { messageOf } from "../elements/base.ts";
import { gettext } from "../i18n.ts";

interface HostKey { key: string; algorithm: string; fingerprint: string }

class HostKeyField extends HTMLElement {
  private place: HTMLElement | null = null;

  connectedCallback(): void {
    const label = this.querySelector("label");
    if (this.place || !label) return;
    this.place = Object.assign(document.createElement("div"), { className: "stack tight" });
    this.place.setAttribute("aria-live", "polite");
    this.place.append(this.button("button", gettext("Fetch host key"), (button) => void this.fetchKey(button)));
    label.after(this.place);
  }

  private get area(): HTMLTextAreaElement | null {
    return this.querySelector("textarea");
  }

  private button(className: string, text: string, act: (button: HTMLButtonElement) => void): HTMLButtonElement {
    const made = Object.assign(document.createElement("button"), { className, type: "button", textContent: text });
    made.addEventListener("click", () => act(made));
    return made;
  }

  private value(name: string): string {
    return this.closest("form")?.querySelector<HTMLInputElement>(`[name="ssh-${name}"]`)?.value.trim() ?? "";
  }

  private async fetchKey(button: HTMLButtonElement): Promise<void> {
    this.place?.querySelector("[data-answer]")?.remove();
    button.setAttribute("aria-busy", "true");
    try {
      const body = { organization_id: this.closest("form")?.dataset.organization, host: this.value("host"), port: Number(this.value("port") || 22) };
      this.ask(await post<HostKey>("/environments/host-key", body, { tries: 1 }));
    } catch (error) {
      this.answer("note error", messageOf(error), "");
    }
    button.removeAttribute("aria-busy");
  }

  /** What came of it; a fingerprint stands by itself, to be compared. */
  private answer(className: string, text: string, fingerprint: string): HTMLElement {
    const note = Object.assign(document.createElement("div"), { className });
    note.dataset.answer = "";
    const said = Object.assign(document.createElement("div"), { className: "grow" });
    const [before = "", after = ""] = fingerprint ? text.split(fingerprint) : [text];
    said.append(before, ...(fingerprint ? [Object.assign(document.createElement("code"), { className: "fingerprint", textContent: fingerprint })] : []), after);
    note.append(said);
    this.place?.append(note);
    return note;
  }

  private ask({ key, algorithm, fingerprint }: HostKey): void {
    const isKnown = this.area?.value.trim() === key;
    if (isKnown) return void this.answer("note success", gettext("The machine still has the key that was approved: {fingerprint}", { fingerprint }), fingerprint);
    const isOther = Boolean(this.area?.value.trim());
    const text = isOther
      ? gettext("The machine shows another key than the approved one ({algorithm}): {fingerprint} Find out why before you approve it.", { fingerprint, algorithm })
      : gettext("The machine shows this key ({algorithm}): {fingerprint} Is it the one that you see on the machine itself?", { fingerprint, algorithm });
    const note = this.answer(isOther ? "note error" : "note warning", text, fingerprint);
    note.append(this.button("button", gettext("Approve"), () => {
      if (this.area) this.area.value = key;
      this.area?.setAttribute("aria-invalid", "false");
      note.remove();
      this.answer("note success", gettext("Approved: {fingerprint}", { fingerprint }), fingerprint);
    }));
  }
}

customElements.define("slw-host-key", HostKeyField);
