// The tree of projects and sessions in the sidebar: live, worked by keys like any tree, with everything that can be done to a row.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { get } from "../api.ts";
import { PageElement, plain } from "../elements/base.ts";
import { repeat } from "../elements/repeat.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { longPress } from "../components/long-press.ts";
import { statusWord } from "../format.ts";
import { messageOf, toast } from "../toast.ts";
import { Folds } from "./folds.ts";
import { openMenu, type Place } from "./menu.ts";
import { goTo } from "./navigate.ts";
import { itemsOfProject, itemsOfSession, type RowActs } from "./row-items.ts";
import { order, rename, unarchive } from "./tree-acts.ts";
import { TreeDrag } from "./tree-drag.ts";
import { TreeKeys, type Walked } from "./tree-keys.ts";
import { isUnread, moved, type SessionSummary } from "./tree-model.ts";
import { ARCHIVED, type ArchivedSession, idsOfGroup, PINNED, type Row, rowsOf } from "./tree-rows.ts";
import { beginTree, store } from "./tree-store.ts";

const FILTER_ABOVE = 10;
const MOST_ARCHIVED = 100;

@customElement("slw-tree")
export class TreeView extends PageElement implements Walked {
  @state() private text = "";
  @state() active = "";
  @state() private editing = "";
  @state() private whole = new Set<string>();
  @state() private archived: ArchivedSession[] | null = null;
  private readonly folds = new Folds();
  private rows: Row[] = [];
  private silence: (() => void) | undefined;
  private focused: HTMLElement | null = null;
  private isMoving = false;
  private readonly keys = new TreeKeys(this);
  private unpress = (): void => {};
  private dragging: TreeDrag | undefined;

