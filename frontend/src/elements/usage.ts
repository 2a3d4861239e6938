// What an organisation used this month, and its provider key.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { call } from "../api.ts";
import { ago, count, exactTime, money, month, percent } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { errorNote, pageData, PageElement, toast } from "./base.ts";

/** From which share of the budget on it is pointed out. */
const NEARLY = 0.8;

interface Usage { month: string; cost_usd: string; limit_usd: string | null; input_tokens: number; output_tokens: number; cache_read_tokens: number; cache_write_tokens: number; calls: number }
interface Key { provider: string; last_four: string; updated_at: string }

@customElement("slw-usage")
export class UsageView extends PageElement {
  private readonly usage = pageData<Usage>("usage-data");

  override render(): unknown {
    const { usage } = this;
    if (!usage) return nothing;
    const limit = Number(usage.limit_usd);
    const share = limit > 0 ? Number(usage.cost_usd) / limit : 0;
    const figure = (name: string, value: string): TemplateResult => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
    return html`<section class="card"><div class="body stack"><h2>${month(usage.month)}</h2>
      ${limit > 0 ? html`<div class="stack tight"><div class="row wrap"><span class="grow budget-used"><strong>${money(usage.cost_usd)}</strong> ${gettext("of {limit}", { limit: money(limit) })}</span>
          ${share >= 1 ? html`<span class="status failed">${gettext("The budget is used up")}</span>` : share >= NEARLY ? html`<span class="status waiting">${gettext("{share} of the budget is used", { share: percent(share) })}</span>` : nothing}</div>
        <progress class="progress ${share >= NEARLY ? "nearly" : ""}" max=${limit} .value=${Math.min(limit, Number(usage.cost_usd))} aria-label=${gettext("Budget used")}></progress></div>` : nothing}
      <dl class="figures">
        ${figure(gettext("Cost"), money(usage.cost_usd))}${figure(gettext("Model calls"), count(usage.calls))}
        ${figure(gettext("Tokens in"), count(usage.input_tokens))}${figure(gettext("Tokens out"), count(usage.output_tokens))}
        ${figure(gettext("Cache read"), count(usage.cache_read_tokens))}${figure(gettext("Cache written"), count(usage.cache_write_tokens))}
      </dl></div></section>`;
  }
}

@customElement("slw-provider-key")
export class ProviderKey extends PageElement {
  @property({ attribute: "organization-id" }) organizationId = "";
  @property({ type: Boolean, attribute: "can-change" }) canChange = false;
  @property({ type: Boolean, attribute: "is-practice" }) isPractice = false;
  @state() private key = pageData<Key>("model-key-data");
  @state() private isBusy = false;
  @state() private isRemoving = false;
  @state() private error: unknown = null;

  private get path(): string {
    return `/orgs/${this.organizationId}/provider-key`;
  }

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

  private readonly save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    await this.attempt(async () => {
      this.key = await call<Key>("PUT", this.path, { key: new FormData(form).get("key") });
      form.reset();
      toast(gettext("The key was saved. New turns use it."));
    });
  };

  private async forget(): Promise<void> {
    await this.attempt(async () => {
      await call("DELETE", this.path);
      this.key = null;
    });
    this.isRemoving = false;
  }

  override render(): unknown {
    return html`<section class="card"><div class="body stack"><h2>${gettext("Anthropic key")}</h2>
      ${errorNote(this.error)}
      ${!this.canChange ? nothing : this.key?.last_four ? this.present(this.key) : html`<p class="note">${icon("info")}<span>${this.isPractice ? gettext("No key: sessions use the practice model.") : gettext("No key of its own: sessions use the server's key.")}</span></p>`}
      ${this.canChange ? this.form() : html`<p class="soft">${gettext("Only admins see and change the key.")}</p>`}
    </div></section>`;
  }

  private present(key: Key): TemplateResult {
    return html`<div class="row wrap"><span class="grow">${gettext("In use:")} <span class="mono">…${key.last_four}</span> <span class="soft" title=${exactTime(key.updated_at)}>${gettext("set {when}", { when: ago(key.updated_at) })}</span></span>
      ${!this.canChange ? nothing : this.isRemoving
        ? html`<button class="button danger" type="button" ?disabled=${this.isBusy} @click=${() => this.forget()}>${gettext("Remove the key ending in {four}", { four: key.last_four })}</button><button class="button quiet" type="button" @click=${() => (this.isRemoving = false)}>${gettext("Keep")}</button>`
        : html`<button class="button" type="button" @click=${() => (this.isRemoving = true)}>${gettext("Remove…")}</button>`}</div>`;
  }

  private form(): TemplateResult {
    return html`<form class="stack tight" @submit=${this.save}><div class="field"><label for="provider-key">${this.key ? gettext("Replace it by") : gettext("Key")}</label>
      <div class="row"><input class="input mono" id="provider-key" name="key" type="password" required autocomplete="off" spellcheck="false" placeholder="sk-ant-…" /><button class="button primary" ?disabled=${this.isBusy}>${gettext("Save")}</button></div>
      <span class="hint">${gettext("Stored encrypted, never shown again, and never inside a sandbox.")}</span></div></form>`;
  }
}
