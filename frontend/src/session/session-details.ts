// The session's details in a dialog: what it runs on, and what its agent may do without asking.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { PageElement } from "../elements/base.ts";
import "../elements/rules.ts";
import { ago, count, exactTime, money, number } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Session } from "../protocol.ts";
import { modeList } from "./modes.ts";
import type { PageSession } from "./session-head.ts";

@customElement("slw-session-details")
export class SessionDetails extends PageElement {
  @property({ attribute: false }) page!: PageSession;
  @property({ attribute: false }) session: Session | null = null;
  @state() private isOpen = false;
  @query("dialog") private dialog!: HTMLDialogElement;

  async open(): Promise<void> {
    this.isOpen = true;
    await this.updateComplete;
    this.dialog.showModal();
  }

  override render(): unknown {
    return html`<dialog class="dialog" aria-label=${gettext("Session details")} @close=${() => (this.isOpen = false)}>${this.isOpen ? this.sheet() : ""}</dialog>`;
  }

  private sheet(): TemplateResult {
    const { session } = this;
    const mode = modeList().find(({ name }) => name === session?.permission_mode);
    const fact = (name: string, value: unknown): TemplateResult => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
    return html`<div class="sheet"><header><h2 class="grow">${gettext("Session details")}</h2>
        <button class="button quiet square" type="button" aria-label=${gettext("Close")} @click=${() => this.dialog.close()}>${icon("cross")}</button></header>
      <div class="body">
        <dl class="details-list">
          ${fact(gettext("Branch"), html`<span class="mono">${session?.branch ?? this.page.branch}</span>`)}
          ${fact(gettext("Base branch"), html`<span class="mono">${session?.base_branch ?? ""}</span>`)}
          ${fact(gettext("Environment"), this.page.environment || gettext("the project's default"))}
          ${session ? fact(gettext("Started"), html`<time datetime=${session.created_at} title=${exactTime(session.created_at)}>${ago(session.created_at)}</time>`) : ""}
          ${session ? fact(gettext("Model"), session.is_practice ? gettext("Practice model") : session.model) : ""}
          ${fact(gettext("Cost"), money(session?.cost_usd ?? 0))}
          ${session?.output_tokens ? fact(gettext("Tokens so far"), gettext("{in} in, {out} out", { in: count(session.input_tokens ?? 0), out: count(session.output_tokens) })) : ""}
          ${session?.files_changed ? fact(gettext("Files changed"), number(session.files_changed)) : ""}
          ${session?.context_window ? fact(gettext("Context"), gettext("{used} of {all} tokens", { used: count(session.context_tokens ?? 0), all: count(session.context_window) })) : ""}
        </dl>
        <section class="stack tight"><h3>${gettext("What the agent may do without asking")}</h3>
          ${mode ? html`<p>${mode.label}: ${mode.detail}</p>` : nothing}
          ${mode?.isWarning ? nothing : html`<slw-rules session-id=${this.page.id} ?can-write=${this.page.can_write}></slw-rules>
          <p class="soft">${gettext("Project rules apply to all its sessions.")} <a href="/projects/${this.page.project_id}/">${gettext("See the project's rules")}</a></p>`}</section>
      </div></div>`;
  }
}
