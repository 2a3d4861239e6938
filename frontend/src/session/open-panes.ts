// Which panes of a session are open: the side pane with its tabs beside the conversation, the bottom bar where only one fits.

import { html, nothing, type ReactiveControllerHost, type TemplateResult } from "lit";
import { number } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon, type IconName } from "../icons.ts";
import { keepPane, lastPane, type PaneKind, type PaneState, PANES } from "./panes.ts";

const OPEN_KEY = "slipway.side";

/** What the session tells: `isKnown` once it is known how many checkpoints there are, since what is loaded before would be loaded again at once. */
export interface Told extends Omit<PaneState, "isShown"> { isKnown: boolean; filesChanged: number; isWaiting: boolean }

export class OpenPanes {
  isSideOpen = localStorage.getItem(OPEN_KEY) !== "closed";
  isMaximised = false;
  /** Which one a phone shows. */
  current = "chat";
  private side = lastPane();
  private counts: Record<string, number> = {};

  constructor(private readonly host: Pick<ReactiveControllerHost, "requestUpdate">) {}

  get isSideShown(): boolean {
    return this.isSideOpen || this.current !== "chat";
  }

  get sideTitle(): string {
    return PANES.find((pane) => pane.id === this.side)?.title() ?? "";
  }

  open(id: string): void {
    this.current = id;
    if (id !== "chat") keepPane((this.side = id));
    this.host.requestUpdate();
  }

  toggleSide(): void {
    this.isSideOpen = !this.isSideOpen;
    this.isMaximised = false;
    localStorage.setItem(OPEN_KEY, this.isSideOpen ? "open" : "closed");
    this.host.requestUpdate();
  }

  sidePane(told: Told): TemplateResult {
    return html`<div class="pane-tabs" @dblclick=${(event: Event) => event.target === event.currentTarget && this.maximise()}>
        <div class="tabs" role="tablist" aria-label=${gettext("Side pane")}>${PANES.map((pane) => this.tab(pane, told))}</div>
        <span class="grow"></span>
        <button class="button quiet square" type="button" aria-pressed=${this.isMaximised} aria-label=${gettext("Maximise the pane")} title=${this.isMaximised ? gettext("Show the conversation beside it") : gettext("Maximise the pane")} @click=${() => this.maximise()}>${icon(this.isMaximised ? "restore" : "maximise")}</button>
        <button class="button quiet square" type="button" aria-label=${gettext("Close the side pane")} title=${gettext("Close (v)")} @click=${() => this.toggleSide()}>${icon("cross")}</button></div>
      ${PANES.map((pane) => html`<div class="pane-panel" role="tabpanel" id="pane-${pane.id}" aria-labelledby="tab-${pane.id}" ?hidden=${pane.id !== this.side}
        @slw-files=${(event: CustomEvent<number>) => this.count(pane.id, event.detail)}>${pane.render({ ...told, isShown: told.isKnown && pane.id === this.side })}</div>`)}`;
  }

  bottomBar(told: Told): TemplateResult {
    return html`<nav class="bottom-bar" aria-label=${gettext("Panes")}>
      ${this.button("chat", "chat", gettext("Chat"), told.isWaiting ? "!" : "", told.isWaiting ? gettext("Chat (waits)") : gettext("Chat"))}
      ${PANES.map(({ id, icon: name, title }) => {
        const count = this.countOf(id, told);
        return this.button(id, name, title(), count ? number(count) : "", count ? gettext("{pane} ({n})", { pane: title(), n: number(count) }) : title());
      })}
    </nav>`;
  }

  private maximise(): void {
    this.isMaximised = !this.isMaximised;
    this.host.requestUpdate();
  }

  private count(id: string, files: number): void {
    this.counts[id] = files;
    this.host.requestUpdate();
  }

  /** A pane that was not looked at yet has counted nothing: the session itself knows. */
  private countOf(id: string, told: Told): number {
    return this.counts[id] ?? (id === "changes" ? told.filesChanged : 0);
  }

  private tab({ id, title }: PaneKind, told: Told): TemplateResult {
    const isShown = id === this.side;
    const count = this.countOf(id, told);
    return html`<button class="tab" type="button" role="tab" id="tab-${id}" aria-selected=${isShown} aria-controls="pane-${id}" tabindex=${isShown ? 0 : -1} @click=${() => this.open(id)}>${title()}${count ? html` <span class="soft">${number(count)}</span>` : nothing}</button>`;
  }

  private button(id: string, name: IconName, word: string, badge: string, label: string): TemplateResult {
    return html`<button type="button" aria-current=${this.current === id} @click=${() => this.open(id)}><span class="bar-icon">${icon(name)}${badge ? html`<span class="bar-badge" aria-hidden="true">${badge}</span>` : nothing}</span><span aria-hidden="true">${word}</span><span class="unseen">${label}</span></button>`;
  }
}
