// The Changes pane: which files the session changed against its base, and how.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { get } from "../api.ts";
import { errorNote, PageElement, plain } from "../elements/base.ts";
import { languageOfPath } from "../highlight.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Diff, DiffFile } from "../protocol.ts";
import { lineCounts } from "./line-counts.ts";
import { patchView } from "./patch-view.ts";

const FOLDED_ABOVE_LINES = 400;
const FOLDED_ABOVE_FILES = 30;
/** Nobody waits for the colours of more. */
const COLOURED_UP_TO_LINES = 3000;

@customElement("slw-changes")
export class ChangesView extends PageElement {
  @property() sessionId = "";
  @property({ type: Number }) version = 0;
  @property({ type: Boolean }) isShown = true;
  @state() private diff: Diff | null = null;
  @state() private error: unknown = null;
  @state() private folds: Record<string, boolean> = {};
  private loaded = -1;

  override updated(_changed: PropertyValues): void {
    if (this.isShown && this.loaded !== this.version) void this.load();
  }

  private async load(): Promise<void> {
    const version = (this.loaded = this.version);
    try {
      const diff = await get<Diff>(`/sessions/${this.sessionId}/diff`);
      if (version === this.loaded) [this.diff, this.error] = [diff, null];
    } catch (error) {
      this.error = error;
    }
    this.dispatchEvent(new CustomEvent("slw-files", { detail: this.diff?.files.length ?? 0, bubbles: true }));
  }

  override render(): unknown {
    if (this.error) return html`<div class="pane-body stack">${errorNote(this.error)}<p><button class="button" type="button" @click=${() => this.load()}>${gettext("Try again")}</button></p></div>`;
    if (!this.diff) return html`<p class="pane-body soft" role="status">${gettext("Loading the changes…")}</p>`;
    if (!this.diff.files.length) return this.empty();
    const { files, additions, deletions } = this.diff;
    return html`<div class="changes">
      <p class="changes-sum"><strong>${ngettext("{count} file changed", "{count} files changed", files.length)}</strong>${lineCounts(additions, deletions)}</p>
      ${this.diff.is_truncated ? html`<p class="note warning">${icon("warning")}<span>${gettext("There are more changes than can be shown here.")}</span></p>` : nothing}
      ${files.map((file) => this.file(file))}
    </div>`;
  }

  private readonly coloured = (): void => this.requestUpdate();

  private lines({ path, hunks, status }: DiffFile): TemplateResult {
    const { additions = 0, deletions = 0 } = this.diff ?? {};
    // All of a file has no place in it.
    const shown = status === "added" || status === "deleted" ? hunks.map((hunk) => ({ ...hunk, header: "" })) : hunks;
    return patchView(shown, additions + deletions > COLOURED_UP_TO_LINES ? {} : { language: languageOfPath(path), ready: this.coloured });
  }

  private empty(): TemplateResult {
    return html`<div class="pane-body"><div class="empty"><h2>${gettext("No changes yet")}</h2>
      <p class="soft">${gettext("After each turn, every file that the agent changed is shown here, compared with the branch it started from.")}</p></div></div>`;
  }

  private file(file: DiffFile): TemplateResult {
    const size = file.hunks.reduce((sum, hunk) => sum + hunk.lines.length, 0);
    const isOpen = this.folds[file.path] ?? (size <= FOLDED_ABOVE_LINES && (this.diff?.files.length ?? 0) <= FOLDED_ABOVE_FILES);
    const name = file.old_path && file.old_path !== file.path ? `${file.old_path} → ${file.path}` : file.path;
    const word = { added: gettext("added"), modified: gettext("modified"), deleted: gettext("deleted"), renamed: gettext("renamed") }[file.status];
    return html`<details class="file" .open=${isOpen} @toggle=${(event: Event) => (this.folds = { ...this.folds, [file.path]: (event.target as HTMLDetailsElement).open })}>
      <summary><span class="icon-turn">${icon("chevron")}</span><span class="cut grow mono" title=${name}>${plain(name)}</span>
        <span class="badge file-status">${word}</span>${lineCounts(file.additions, file.deletions)}</summary>
      ${!isOpen ? nothing : file.is_binary ? html`<p class="file-note soft">${gettext("Binary file")}</p>` : size ? this.lines(file) : html`<p class="file-note soft">${gettext("No lines to show")}</p>`}
    </details>`;
  }
}
