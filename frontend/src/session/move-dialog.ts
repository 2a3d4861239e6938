// Asks where a session is to go on, and says what comes along and what does not.

import { html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { get, post } from "../api.ts";
import { FormDialog } from "../elements/dialog.ts";
import { EnvironmentChoice } from "../elements/environment-choice.ts";
import type { Environment } from "../elements/new-session-lists.ts";
import { gettext, told } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Session } from "../protocol.ts";
import { toast } from "../toast.ts";

@customElement("slw-move")
export class MoveDialog extends FormDialog {
  @state() private others: Environment[] | null = null;
  @state() private here = "";
  @state() private session: Session | null = null;
  private readonly environments = new EnvironmentChoice(() => this.requestUpdate());
  protected readonly fields = ["environment_id"];

  async openFor(sessionId: string): Promise<void> {
    Object.assign(this, { others: null, here: "", session: null, error: null });
    await this.open();
    try {
      const session = await get<Session>(`/sessions/${sessionId}`);
      this.environments.ask(session.organization_id);
      const { items } = await get<{ items: Environment[] }>(`/environments?organization_id=${session.organization_id}&limit=200`);
      this.here = told(items.find(({ id }) => id === session.environment_id)?.name ?? "");
      this.others = items.filter(({ id }) => id !== session.environment_id);
      this.session = session;
    } catch (error) {
      this.error = error;
    }
  }

  private async send(): Promise<void> {
    const body = { environment_id: this.value("environment_id") };
    await post<Session>(`/sessions/${this.session?.id ?? ""}/move`, body, { key: this.keyFor([this.session?.id, body]) });
    this.done();
    this.close();
    toast(gettext("The session is being moved. The conversation will say when it is done."));
  }

  override render(): unknown {
    const title = gettext("Move to another environment");
    const first = this.environments.best(this.others ?? []);
    return html`<dialog class="dialog small" aria-label=${title}><form @submit=${(event: Event) => this.submit(event, () => this.send())}>
      ${this.head(title)}
      <div class="body">${this.generalError()}
        ${this.others?.length === 0 ? html`<p>${gettext("There is no other environment. Add one in the organisation's settings.")}</p>` : html`
          ${this.environments.field(this.field.bind(this), this.others ?? undefined, first?.id ?? "")}
          ${this.here ? html`<p class="soft">${gettext("Now in: {name}", { name: this.here })}</p>` : nothing}
          ${first ? this.environments.warning(first.id) : nothing}`}
        <p>${gettext("Files, branch and conversation move along; the next message runs there.")}</p>
        <p class="note warning">${icon("warning")}<span>${gettext("What git ignores, such as installed packages, is left behind and removed. Terminals and background processes end.")}</span></p></div>
      <footer><button class="button" type="button" @click=${() => this.close()}>${gettext("Cancel")}</button>
        <button class="button primary" aria-busy=${this.isBusy} ?disabled=${this.isBusy || !first || this.environments.isAway(first.id)}>${gettext("Move")}</button></footer>
    </form></dialog>`;
  }
}
