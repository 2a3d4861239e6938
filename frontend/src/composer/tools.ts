// The line under the message: what can be added, the permission mode, the model, how full the context is and what it cost.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { get } from "../api.ts";
import { PageElement } from "../elements/base.ts";
import { count, money } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { Session } from "../protocol.ts";
import { modeList, nextMode } from "../session/modes.ts";
import { contextPercent } from "../session/session-head.ts";
import type { Choice } from "./choices.ts";
import "./choices.ts";

interface Model { name: string; label: string }
export type Addition = "images" | "file" | "command" | "history";
type Wished = Partial<Record<"model" | "permission_mode", string>>;

const NEARLY_FULL_PERCENT = 80;
const TOLD_PERCENT = 1;
const SETTLES_MS = 450;
const FORGOTTEN_MS = 4000;

const modelDetails = (): Record<string, string> => ({
  opus: gettext("The most able one, for hard problems."), sonnet: gettext("Able and quick, for everyday work."), haiku: gettext("The quickest and cheapest, for small things."),
});

const asked = new Map<string, Promise<readonly Model[]>>();

/** Asked once while the page is open: they are the same in all sessions of an organisation. */
function modelsOf(organizationId: string): Promise<readonly Model[]> {
  const known = asked.get(organizationId);
  if (known) return known;
  const models = get<{ items: Model[] }>(`/models?organization_id=${organizationId}`).then(({ items }) => items, () => {
    asked.delete(organizationId);
    return [];
  });
  asked.set(organizationId, models);
  return models;
}

@customElement("slw-composer-tools")
export class ComposerTools extends PageElement {
  @property() organizationId = "";
  @property({ attribute: false }) session: Session | null = null;
  @property({ type: Boolean }) canChange = true;
  @state() private models: readonly Model[] = [];
  /** What was chosen here and is not yet what holds. */
  @state() private wished: Wished = {};
  private settling: ReturnType<typeof setTimeout> | undefined;
  private forgetting: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.canChange) void this.loadModels();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.settling);
    clearTimeout(this.forgetting);
  }

  override willUpdate(): void {
    const open = Object.entries(this.wished).filter(([field, value]) => this.session?.[field as keyof Wished] !== value);
    if (open.length < Object.keys(this.wished).length) this.wished = Object.fromEntries(open);
  }

  private async loadModels(): Promise<void> {
    this.models = await modelsOf(this.organizationId);
  }

  /** Goes on to the next mode and returns what to say of it; sent when no other follows at once, so that none is passed through. */
  cycleMode(): string {
    const mode = nextMode(this.wished.permission_mode ?? this.session?.permission_mode ?? "default");
    this.wish({ permission_mode: mode }, SETTLES_MS);
    const { label = mode, detail = "" } = modeList().find((one) => one.name === mode) ?? {};
    return gettext("{mode}. {detail}", { mode: label, detail });
  }

  private wish(wished: Wished, afterMs = 0): void {
    this.wished = { ...this.wished, ...wished };
    clearTimeout(this.settling);
    clearTimeout(this.forgetting);
    const send = (): void => {
      if (Object.keys(this.wished).length) this.emit("slw-change", this.wished);
      // Shown is what holds: a change that is refused comes back by itself.
      this.forgetting = setTimeout(() => (this.wished = {}), FORGOTTEN_MS);
    };
    if (afterMs) this.settling = setTimeout(send, afterMs);
    else send();
  }

  private emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  override render(): unknown {
    return html`<div class="composer-tools">${this.canChange ? html`${this.adding()}${this.modePicker()}${this.modelPicker()}` : nothing}${this.facts()}</div>`;
  }

  private adding(): TemplateResult {
    const choices: (Choice & { value: Addition })[] = [
      { value: "images", label: gettext("Images…"), detail: gettext("Or paste them, or drop them here"), icon: "image" },
      { value: "file", label: gettext("A file"), detail: gettext("Its path, for the agent to look at"), icon: "fileText", keys: "@" },
      { value: "command", label: gettext("A command"), detail: gettext("What the agent's program can do by itself"), icon: "terminal", keys: "/" },
      { value: "history", label: gettext("An earlier message"), detail: gettext("Of this and your other sessions"), icon: "history", keys: "Ctrl+R" },
    ];
    return html`<slw-choices .label=${gettext("Add")} .hint=${gettext("Add images, files, commands or an earlier message")} .symbol=${"plus"} .choices=${choices}
      @slw-chosen=${(event: CustomEvent<string>) => { event.stopPropagation(); this.emit("slw-add", event.detail); }}></slw-choices>`;
  }

  private modePicker(): TemplateResult {
    const choices = modeList().map((mode): Choice => ({ value: mode.name, label: mode.label, detail: mode.detail, icon: mode.icon, isWarning: mode.isWarning ?? false }));
    return this.picker("permission_mode", gettext("Permissions"), choices, gettext("What the agent may do without asking (Shift+Tab in the message goes on to the next)"));
  }

  private modelPicker(): TemplateResult | typeof nothing {
    const model = this.session?.model ?? "";
    const known = this.models.some((one) => one.name === model) || !model ? this.models : [{ name: model, label: model.charAt(0).toUpperCase() + model.slice(1) }, ...this.models];
    if (!known.length) return nothing;
    const details = modelDetails();
    return this.picker("model", gettext("Model"), known.map((one): Choice => ({ value: one.name, label: one.label, detail: details[one.name] ?? "" })), gettext("The model that answers, from the next step on"));
  }

  private picker(field: keyof Wished, label: string, choices: readonly Choice[], hint: string): TemplateResult {
    const holds = this.session?.[field] ?? "";
    return html`<slw-choices class="picker-${field === "model" ? "model" : "mode"}" .label=${label} .hint=${hint} .value=${this.wished[field] ?? holds} .choices=${choices} .isPending=${field in this.wished} .isDisabled=${!this.session}
      @slw-chosen=${(event: CustomEvent<string>) => { event.stopPropagation(); this.wish({ [field]: event.detail }); }}></slw-choices>`;
  }

  private facts(): TemplateResult | typeof nothing {
    if (!this.session) return nothing;
    const percent = contextPercent(this.session) ?? 0;
    const isFree = Number(this.session.cost_usd ?? 0) === 0;
    return html`<span class="composer-facts">${percent < TOLD_PERCENT ? nothing : this.context(percent)}
      ${isFree ? nothing : html`<span class="soft" title=${gettext("Cost of this session so far, in US dollars")}><span class="unseen">${gettext("Cost so far")} </span>${money(this.session.cost_usd ?? 0)}</span>`}</span>`;
  }

  private context(percent: number): TemplateResult {
    const { context_tokens: used = 0, context_window: all = 0 } = this.session ?? {};
    const title = gettext("Context: {used} of {all} tokens", { used: count(used), all: count(all) });
    const isFull = percent > NEARLY_FULL_PERCENT;
    return html`<span class="composer-context ${isFull ? "is-full" : "soft"}" title=${isFull ? gettext("{context}. It is nearly full: the agent will soon shorten the conversation.", { context: title }) : title}>
      ${isFull ? icon("warning") : nothing}<progress class="progress" max="100" .value=${percent} aria-label=${title}></progress>${gettext("{n} %", { n: percent })}</span>`;
  }
}