  override connectedCallback(): void {
    beginTree();
    const scroller = this.closest(".tree");
    const { scrollTop = 0 } = scroller ?? {};
    super.connectedCallback();
    this.silence = store.listen(() => this.requestUpdate());
    document.addEventListener("slw-archived", this.onArchived);
    void this.updateComplete.then(() => {
      if (scroller) scroller.scrollTop = scrollTop;
      this.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.silence?.();
    document.removeEventListener("slw-archived", this.onArchived);
    this.unpress();
  }

  override firstUpdated(_changed: PropertyValues): void {
    this.dragging = new TreeDrag(this, (id, before) => this.drop(id, before));
  }

  /** A row that is moved within the page loses the focus: whoever had it there keeps it, also within a name that is being written. */
  override willUpdate(): void {
    const held = document.activeElement;
    this.focused = held instanceof HTMLElement && held.matches(".tree-row, .tree-rename") && this.contains(held) ? held : null;
    this.isMoving = true;
  }

  override updated(): void {
    this.isMoving = false;
    if (!this.focused || document.activeElement !== document.body) return;
    const key = this.focused.dataset.key ?? "";
    const held = this.focused.isConnected || !key ? this.focused : this.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
    held?.focus({ preventScroll: true });
  }

  private readonly onArchived = (): void => {
    if (this.archived) void this.loadArchived();
  };

  foldAll(isFolded: boolean): void {
    this.folds.set([PINNED, ...store.projects.map((project) => project.id)], isFolded);
    this.requestUpdate();
  }

  private readonly acts: RowActs = {
    rename: (id) => void this.edit(id),
    move: (id, step) => this.moving(id, step),
    go: (href) => void goTo(href),
  };

  // What is done to rows

  private groupOf(id: string): string {
    const row = this.rows.find((one) => one.key === id);
    return row && "group" in row ? row.group : "";
  }

  moving(id: string, step: number): (() => void) | null {
    const ids = idsOfGroup(store.arranged, this.groupOf(id));
    const next = moved(ids, id, ids.indexOf(id) + step);
    return next && (() => this.put(next, id));
  }

  private put(ids: string[], id: string): void {
    order(ids);
    void this.updateComplete.then(() => this.focusRow(id));
  }

  private drop(id: string, before: string | null): void {
    const rest = idsOfGroup(store.arranged, this.groupOf(id)).filter((one) => one !== id);
    const to = before === null ? rest.length : rest.indexOf(before);
    order([...rest.slice(0, to), id, ...rest.slice(to)]);
  }

  toggle(group: string): void {
    if (group === ARCHIVED) {
      if (this.archived) this.archived = null;
      else void this.loadArchived();
      return;
    }
    this.folds.set([group], !this.folds.has(group));
    this.requestUpdate();
  }

  private async loadArchived(): Promise<void> {
    try {
      const { items } = await get<{ items: ArchivedSession[] }>(`/sessions?organization_id=${store.organizationId}&archived=true&limit=${MOST_ARCHIVED}`);
      this.archived = items.map(({ id, name, project_id }) => ({ id, name, project_id }));
    } catch (error) {
      toast(messageOf(error));
    }
  }

  async edit(id: string): Promise<void> {
    if (!store.canWrite) return;
    this.editing = id;
    await this.updateComplete;
    this.querySelector<HTMLInputElement>(".tree-rename")?.select();
  }

  private async save(id: string, input: HTMLInputElement, isKept: boolean): Promise<void> {
    if (this.editing !== id) return;
    const name = input.value.trim();
    const kind = store.session(id) ? "session" : "project";
    this.editing = "";
    const hadFocus = document.activeElement === input;
    if (hadFocus) void this.updateComplete.then(() => this.focusRow(id));
    if (!isKept) return;
    try {
      await rename(kind, id, name);
    } catch (error) {
      toast(messageOf(error));
      await this.edit(id);
      const again = this.querySelector<HTMLInputElement>(".tree-rename");
      if (again) again.value = name;
      again?.setAttribute("aria-invalid", "true");
    }
  }

  private menu(row: Row, place: Place): void {
    this.active = row.key;
    if (row.type === "session") openMenu(row.session.name, itemsOfSession(row.session, this.acts), place);
    else if (row.type === "group" && row.project) openMenu(row.project.name, itemsOfProject(row.project, this.acts), place);
    else if (row.type === "archived")
      openMenu(row.session.name, [
        { label: gettext("Open"), act: () => void goTo(`/sessions/${row.session.id}/`) },
        ...(store.canWrite ? [{ label: gettext("Bring back"), act: () => void unarchive(row.session.id) }] : []),
      ], place);
  }

  /** A finger that stays on a row asks for its menu, or moves on and takes the row along. */
  private held(event: PointerEvent, row: Row, place: Place): void {
    this.menu(row, place);
    this.dragging?.take(event);
  }

  activate(row: Row): void {
    if (row.type === "group") this.toggle(row.key);
    else if (row.type === "more") this.showAll(row.group);
    else if (row.type === "session" || row.type === "archived") void goTo(`/sessions/${row.session.id}/`);
  }

  private showAll(group: string): void {
    const next = this.rows[this.rows.findIndex((row) => row.key === `more-${group}`) - 1];
    this.whole = new Set([...this.whole, group]);
    if (next) void this.updateComplete.then(() => this.focusRow(next.key));
  }

  // Keys

  get stops(): Row[] {
    return this.rows.filter((row) => row.type !== "none");
  }

  focusRow(key: string | undefined): void {
    if (!key) return;
    this.active = key;
    this.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }

  menuOf(row: Row): void {
    this.menu(row, this.placeOf(row.key));
  }

  private placeOf(key: string): Place {
    const box = this.querySelector(`[data-key="${CSS.escape(key)}"]`)?.getBoundingClientRect() ?? this.getBoundingClientRect();
    return { left: box.left + 24, top: box.top, bottom: box.bottom };
  }

  private readonly onFocus = (event: FocusEvent): void => {
    const key = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-key]")?.dataset.key : undefined;
    if (key && key !== this.active) this.active = key;
  };

  private readonly onContext = (event: MouseEvent, row: Row): void => {
    if (row.type === "more" || row.type === "none") return;
    event.preventDefault();
    if (event instanceof PointerEvent && event.pointerType === "touch") return;
    this.menu(row, { left: event.clientX, top: event.clientY, bottom: event.clientY });
  };

  // What is shown

  override render(): TemplateResult {
    const { arranged, current } = store;
    this.rows = rowsOf(arranged, { text: this.text, current, archived: this.archived, isFolded: (group) => this.folds.has(group), isWhole: (group) => this.whole.has(group) });
    const total = store.inOrder.length;
    if (!this.stops.some((row) => row.key === this.active)) this.active = this.stops.find((row) => row.key === current)?.key ?? this.stops[0]?.key ?? "";
    return html`${total > FILTER_ABOVE || this.text ? this.filterField() : nothing}
      ${this.rows.length ? html`<div class="tree-list" role="tree" aria-label=${gettext("Projects and sessions")} @keydown=${this.keys.onKey} @focusin=${this.onFocus}>${repeat(this.rows, (row) => `${"group" in row ? row.group : ""} ${row.key}`, (row) => this.row(row))}</div>`
        : html`<p class="tree-none">${this.text ? gettext("No session of that name") : gettext("No projects yet")}</p>`}`;
  }

  private filterField(): TemplateResult {
    return html`<div class="tree-filter">${icon("search")}<input type="search" autocomplete="off" spellcheck="false" aria-label=${gettext("Filter sessions")} placeholder=${gettext("Filter sessions")}
      .value=${this.text} @input=${(event: Event) => (this.text = (event.target as HTMLInputElement).value)}
      @keydown=${(event: KeyboardEvent) => {
        if (event.key === "Escape" && this.text) this.text = "";
        else if (event.key === "ArrowDown") this.focusRow(this.stops[0]?.key);
        else if (event.key === "Enter") this.open(this.rows.find((row) => row.type === "session"));
        else return;
        event.preventDefault();
      }} /></div>`;
  }

  private open(row: Row | undefined): void {
    if (row) this.activate(row);
  }

  private row(row: Row): TemplateResult {
    switch (row.type) {
      case "group": return this.group(row);
      case "session": return this.session(row, row.session);
      case "archived": return this.archivedRow(row, row.session);
      case "more": return this.shell(row, "tree-row more", ngettext("Show {count} more", "Show {count} more", row.count), html`<span class="cut">${ngettext("Show {count} more", "Show {count} more", row.count)}</span>`);
      case "none": return html`<p class="tree-none" role="none" data-in=${row.group}>${row.group === ARCHIVED ? gettext("Nothing is archived") : gettext("No sessions yet")}</p>`;
    }
  }

  private shell(row: Row, className: string, label: string, content: unknown, more: { isCurrent?: boolean; isOpen?: boolean } = {}): TemplateResult {
    const isGroup = row.type === "group";
    return html`<div class=${className} role="treeitem" aria-level=${isGroup ? 1 : 2} aria-expanded=${more.isOpen ?? nothing} aria-current=${more.isCurrent ? "page" : nothing} aria-label=${label}
      tabindex=${row.key === this.active ? 0 : -1} data-key=${row.key} data-in=${isGroup ? nothing : row.group} data-session=${row.type === "session" ? row.key : nothing}
      @click=${(event: MouseEvent) => this.clicked(event, row)} @contextmenu=${(event: MouseEvent) => this.onContext(event, row)} @pointerdown=${(event: PointerEvent) => (this.unpress = longPress(event, (x, y) => this.held(event, row, { left: x, top: y, bottom: y })))}>${content}</div>`;
  }

  private readonly clicked = (event: MouseEvent, row: Row): void => {
    const isOther = event.target instanceof Element && event.target.closest("button, input, a") !== null;
    if (!isOther && !event.defaultPrevented) this.activate(row);
  };

  private moreButton(row: Row, name: string): TemplateResult {
    return html`<button class="row-more" type="button" tabindex="-1" aria-label=${gettext("Actions for {name}", { name })} title=${gettext("More")} aria-haspopup="menu"
      @click=${(event: MouseEvent) => {
        const { left, top, bottom } = (event.currentTarget as HTMLElement).getBoundingClientRect();
        this.menu(row, { left, top, bottom });
      }}>${icon("more")}</button>`;
  }

  private group(row: Row & { type: "group" }): TemplateResult {
    const { project, key, isOpen } = row;
    const name = project?.name ?? (key === PINNED ? gettext("Pinned") : gettext("Archived"));
    if (this.editing === key) return this.editor(row, name);
    const waits = !isOpen && row.waiting ? html`<span class="waits">${ngettext("{count} waits", "{count} wait", row.waiting)}</span>` : nothing;
    const state = project?.status === "IMPORTING" ? gettext("importing") : project?.status === "FAILED" ? gettext("failed") : "";
    const word = state ? html`<span class=${project?.status === "FAILED" ? "removed" : "soft"}>${state}</span>` : nothing;
    const label = row.waiting ? gettext("{name}, {waiting}", { name, waiting: ngettext("{count} waits for you", "{count} wait for you", row.waiting) }) : [name, state].filter(Boolean).join(", ");
    return this.shell(row, `tree-row group ${project ? "" : "is-plain"}`, label, html`<span class="icon-turn">${icon("chevron")}</span><span class="cut grow" title=${name}>${plain(name)}</span> ${waits}${word}
      ${project && store.canWrite && project.status === "READY" ? html`<button class="row-more" type="button" tabindex="-1" data-open="new-session" data-project=${key} aria-label=${gettext("Start a session in {name}", { name })} title=${gettext("New session")}>${icon("plus")}</button>` : nothing}
      ${project ? this.moreButton(row, name) : nothing}`, { isOpen });
  }

  private session(row: Row, session: SessionSummary): TemplateResult {
    if (this.editing === session.id) return this.editor(row, session.name);
    const isCurrent = session.id === store.current;
    const { word, meaning } = statusWord(session.status, session.is_waiting);
    const isNews = isUnread(session) && !isCurrent;
    const isDirty = session.git_status === "DIRTY";
    const shown = session.is_waiting ? gettext("waits") : meaning === "running" ? gettext("running") : meaning === "failed" ? gettext("failed") : "";
    const label = [session.name, shown || word, isNews && gettext("unread"), isDirty && gettext("has changes")].filter(Boolean).join(", ");
    const title = [session.name, session.title, row.type === "session" && row.group === PINNED && store.projectName(session.project_id)].filter(Boolean).join(" · ");
    return this.shell(row, `tree-row session ${isNews ? "is-unread" : ""}`, label, html`<a href="/sessions/${session.id}/" tabindex="-1" draggable="false" title=${title}>
        <span class="status ${meaning}" title=${word}></span><span class="cut grow">${plain(session.name)}</span>
        ${isDirty ? html`<span class="dirty" title=${gettext("Has uncommitted changes")}>${icon("filePen")}</span>` : nothing}
        ${shown ? html`<span class=${session.is_waiting ? "waits" : `word ${meaning}`}>${shown}</span>` : nothing}
        ${isNews ? html`<span class="news" title=${gettext("Something happened since you last looked")}></span>` : nothing}</a>${this.moreButton(row, session.name)}`, { isCurrent });
  }

  private archivedRow(row: Row, session: ArchivedSession): TemplateResult {
    const isCurrent = session.id === store.current;
    return this.shell(row, "tree-row session is-archived", gettext("{name}, archived", { name: session.name }), html`<a href="/sessions/${session.id}/" tabindex="-1" draggable="false" title=${`${session.name} · ${store.projectName(session.project_id)}`}>
        <span class="status stopped"></span><span class="cut grow">${plain(session.name)}</span></a>${this.moreButton(row, session.name)}`, { isCurrent });
  }

  private editor(row: Row, name: string): TemplateResult {
    return html`<div class="tree-row is-edited" role="treeitem" aria-level=${row.type === "group" ? 1 : 2} data-key=${row.key} data-in=${"group" in row ? row.group : nothing}>
      <input class="input tree-rename" maxlength="100" autocomplete="off" spellcheck="false" aria-label=${gettext("New name of {name}", { name })} .value=${name}
        @blur=${(event: Event) => { if (!this.isMoving) void this.save(row.key, event.target as HTMLInputElement, true); }}
        @keydown=${(event: KeyboardEvent) => {
          event.stopPropagation();
          if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
          event.preventDefault();
          void this.save(row.key, event.target as HTMLInputElement, event.key === "Enter");
        }} /></div>`;
  }
}
