// API tokens: make one (its text is shown once), see when each was used, revoke.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { call, get, post } from "../api.ts";
import { copy } from "../copy.ts";
import { ago, day, exactTime } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { errorNote, fieldError, isOnlyAbout, pageData, PageElement, toast } from "./base.ts";

interface Token { id: string; name: string; prefix: string; scopes: string[]; expires_at: string | null; last_used_at: string | null; created_at: string; token?: string }

const scopes = (): [string, string, string[]][] => [
  ["READ", gettext("Read"), ["READ"]],
  ["WRITE", gettext("Read and write"), ["READ", "WRITE"]],
  ["ADMIN", gettext("Administer the organisation"), ["READ", "WRITE", "ADMIN"]],
];

@customElement("slw-tokens")
export class Tokens extends PageElement {
  @property({ attribute: "organization-id" }) organizationId = "";
  @state() private tokens = pageData<Token[]>("tokens-data") ?? [];
  @state() private made: Token | null = null;
  @state() private error: unknown = null;
  @state() private isBusy = false;
  @state() private revoking = "";

  private async attempt(work: () => Promise<void>): Promise<void> {
    this.isBusy = true;
    try {
      await work();
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.isBusy = false;
  }

  private readonly create = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const data = new FormData(form);
    const days = Number(data.get("days"));
    await this.attempt(async () => {
      const chosen = scopes().find(([value]) => value === data.get("scope"))?.[2] ?? ["READ"];
      const body = { organization_id: this.organizationId, name: data.get("name"), scopes: chosen, expires_in_days: days || null };
      this.made = await post<Token>("/tokens", body, { tries: 1 }); // a second answer would not have the token itself
      form.reset();
      this.tokens = (await get<{ items: Token[] }>("/tokens?limit=200")).items;
    });
  };

  private async revoke(token: Token): Promise<void> {
    await this.attempt(async () => {
      await call("DELETE", `/tokens/${token.id}`);
      this.tokens = this.tokens.filter((one) => one.id !== token.id);
      if (this.made?.id === token.id) this.made = null;
      toast(gettext("{name} was revoked.", { name: token.name }));
    });
    this.revoking = "";
  }

  override render(): unknown {
    const nameError = fieldError(this.error, "name");
    return html`<div class="stack">
      ${isOnlyAbout(this.error, ["name"]) ? nothing : errorNote(this.error)}
      ${this.made?.token ? this.shownOnce(this.made.token) : nothing}
      <section class="card"><form class="body stack" @submit=${this.create}>
        <h2>${gettext("New token")}</h2>
        <div class="fields">
          <div class="field full"><label for="token-name">${gettext("Name")}</label><input class="input" id="token-name" name="name" required maxlength="100" autocomplete="off" placeholder=${gettext("deploy script")} aria-invalid=${nameError ? "true" : "false"} />
            ${nameError ? html`<span class="error">${nameError}</span>` : nothing}</div>
          <div class="field"><label for="token-scope">${gettext("Access")}</label><select class="input" id="token-scope" name="scope">${scopes().map(([value, label]) => html`<option value=${value} ?selected=${value === "WRITE"}>${label}</option>`)}</select></div>
          <div class="field"><label for="token-days">${gettext("Expires")}</label><select class="input" id="token-days" name="days">
            <option value="30">${gettext("in 30 days")}</option><option value="90" selected>${gettext("in 90 days")}</option><option value="365">${gettext("in a year")}</option><option value="0">${gettext("never")}</option></select></div>
        </div>
        <div><button class="button primary" ?disabled=${this.isBusy}>${gettext("Create token")}</button></div>
      </form></section>
      ${this.list()}
    </div>`;
  }

  private shownOnce(text: string): TemplateResult {
    return html`<div class="note success" role="status">${icon("check")}<div class="grow stack tight">
      <strong>${gettext("Copy the token now; it is not shown again.")}</strong>
      <div class="row"><input class="input mono" readonly aria-label=${gettext("The new token")} .value=${text} @focus=${(event: Event) => (event.target as HTMLInputElement).select()} />
        <button class="button" type="button" @click=${(event: Event) => copy(text, event.currentTarget as HTMLElement)}>${gettext("Copy")}</button></div>
    </div></div>`;
  }

  private list(): unknown {
    if (!this.tokens.length) return html`<div class="empty"><h2>${gettext("No tokens yet")}</h2><p class="soft">${gettext("A token lets a script or another program use the API in your name.")}</p></div>`;
    return html`<section class="card settings-list" aria-label=${gettext("Your tokens")}><ul>${this.tokens.map((token) => this.row(token))}</ul></section>`;
  }

  private facts(token: Token): TemplateResult {
    const access = scopes().findLast(([value]) => token.scopes.includes(value))?.[1] ?? "";
    const used = token.last_used_at ? html`<span title=${exactTime(token.last_used_at)}>${gettext("used {when}", { when: ago(token.last_used_at) })}</span>` : html`<span>${gettext("never used")}</span>`;
    const expires = token.expires_at ? html`<span title=${exactTime(token.expires_at)}>${gettext("expires {day}", { day: day(token.expires_at) })}</span>` : html`<span>${gettext("never expires")}</span>`;
    return html`<span class="soft facts"><span class="mono">${token.prefix}…</span><span>${access}</span>${used}${expires}</span>`;
  }

  private row(token: Token): TemplateResult {
    return html`<li><div class="grow"><strong class="cut" title=${token.name}>${token.name}</strong>${this.facts(token)}</div>
      ${this.revoking === token.id
        ? html`<span class="row wrap"><button class="button danger" type="button" ?disabled=${this.isBusy} @click=${() => this.revoke(token)}><span class="cut">${gettext("Revoke {name}", { name: token.name })}</span></button><button class="button quiet" type="button" @click=${() => (this.revoking = "")}>${gettext("Keep")}</button></span>`
        : html`<button class="button quiet" type="button" aria-label=${gettext("Revoke {name}…", { name: token.name })} @click=${() => (this.revoking = token.id)}>${gettext("Revoke…")}</button>`}</li>`;
  }
}
