// The dialog that renames or deletes a project or a session; opened from `[data-manage="rename|delete"]` anywhere in the page.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { call } from "../api.ts";
import { store } from "../frame/tree-store.ts";
import { offerUndo } from "../frame/undelete.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { FormDialog } from "./dialog.ts";

type Verb = "rename" | "delete";
type Kind = "project" | "session";

/** What happened, for the page that shows the thing. */
export interface Managed { verb: Verb; kind: Kind; id: string; name: string }

@customElement("slw-manage")
export class Manage extends FormDialog {
  @state() private verb: Verb = "rename";
  @state() private kind: Kind = "session";
  @state() private name = "";
  @state() private typed = "";
  protected readonly fields = ["name"];
  private targetId = "";

  openFor({ manage, kind, id, name }: DOMStringMap): void {
    Object.assign(this, { verb: manage, kind, targetId: id, name, typed: "", error: null });
    void this.open();
  }

  override async open(): Promise<void> {
    await super.open();
    const field = this.dialog.querySelector<HTMLInputElement>("[name=name]");
    if (!field) return;
    field.value = this.verb === "rename" ? this.name : "";
    field.select();
  }

  private async save(): Promise<void> {
    const name = this.verb === "rename" ? this.value("name").trim() : this.name;
    const path = `/${this.kind}s/${this.targetId}`;
    await (this.verb === "rename" ? call("PATCH", path, { name }) : call("DELETE", path));
    this.close();
    const detail: Managed = { verb: this.verb, kind: this.kind, id: this.targetId, name };
    document.dispatchEvent(new CustomEvent("slw-managed", { detail }));
    if (this.verb === "delete") offerUndo(detail);
  }

  override render(): unknown {
    const isRename = this.verb === "rename";
    const title = isRename ? { project: gettext("Rename the project"), session: gettext("Rename the session") }[this.kind] : gettext("Delete “{name}”?", { name: this.name });
    return html`<dialog class="dialog small" aria-label=${title}><form novalidate @keydown=${this.onKey} @input=${this.onInput} @submit=${(event: Event) => this.submit(event, () => this.save())}>
      ${this.head(title)}
      <div class="body">${this.generalError()}${isRename ? this.nameField() : this.question()}</div>
      <footer><button class="button" type="button" @click=${() => this.close()}>${gettext("Cancel")}</button>
        ${isRename ? html`<button class="button primary" ?disabled=${this.isBusy}>${gettext("Rename")}</button>` : this.deleteButton()}</footer>
    </form></dialog>`;
  }

  private nameField(): TemplateResult {
    return this.field("name", gettext("Name"), ({ id, invalid }) => html`<input class="input" id=${id} name="name" required maxlength="100" autocomplete="off" aria-invalid=${invalid} />`);
  }

  private question(): TemplateResult {
    if (this.kind === "session")
      return html`<p>${gettext("This stops its agent and deletes its conversation, its sandbox and the changes on its branch.")} ${gettext("You can undo this for a few minutes.")}</p>`;
    const count = store.inOrder.filter((session) => session.project_id === this.targetId).length;
    const what = count ? ngettext("This deletes the repository and its {count} session.", "This deletes the repository and its {count} sessions.", count) : gettext("This deletes the repository.");
    return html`<p class="note warning">${icon("warning")}<span>${what} ${gettext("You can undo this for a few minutes.")}</span></p>
      ${this.field("name", gettext("Type the project's name to confirm"), ({ id, invalid }) => html`<input class="input" id=${id} name="name" autocomplete="off" spellcheck="false" placeholder=${this.name} aria-invalid=${invalid}
        @input=${(event: Event) => (this.typed = (event.target as HTMLInputElement).value.trim())} />`)}`;
  }

  private deleteButton(): TemplateResult | typeof nothing {
    const isMeant = this.kind === "session" || this.typed === this.name.trim();
    return html`<button class="button danger primary" ?disabled=${this.isBusy || !isMeant}>${{ project: gettext("Delete project"), session: gettext("Delete session") }[this.kind]}</button>`;
  }
}
