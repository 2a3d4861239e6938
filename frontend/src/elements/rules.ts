// The permission rules of a project or a session: what holds, who said so and when, and a way to take it back.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { call, get } from "../api.ts";
import { ago, exactTime } from "../format.ts";
import { gettext } from "../i18n.ts";
import type { Rule } from "../protocol.ts";
import { errorNote, pageData, PageElement, plain, toast } from "./base.ts";

@customElement("slw-rules")
export class Rules extends PageElement {
  @property({ attribute: "project-id" }) projectId = "";
  @property({ attribute: "session-id" }) sessionId = "";
  @property({ type: Boolean, attribute: "can-write" }) canWrite = false;
  @state() private rules: Rule[] | null = null;
  @state() private error: unknown = null;
  @state() private removing = "";
  @state() private isBusy = false;

  override connectedCallback(): void {
    super.connectedCallback();
    if (!this.sessionId) this.rules = pageData<Rule[]>("rules-data");
    if (!this.rules) void this.load();
  }

  private async load(): Promise<void> {
    try {
      const path = this.sessionId ? `/sessions/${this.sessionId}/rules` : `/projects/${this.projectId}/rules`;
      this.rules = (await get<{ items: Rule[] }>(path)).items;
      this.error = null;
    } catch (error) {
      this.error = error;
    }
  }

  private async removeIt(rule: Rule): Promise<void> {
    this.isBusy = true;
    try {
      await call("DELETE", `/rules/${rule.id}`);
      toast(gettext("{rule} was removed. The agent asks again from its next turn on.", { rule: rule.rule }));
      await this.load();
    } catch (error) {
      this.error = error;
    }
    this.isBusy = false;
    this.removing = "";
  }

  override render(): unknown {
    if (!this.rules) return this.error ? errorNote(this.error) : html`<p role="status"><span class="skeleton medium"></span><span class="unseen">${gettext("Loading…")}</span></p>`;
    return html`${errorNote(this.error)}${this.rules.length ? html`<ul class="rules">${this.rules.map((rule) => this.row(rule))}</ul>` : this.empty()}`;
  }

  private empty(): TemplateResult {
    return html`<p class="soft">${gettext("No rules yet. Choosing “Always allow” when an agent asks adds one.")}</p>`;
  }

  private row(rule: Rule): TemplateResult {
    const who = rule.created_by ? gettext("by {name}", { name: rule.created_by.name }) : "";
    const where = rule.scope === "project" ? gettext("in this project") : gettext("in this session");
    return html`<li><div class="grow"><code class="rule">${plain(rule.rule)}</code>
        <span class="soft">${where} · ${who} <time datetime=${rule.created_at} title=${exactTime(rule.created_at)}>${ago(rule.created_at)}</time></span></div>
      ${!this.canWrite ? nothing : this.removing === rule.id
        ? html`<span class="row"><button class="button danger" type="button" ?disabled=${this.isBusy} @click=${() => this.removeIt(rule)}>${gettext("Remove the rule")}</button>
          <button class="button quiet" type="button" @click=${() => (this.removing = "")}>${gettext("Keep")}</button></span>`
        : html`<button class="button quiet" type="button" aria-label=${gettext("Remove {rule}…", { rule: rule.rule })} @click=${() => (this.removing = rule.id)}>${gettext("Remove…")}</button>`}</li>`;
  }
}
