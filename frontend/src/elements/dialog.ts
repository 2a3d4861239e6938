// A modal form: opens from `[data-open="…"]`, keeps what was typed, closes with Escape or its buttons.

import { html, nothing, type TemplateResult } from "lit";
import { query, state } from "lit/decorators.js";
import { objectionTo } from "../components/validity.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { newId } from "../ids.ts";
import { errorNote, fieldError, isOnlyAbout, PageElement } from "./base.ts";

export abstract class FormDialog extends PageElement {
  @query("dialog") protected dialog!: HTMLDialogElement;
  @state() protected error: unknown = null;
  @state() protected isBusy = false;
  @state() protected wrong: Record<string, string> = {};

  /** Names of the fields that show their own errors. */
  protected abstract readonly fields: string[];
  private isLeaving = false;
  private asked = "";
  private key = "";

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("pageshow", this.onShown);
  }

  /** Who comes back to the page finds it as it was left. */
  private readonly onShown = (event: PageTransitionEvent): void => {
    if (event.persisted) this.stay();
  };

  private stay(): void {
    removeEventListener("pageshow", this.onShown);
    if (this.isLeaving) this.isLeaving = this.isBusy = false;
  }

  /** To where the new thing is shown; until the browser is there nothing more can be sent. */
  protected leave(address: string): void {
    this.isLeaving = true;
    addEventListener("pageshow", this.onShown);
    this.done();
    const isThisPage = new URL(address, location.href).href.replace(/#.*/, "") === location.href.replace(/#.*/, "");
    location.assign(address);
    if (isThisPage) location.reload(); // only the anchor was another one, so that nothing was loaded
  }

  /** The id of a request: the same for as long as the same is asked, so that pressing again makes no second one. */
  protected keyFor(asked: unknown): string {
    const text = JSON.stringify(asked);
    if (text !== this.asked) Object.assign(this, { asked: text, key: newId() });
    return this.key;
  }

  /** What is asked from now on is something new. */
  protected done(): void {
    this.asked = "";
  }

  async open(): Promise<void> {
    this.stay();
    await this.updateComplete;
    this.dialog.tabIndex = -1;
    this.dialog.showModal();
    // The browser would choose the button that closes. On a phone the keyboard would cover the form, so there it is the dialog itself.
    (matchMedia("(pointer: fine)").matches ? this.dialog.querySelector<HTMLElement>(".body .input") : this.dialog)?.focus();
  }

  close(): void {
    this.dialog.close();
  }

  protected value(name: string): string {
    const field = this.dialog.querySelector<HTMLInputElement>(`[name="${name}"]:is(:not([type=radio]), :checked)`);
    return field?.value ?? "";
  }

  /** What the browser finds wrong before anything is sent, said beside each field. */
  private objections(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const control of this.dialog.querySelectorAll<HTMLInputElement>("form :invalid:is(input, select, textarea)")) found[control.name] = objectionTo(control);
    return found;
  }

  /** Where the first error is, even when it is folded away. */
  private async showError(): Promise<void> {
    await this.updateComplete;
    const wrong = this.dialog.querySelector<HTMLElement>("[aria-invalid=true]");
    wrong?.closest("details")?.setAttribute("open", "");
    wrong?.focus();
  }

  protected readonly onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.dialog.querySelector("form")?.requestSubmit();
  };

  /** What is being mended is no longer complained of. */
  protected readonly onInput = (event: Event): void => {
    const { name } = event.target as HTMLInputElement;
    if (name in this.wrong) this.wrong = Object.fromEntries(Object.entries(this.wrong).filter(([field]) => field !== name));
  };

  protected async submit(event: Event, work: () => Promise<void>): Promise<void> {
    event.preventDefault();
    if (this.isBusy) return;
    this.error = null;
    this.wrong = this.objections();
    if (Object.keys(this.wrong).length) return this.showError();
    this.isBusy = true;
    try {
      await work();
    } catch (error) {
      this.error = error;
      await this.showError();
    } finally {
      this.isBusy = this.isLeaving;
    }
  }

  protected field(name: string, label: string, control: (attributes: { id: string; invalid: "true" | "false" }) => TemplateResult, hint = "", className = ""): TemplateResult {
    const error = this.wrong[name] ?? fieldError(this.error, name);
    const id = `${this.tagName.toLowerCase()}-${name}`;
    return html`<div class="field ${className}"><label for=${id}>${label}</label>
      ${control({ id, invalid: error ? "true" : "false" })}
      ${error ? html`<span class="error" role="alert">${error}</span>` : hint ? html`<span class="hint">${hint}</span>` : nothing}</div>`;
  }

  protected generalError(): unknown {
    return this.error && !isOnlyAbout(this.error, this.fields) ? errorNote(this.error) : nothing;
  }

  protected head(title: string): TemplateResult {
    return html`<header><h2 class="grow">${title}</h2><button class="button quiet square" type="button" aria-label=${gettext("Close")} @click=${() => this.close()}>${icon("cross")}</button></header>`;
  }
}
