// Asks before the files go back to how a turn left them, and says which ones will change.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { get, post } from "../api.ts";
import { plain } from "../elements/base.ts";
import { FormDialog } from "../elements/dialog.ts";
import { gettext, ngettext } from "../i18n.ts";
import type { Diff, DiffFile, Session } from "../protocol.ts";
import { lineCounts } from "./line-counts.ts";

const MOST_NAMED = 12;

export const restore = (sessionId: string, checkpointId: string, key?: string): Promise<Session> =>
  post<Session>(`/sessions/${sessionId}/restore`, { checkpoint_id: checkpointId }, key ? { key } : {});

@customElement("slw-restore")
export class RestoreDialog extends FormDialog {
  @property() sessionId = "";
  @state() private changes: Diff | null = null;
  protected readonly fields: string[] = [];
  private checkpointId = "";

  async openFor(checkpointId: string): Promise<void> {
    Object.assign(this, { checkpointId, changes: null, error: null });
    await this.open();
    try {
      const changes = await get<Diff>(`/sessions/${this.sessionId}/checkpoints/${checkpointId}/changes`);
      if (checkpointId === this.checkpointId) this.changes = changes;
    } catch (error) {
      this.error = error;
    }
  }

  private async send(): Promise<void> {
    await restore(this.sessionId, this.checkpointId, this.keyFor(this.checkpointId));
    this.done();
    this.close();
    this.dispatchEvent(new CustomEvent("slw-restoring"));
  }

  override render(): unknown {
    const { changes } = this;
    const isNothing = changes !== null && !changes.files.length;
    const title = isNothing ? gettext("Nothing to restore") : gettext("Restore the files to the end of this turn?");
    return html`<dialog class="dialog small" aria-label=${title}><form @submit=${(event: Event) => this.submit(event, () => this.send())}>
      ${this.head(title)}
      <div class="body">${this.generalError()}${changes ? this.told(changes) : this.error ? nothing : html`<p class="soft" role="status">${gettext("Looking at what will change…")}</p>`}
        ${isNothing ? nothing : html`<p class="soft">${gettext("The conversation stays as it is. The current files are saved first, so that you can undo this.")}</p>`}</div>
      <footer><button class="button" type="button" @click=${() => this.close()}>${isNothing ? gettext("Close") : gettext("Cancel")}</button>
        ${isNothing ? nothing : html`<button class="button primary" aria-busy=${this.isBusy} ?disabled=${this.isBusy || !changes}>${gettext("Restore")}</button>`}</footer>
    </form></dialog>`;
  }

  private told({ files }: Diff): TemplateResult {
    if (!files.length) return html`<p>${gettext("The files already match the end of this turn.")}</p>`;
    return html`<p>${ngettext("{count} file will be changed:", "{count} files will be changed:", files.length)}</p>
      <ul class="restored-files">${files.slice(0, MOST_NAMED).map(fileView)}</ul>
      ${files.length > MOST_NAMED ? html`<p class="soft">${ngettext("and {count} more", "and {count} more", files.length - MOST_NAMED)}</p>` : nothing}`;
  }
}

function fileView({ path, status, additions, deletions }: DiffFile): TemplateResult {
  const word = { added: gettext("comes back"), modified: gettext("changes"), deleted: gettext("is removed"), renamed: gettext("is renamed") }[status];
  return html`<li><span class="mono cut grow">${plain(path)}</span><span class="soft">${word}</span>${lineCounts(additions, deletions)}</li>`;
}
