// The image of a Docker environment: one that there is, chosen or typed into the form's own field, or one built from a Dockerfile.

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { closeMenu } from "../components/menu.ts";
import { errorNote } from "../elements/base.ts";
import { ago, bytes } from "../format.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { dockerfileOf, imagesOf, type Image } from "./calls.ts";
import "./dockerfile.ts";
import type { DockerfileField } from "./dockerfile.ts";

@customElement("slw-environment-image")
export class EnvironmentImage extends LitElement {
  @property({ attribute: "organization-id" }) organizationId = "";
  @property({ attribute: "environment-id" }) environmentId = "";
  @state() private images: Image[] | null = null;
  @state() private canBuild = true;
  @state() private isOwn = false; // from a Dockerfile
  @state() private isBusy = false;
  @state() private error: unknown = null;
  private place: HTMLElement | null = null;
  private watch: IntersectionObserver | null = null;

  /** Above the field that is in the page already, which a form without scripts sends. */
  protected override createRenderRoot(): HTMLElement {
    this.place ??= Object.assign(document.createElement("div"), { className: "stack tight image-choice" });
    this.querySelector(":scope > .image-name")?.before(this.place);
    return this.place;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // Only when it is to be seen: the form has parts for other kinds of environments, too.
    this.watch = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.watch?.disconnect();
      void this.look();
    });
    this.watch.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.watch?.disconnect();
  }

  private get input(): HTMLInputElement | null {
    return this.querySelector<HTMLInputElement>(":scope > .image-name input");
  }

  private async look(): Promise<void> {
    if (this.environmentId && !this.isOwn) {
      try {
        if (await dockerfileOf(this.environmentId)) this.choose(true);
      } catch (error) {
        this.error = error;
      }
    }
    await this.refresh();
  }

  private async refresh(): Promise<void> {
    this.isBusy = true;
    try {
      const { items, can_build, error } = await imagesOf(this.organizationId);
      Object.assign(this, { images: items, canBuild: can_build, error: error ? new Error(error) : null });
    } catch (error) {
      Object.assign(this, { images: [], error });
    }
    this.isBusy = false;
  }

  /** After the form: the Dockerfile, when it is one that the server has not got. */
  async save(environmentId: string): Promise<void> {
    const field = this.isOwn ? this.querySelector<DockerfileField>("slw-dockerfile") : null;
    if (field?.isChanged) await field.save(environmentId);
  }

  private choose(isOwn: boolean): void {
    this.isOwn = isOwn;
    this.querySelector<HTMLElement>(":scope > .image-name")?.toggleAttribute("hidden", isOwn);
  }

  private take(image: Image, menu: HTMLDetailsElement | null): void {
    if (menu) closeMenu(menu);
    if (!this.input) return;
    this.input.value = image.name;
    this.input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  override render(): unknown {
    return html`${this.canBuild ? this.ways() : nothing}
      ${this.isOwn ? this.own() : this.menu()}
      ${this.isOwn ? nothing : errorNote(this.error)}`;
  }

  private ways(): TemplateResult {
    const way = (isOwn: boolean, text: string): TemplateResult =>
      html`<label><input type="radio" name="image-way" .checked=${this.isOwn === isOwn} @change=${() => this.choose(isOwn)} /><span>${text}</span></label>`;
    return html`<div class="segmented" role="radiogroup" aria-label=${gettext("Where the image comes from")}>${way(false, gettext("Existing image"))}${way(true, gettext("From a Dockerfile"))}</div>`;
  }

  private own(): TemplateResult {
    return html`<slw-dockerfile organization-id=${this.organizationId} environment-id=${this.environmentId} @slw-dockerfile-removed=${() => this.choose(false)} @slw-image-built=${() => void this.refresh()}></slw-dockerfile>`;
  }

  private menu(): TemplateResult {
    return html`<div class="row"><details class="menu grow"><summary class="button"><span class="grow">${gettext("Choose an image")}</span>${icon("collapse")}</summary>
        <div class="menu-body">${this.images === null ? html`<div class="skeleton"></div>` : this.images.length ? this.images.map((image) => this.item(image)) : html`<p class="soft menu-note">${gettext("The Docker engine has no image that you may use.")}</p>`}</div></details>
      <button class="button quiet square" type="button" aria-busy=${this.isBusy} aria-label=${gettext("Look for images again")} title=${gettext("Look for images again")} @click=${() => this.refresh()}>${icon("refresh")}</button></div>`;
  }

  private item(image: Image): TemplateResult {
    const about = gettext("{size}, {when}", { size: bytes(image.size_bytes), when: ago(image.created_at) });
    const isChosen = this.input?.value === image.name;
    return html`<button class="menu-item" type="button" aria-current=${isChosen ? "true" : nothing} @click=${(event: Event) => this.take(image, (event.currentTarget as HTMLElement).closest("details"))}>
      <span class="grow two-lines"><span class="cut">${image.environment_name ? gettext("Built for {environment}", { environment: image.environment_name }) : image.name}</span><span class="soft">${about}</span></span></button>`;
  }
}
