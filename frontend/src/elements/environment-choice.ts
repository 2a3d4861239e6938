// The choice of an environment in a dialog: which there are at once, how they are as soon as they have answered, and a warning.

import { html, nothing, type TemplateResult } from "lit";
import { withCode } from "../code-in-text.ts";
import { gettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import { statusWord } from "../settings/environment-status.ts";
import { type Environment, statusesOf } from "./new-session-lists.ts";

type Field = (name: string, label: string, control: (attributes: { id: string; invalid: "true" | "false" }) => TemplateResult, hint?: string) => TemplateResult;

export class EnvironmentChoice {
  private known: Environment[] = [];
  private chosen = "";

  constructor(private readonly changed: () => void) {}

  ask(organizationId: string): void {
    statusesOf(organizationId).then((known) => {
      this.known = known;
      this.changed();
    }, () => undefined); // the dialog works without
  }

  /** The one that is chosen at present. */
  now(first: string): string {
    return this.chosen || first;
  }

  private status(id: string): Environment["status"] {
    return this.known.find((one) => one.id === id)?.status ?? null;
  }

  /** What to begin with: the first of which nothing bad is known, else the first that is there. */
  best(environments: Environment[]): Environment | undefined {
    const fit = (isGood: (status: NonNullable<Environment["status"]>) => boolean): Environment | undefined =>
      environments.find(({ id }) => {
        const status = this.status(id);
        return !status || isGood(status);
      });
    return fit((status) => status.available && status.authenticated) ?? fit((status) => status.available) ?? environments[0];
  }

  /** What the select of this name says; `first` is chosen until somebody chooses another one. */
  field(field: Field, environments: Environment[] | undefined, first: string, label = gettext("Environment"), none = ""): TemplateResult {
    const status = this.status(this.now(first));
    return field("environment_id", label, ({ id, invalid }) => html`<select class="input" id=${id} name="environment_id" aria-invalid=${invalid} aria-busy=${environments ? "false" : "true"} @change=${(event: Event) => this.choose(event)}>
      ${none ? html`<option value="">${none}</option>` : nothing}
      ${(environments ?? []).map((one) => html`<option value=${one.id} ?selected=${!none && one.id === first}>${this.name(one)}</option>`)}</select>`, status ? statusWord(status)[1] : "");
  }

  private choose(event: Event): void {
    this.chosen = (event.target as HTMLSelectElement).value;
    this.changed();
  }

  /** Whether nothing could begin at the chosen one now. */
  isAway(first: string): boolean {
    return this.status(this.now(first))?.available === false;
  }

  private name(one: Environment): string {
    const name = told(one.name);
    return this.status(one.id)?.available === false ? gettext("{name} (not available)", { name }) : name;
  }

  /** Outside of what is folded away: whoever starts a session there would wait for nothing. */
  warning(first: string): TemplateResult | typeof nothing {
    const id = this.now(first);
    const status = this.status(id);
    if (!status || (status.available && status.authenticated)) return nothing;
    const name = told(this.known.find((one) => one.id === id)?.name ?? "");
    const what = status.available ? gettext("{name} needs a credential.", { name }) : gettext("{name} is not available at the moment. Choose another environment, or start and wait until it is.", { name });
    return html`<p class="note warning" role="status">${icon("warning")}<span>${what} ${withCode(told(status.error))}</span></p>`;
  }
}
