// The page of environments: how each of them is, asked for after the page; forms as dialogs; a deletion taken back.

import { get } from "../api.ts";
import { withCode } from "../code-in-text.ts";
import { errorText, openSheet } from "../components/sheet.ts";
import { gettext, told } from "../i18n.ts";
import { loadParts } from "../parts.ts";
import { toast } from "../toast.ts";
import { tellTimes } from "../times.ts";
import { type EnvironmentStatus, statusWord } from "./environment-status.ts";

interface Listed { id: string; status: EnvironmentStatus | null }

/** Told to the page when a test has ended: the status may be another one now. */
export const TESTED = "slw-environment-tested";

class Environments extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener("click", this.onClick);
    this.addEventListener(TESTED, () => void this.askStatuses());
    this.offerUndo();
    void this.askStatuses();
  }

  private readonly onClick = (event: MouseEvent): void => {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-sheet]") : null;
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const menu = link.closest<HTMLDetailsElement>("details.menu");
    if (menu) menu.open = false;
    const opener = menu?.querySelector<HTMLElement>("summary") ?? link;
    link.setAttribute("aria-busy", "true");
    openSheet(link.href, (page) => this.take(page), opener)
      .catch((error: unknown) => toast(errorText(error), undefined, "error"))
      .finally(() => link.removeAttribute("aria-busy"));
  };

  /** The list as it is after a form was sent, out of the page that the server answered with. */
  private take(page: Document): void {
    const fresh = page.querySelector("slw-environments");
    const cards = fresh?.querySelector("[data-cards]");
    if (!cards) return location.reload();
    const [sought, seeking] = [this, cards].map((root) => root.querySelector<HTMLInputElement>("slw-filter input"));
    if (sought && seeking) seeking.value = sought.value;
    this.querySelector("[data-cards]")?.replaceWith(document.adoptNode(cards));
    this.querySelector("form[data-undo]")?.remove();
    const undo = fresh?.querySelector("form[data-undo]");
    if (undo) this.prepend(document.adoptNode(undo));
    for (const note of page.querySelectorAll(".settings-body > .note")) toast(note.textContent.trim(), undefined, "error");
    this.offerUndo();
    tellTimes(this);
    void loadParts(this);
    void this.askStatuses();
  }

  /** What stands in the page for those without scripts is a toast here. */
  private offerUndo(): void {
    const form = this.querySelector<HTMLFormElement>("form[data-undo]");
    if (!form) return;
    const text = form.querySelector("[data-text]")?.textContent ?? "";
    const request = { method: "POST", path: form.dataset.undo ?? "" };
    form.remove();
    history.replaceState(history.state, "", location.href.replace(/&deleted=[0-9a-f-]+/, ""));
    toast(text, { label: gettext("Undo"), act: () => form.isConnected || this.undo(form), request });
  }

  private undo(form: HTMLFormElement): void {
    form.hidden = true;
    this.append(form);
    form.submit();
  }

  private async askStatuses(): Promise<void> {
    const slots = [...this.querySelectorAll<HTMLElement>("[data-status]")];
    if (!slots.length) return;
    try {
      const organization = this.getAttribute("organization-id") ?? "";
      const { items } = await get<{ items: Listed[] }>(`/environments?organization_id=${organization}&include_status=true&limit=200`);
      for (const slot of slots) this.show(slot, items.find(({ id }) => id === slot.dataset.status)?.status ?? null);
    } catch (error) {
      for (const slot of slots) this.show(slot, null, errorText(error));
    }
  }

  private show(slot: HTMLElement, status: EnvironmentStatus | null, problem = ""): void {
    const [meaning, word] = statusWord(status);
    const mark = Object.assign(document.createElement("span"), { className: `status ${meaning}`, textContent: word });
    const text = problem || told(status?.error ?? "");
    const said = Object.assign(document.createElement("span"), { className: "soft" });
    said.append(...withCode(text));
    slot.replaceChildren(mark, ...(text ? [said] : []));
  }
}

customElements.define("slw-environments", Environments);
