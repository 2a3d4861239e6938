// The card that asks: a tool call in full, a plan, or questions; it sticks above the composer until someone answers.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { groups, offer } from "../actions.ts";
import { ApiError, post } from "../api.ts";
import { errorNote, PageElement, plain } from "../elements/base.ts";
import { gettext, ngettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { str } from "../json.ts";
import "../markdown.ts";
import { alwaysView, alwaysWord, type Scope } from "../permission/always-view.ts";
import { askedView } from "../permission/asked.ts";
import { CardFocus } from "../permission/card-focus.ts";
import { Below } from "../permission/below.ts";
import { headingOf, summaryOf } from "../permission/words.ts";
import type { Permission } from "../protocol.ts";
import { Questions } from "./questions-view.ts";
import { type Lasting, lastingOf } from "./suggestions.ts";

type Step = "asking" | "denying" | "always" | "all";

/** What has been done about one question so far; kept while others are looked at. */
interface Work { step: Step; /** Those that "all" was said of, as they were listed. */ all: readonly string[]; scope: Scope; left: ReadonlySet<string>; reason: string; isBusy: boolean; error: unknown; questions: Questions | null }

const FRESH: Omit<Work, "questions"> = { step: "asking", all: [], scope: "session", left: new Set(), reason: "", isBusy: false, error: null };
const PLAN_MODE = "acceptEdits";

/** A thumb that comes from a text: left at once, what is around its field would move, and the button away from below the thumb. */
function holdTheText(event: Event): void {
  const isFromThere = document.activeElement?.matches("slw-composer textarea, .reason-input") && matchMedia("(pointer: coarse)").matches;
  if (isFromThere && event.target instanceof Element && event.target.closest("button, .option:not(.option-free)")) event.preventDefault();
}

@customElement("slw-permission")
export class PermissionCard extends PageElement {
  @property() sessionId = "";
  /** All that wait, the oldest first; never none. */
  @property({ attribute: false }) pending: readonly Permission[] = [];
  @property({ attribute: false }) asker: (permission: Permission) => string = () => "";
  @property({ type: Boolean }) canAnswer = true;
  @state() private shownId = "";
  @state() private isSmall = false;
  @state() private works: ReadonlyMap<string, Work> = new Map();
  private withdraw: (() => void)[] = [];
  private readonly focusing = this.makeFocus();
  private readonly below = new Below(() => this.requestUpdate());

  private makeFocus(): CardFocus {
    const card = this;
    return new CardFocus({
      get element() { return card.querySelector<HTMLElement>(".permission"); },
      get mayTakeFocus() { return card.canAnswer && !card.isSmall; },
      changed: () => this.requestUpdate(),
      write: (begun) => void this.dispatchEvent(new CustomEvent("slw-write", { detail: begun, bubbles: true })),
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.withdraw = this.offers().map(offer);
    this.addEventListener("scroll", this.below.measure, true);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.focusing.end();
    this.below.watch(null);
    for (const take of this.withdraw) take();
  }

  private get permission(): Permission | undefined {
    return this.pending.find((one) => one.id === this.shownId) ?? this.pending[0];
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("pending")) return;
    const before = changed.get("pending") as readonly Permission[] | undefined;
    const known = new Set((before ?? []).map((one) => one.id));
    if (this.pending.some((one) => !known.has(one.id))) this.isSmall = false; // what is new comes back by itself
    this.works = new Map(this.pending.map((one) => [one.id, this.works.get(one.id) ?? { ...FRESH, questions: this.questionsOf(one) }]));
    if (this.permission && this.permission.id !== this.shownId) this.show(this.permission.id);
  }

  private questionsOf(permission: Permission): Questions | null {
    if (permission.kind !== "QUESTION") return null;
    const questions: Questions = new Questions(permission, () => this.requestUpdate(), () => void this.answer("allow", { answers: questions.answers() }));
    return questions;
  }

  private show(id: string): void {
    // Who answered with the keyboard goes on with it; the next card's buttons are not under the finger yet.
    const hadFocus = this.shownId !== "" && this.contains(document.activeElement);
    this.focusing.settle(this.shownId && this.shownId !== id ? "all" : "keys");
    this.shownId = id;
    if (hadFocus) void this.updateComplete.then(() => this.focusing.take());
    else this.focusing.takeWhenPaused();
  }

  private get isHeld(): boolean {
    return this.work.isBusy || this.focusing.settling === "all";
  }

  private get work(): Work {
    return this.works.get(this.permission?.id ?? "") ?? { ...FRESH, questions: null };
  }

  private change(fields: Partial<Work>, id = this.permission?.id ?? ""): void {
    const work = this.works.get(id);
    if (work) this.works = new Map([...this.works, [id, { ...work, ...fields }]]);
  }

  // Keys, offered to the one place that hears them

  private get isReady(): boolean {
    return this.focusing.isSettled && this.canAnswer && !this.isSmall && !this.work.isBusy && this.permission !== undefined;
  }

  private offers(): Parameters<typeof offer>[0][] {
    const group = groups.session();
    const is = (kind: Permission["kind"]): boolean => this.isReady && this.permission?.kind === kind;
    const card = this;
    return [
      { id: "permission-allow", get title() { return card.permission?.kind === "PLAN" ? gettext("Approve the plan") : gettext("Allow once"); }, group, keys: "a", isOffered: () => is("TOOL") || is("PLAN"), run: () => this.focusing.press("a", () => void this.answer("allow")) },
      { id: "permission-always", title: gettext("Always allow…"), group, keys: "Shift+A", isOffered: () => is("TOOL") && this.lasting.length > 0, run: () => this.focusing.press("A", () => void this.go("always")) },
      { id: "permission-edits", title: gettext("Approve the plan and accept edits"), group, keys: "Shift+A", isOffered: () => is("PLAN"), run: () => this.focusing.press("A", () => void this.answer("allow", { mode: PLAN_MODE })) },
      { id: "permission-deny", get title() { return card.permission?.kind === "PLAN" ? gettext("Keep planning…") : gettext("Deny…"); }, group, keys: "d", isOffered: () => is("TOOL") || is("PLAN"), run: () => this.focusing.press("d", () => void this.go("denying")) },
      { id: "permission-next", title: gettext("Next question of the agent"), group, keys: "→", isOffered: () => this.pending.length > 1, run: () => this.turn(1) },
      { id: "permission-previous", title: gettext("Previous question of the agent"), group, keys: "←", isOffered: () => this.pending.length > 1, run: () => this.turn(-1) },
      ...Array.from({ length: 9 }, (_, index) => ({
        id: `permission-option-${index + 1}`, get title() { return gettext("Answer: {option}", { option: card.work.questions?.labels[index] ?? "" }); }, group, keys: String(index + 1),
        isOffered: () => is("QUESTION") && index < (this.work.questions?.labels.length ?? 0), run: () => this.work.questions?.press(index + 1),
      })),
    ];
  }

  private turn(step: number): void {
    const at = this.pending.findIndex((one) => one.id === this.permission?.id);
    const next = this.pending[(at + step + this.pending.length) % this.pending.length];
    if (next) this.show(next.id);
    if (this.focusing.settling) this.focusing.settle("keys"); // whoever turned the page knows what comes
  }

  private get lasting(): Lasting[] {
    return this.permission?.kind === "TOOL" ? lastingOf(this.permission.suggestions) : [];
  }

  /** Those that wait and ask for the same kind of thing. */
  private get alike(): readonly Permission[] {
    const { kind, tool } = this.permission ?? {};
    return kind === "TOOL" ? this.pending.filter((one) => one.kind === kind && one.tool === tool) : [];
  }

  /** Those that were there when the list was asked for, and still wait: what came since was seen by nobody. */
  private get listed(): readonly Permission[] {
    const { all } = this.work;
    return this.alike.filter((one) => all.includes(one.id));
  }

  private async go(step: Step): Promise<void> {
    this.change({ step, all: step === "all" ? this.alike.map((one) => one.id) : [] });
    await this.updateComplete;
    this.querySelector(".permission-body")?.scrollTo(0, 0);
    this.querySelector<HTMLElement>("[data-first]")?.focus();
  }

  private async back(): Promise<void> {
    this.change({ step: "asking" });
    await this.updateComplete;
    this.querySelector<HTMLElement>(".permission footer .button")?.focus();
  }

  // Answers

  private async answer(decision: "allow" | "deny", more: object = {}, id = this.permission?.id ?? ""): Promise<void> {
    this.change({ isBusy: true, error: null }, id);
    this.dispatchEvent(new CustomEvent("slw-answering", { detail: id, bubbles: true }));
    try {
      await post(`/sessions/${this.sessionId}/approve`, { permission_id: id, decision, ...more });
    } catch (error) {
      this.dispatchEvent(new CustomEvent("slw-not-answered", { detail: id, bubbles: true }));
      // Someone else was first, and the message says who: the log brings what was decided.
      this.change({ error, isBusy: error instanceof ApiError && error.status === 409 }, id);
    }
  }

  /** Of what could hold from now on, all that was not taken out. */
  private get kept(): Lasting[] {
    return this.lasting.filter((one) => !this.work.left.has(one.place));
  }

  private always(): void {
    const { kept, work: { left, scope } } = this;
    if (!kept.length) return;
    void this.answer("allow", { always: true, ...(left.size ? { only: kept.map((one) => one.place) } : {}), ...(kept.some((one) => one.rule) ? { scope } : {}) });
  }

  private async allowAll(): Promise<void> {
    for (const { id } of this.listed) await this.answer("allow", {}, id);
  }

  private deny(): void {
    const reason = this.work.reason.trim();
    void this.answer("deny", reason ? { reason } : {});
  }

  // How it looks

  override updated(): void {
    this.below.watch(this.querySelector<HTMLElement>(".permission-body"));
  }

  override render(): unknown {
    const { permission } = this;
    if (!permission) return nothing;
    const label = { TOOL: gettext("May the agent do this?"), PLAN: gettext("Approve this plan?"), QUESTION: gettext("The agent asks") }[permission.kind];
    return html`<span class="unseen" role="alert">${this.spoken(permission)}</span>
      ${this.isSmall ? this.bar(permission) : html`<section class="permission ${this.focusing.settling ? "is-settling" : ""} ${this.work.isBusy ? "is-busy" : ""}" role="region" tabindex="-1" aria-label=${label} aria-busy=${this.work.isBusy} @mousedown=${holdTheText} @keydown=${this.onKey} @focusout=${this.focusing.onFocusOut}>
      ${this.head(permission)}
      <div class="permission-body">${this.asking(permission)}${this.body(permission)}${this.below.view()}</div>
      ${errorNote(this.work.error)}
      ${this.canAnswer ? this.buttons(permission) : nothing}
    </section>`}`;
  }

  /** Read out once for each question that comes. */
  private spoken(permission: Permission): string {
    const values = { question: headingOf(permission).text, what: summaryOf(permission).slice(0, 200) };
    if (!this.canAnswer || permission.kind === "QUESTION") return gettext("The agent waits: {question} {what}", values);
    return gettext("The agent waits: {question} {what}. A allows it once, D denies it, when no field has the focus.", values);
  }

  private head(permission: Permission): TemplateResult {
    const { icon: symbol, text } = headingOf(permission);
    return html`<header>${icon(symbol)}<h2 class="cut">${text}</h2>
      <span class="grow"></span>${this.pager()}
      <button class="button quiet square" type="button" aria-label=${gettext("Fold this question")} title=${gettext("Fold it, to see the conversation")} @click=${() => this.fold(true)}>${icon("collapse")}</button></header>`;
  }

  private asking(permission: Permission): TemplateResult | typeof nothing {
    const asker = this.asker(permission);
    return asker && this.work.step !== "all" ? html`<p class="permission-asker">${icon("bot")}<span>${plain(gettext("The sub-agent “{task}” asks.", { task: asker }))}</span></p>` : nothing;
  }

  private pager(): TemplateResult | typeof nothing {
    if (this.pending.length < 2 || this.work.step === "all") return nothing; // the list is of several
    const at = this.pending.findIndex((one) => one.id === this.permission?.id) + 1;
    return html`<span class="permission-pager"><button class="button quiet square" type="button" aria-label=${gettext("Previous question")} title=${gettext("Previous (←)")} @click=${() => this.turn(-1)}>${icon("back")}</button>
      <span>${gettext("{n} of {all}", { n: at, all: this.pending.length })}</span>
      <button class="button quiet square" type="button" aria-label=${gettext("Next question")} title=${gettext("Next (→)")} @click=${() => this.turn(1)}>${icon("chevron")}</button></span>`;
  }

  private bar(permission: Permission): TemplateResult {
    const { icon: symbol, text } = headingOf(permission);
    return html`<button class="permission-bar" type="button" aria-expanded="false" @click=${() => this.fold(false)}>${icon(symbol)}<b>${text}</b><span class="cut grow soft">${plain(summaryOf(permission))}</span>
      ${this.pending.length > 1 ? html`<span class="badge">${this.pending.length}</span>` : nothing}${icon("expand")}<span class="unseen">${gettext("Unfold the question")}</span></button>`;
  }

  private fold(isSmall: boolean): void {
    this.isSmall = isSmall;
    this.focusing.settle("keys");
    void this.updateComplete.then(() => this.querySelector<HTMLElement>(isSmall ? ".permission-bar" : ".permission")?.focus());
  }

  private body(permission: Permission): unknown {
    if (this.work.step === "all") return this.list();
    if (permission.kind === "QUESTION") return this.work.questions?.view();
    if (permission.kind === "PLAN") return html`<slw-markdown class="prose" .text=${str(permission.input.plan) || gettext("The agent gave no plan.")}></slw-markdown>`;
    return html`${this.work.step === "always" ? alwaysView({ ...this.work, lasting: this.lasting }, (chosen) => this.change(chosen)) : nothing}${askedView(permission)}`;
  }

  private list(): TemplateResult {
    return html`<ol class="permission-list">${this.listed.map((one) => html`<li>${askedView(one)}</li>`)}</ol>`;
  }

  private buttons(permission: Permission): TemplateResult {
    switch (this.work.step) {
      case "denying": return this.denying(permission);
      case "always": return this.confirming(alwaysWord(this.kept), () => this.always(), !this.kept.length);
      case "all": return this.confirming(ngettext("Allow {count} of them once", "Allow all {count} once", this.listed.length), () => void this.allowAll());
      case "asking": return permission.kind === "QUESTION" ? this.answering() : this.actions(permission);
    }
  }

  private button(word: string, keys: string, act: () => void, className = ""): TemplateResult {
    return html`<button class="button ${className}" type="button" ?disabled=${this.isHeld} @click=${act}>${word}${keys ? html` <kbd aria-hidden="true">${keys}</kbd>` : nothing}</button>`;
  }

  private actions({ kind }: Permission): TemplateResult {
    const deny = (): void => void this.go("denying");
    if (kind === "PLAN") {
      return html`<footer class="permission-actions">${this.button(gettext("Approve the plan"), "a", () => void this.answer("allow"), "primary")}
        ${this.button(gettext("Approve and accept edits"), gettext("shift a"), () => void this.answer("allow", { mode: PLAN_MODE }))}${this.button(gettext("Keep planning…"), "d", deny)}</footer>`;
    }
    return html`<footer class="permission-actions">${this.button(gettext("Allow once"), "a", () => void this.answer("allow"), "primary")}
      ${this.lasting.length ? this.button(gettext("Always allow…"), gettext("shift a"), () => void this.go("always")) : nothing}
      ${this.button(gettext("Deny…"), "d", deny)}
      ${this.alike.length > 1 ? this.button(gettext("Allow all {n}…", { n: this.alike.length }), "", () => void this.go("all"), "quiet") : nothing}</footer>`;
  }

  private answering(): TemplateResult {
    const isComplete = this.work.questions?.isComplete ?? false;
    return html`<footer class="permission-actions"><button class="button primary" form="questions" ?disabled=${this.isHeld || !isComplete}>${gettext("Answer")} <kbd aria-hidden="true">${gettext("enter")}</kbd></button>
      ${this.button(gettext("Skip question"), "", () => void this.answer("deny"))}</footer>`;
  }

  private confirming(word: string, act: () => void, isNothing = false): TemplateResult {
    return html`<footer class="permission-actions"><button class="button primary" type="button" data-first ?disabled=${this.isHeld || isNothing} @click=${act}>${plain(word)} <kbd aria-hidden="true">${gettext("enter")}</kbd></button>
      ${this.backButton()}</footer>`;
  }

  private backButton(): TemplateResult {
    return this.button(gettext("Back"), "esc", () => void this.back(), "quiet");
  }

  private denying({ kind }: Permission): TemplateResult {
    const isPlan = kind === "PLAN";
    return html`<div class="field"><label for="deny-reason">${isPlan ? gettext("What should be different?") : gettext("What should the agent do instead? (optional)")}</label>
        <textarea id="deny-reason" class="input reason-input" data-first rows="2" maxlength="4000" .value=${this.work.reason} @keydown=${this.onReasonKey} @input=${(event: Event) => this.change({ reason: (event.target as HTMLTextAreaElement).value })}></textarea></div>
      <footer class="permission-actions"><button class="button danger" type="button" ?disabled=${this.isHeld} @click=${() => this.deny()}>${isPlan ? gettext("Keep planning") : gettext("Deny")} <kbd aria-hidden="true">${gettext("enter")}</kbd></button>
        ${this.backButton()}</footer>`;
  }

  private readonly onReasonKey = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.deny();
  };

  /** Escape goes back from each second step. */
  private readonly onKey = (event: KeyboardEvent): void => {
    this.focusing.onKey(event);
    if (event.key !== "Escape" || this.work.step === "asking" || event.isComposing || event.keyCode === 229) return;
    event.stopPropagation();
    event.preventDefault();
    void this.back();
  };
}
