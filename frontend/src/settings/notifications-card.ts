// Whether this browser may tell of sessions: what is the case, and what to do about it.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { askPermission, type Permission, permission, showNotification } from "../notifications.ts";
import { messageOf, PageElement, toast } from "../elements/base.ts";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import { CHANGED, changePreferences, preferences } from "../preferences.ts";

@customElement("slw-notifications")
export class NotificationsCard extends PageElement {
  @state() private permission: Permission = permission();
  @state() private isBusy = false;
  private watched: PermissionStatus | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener(CHANGED, this.onChanged);
    void this.watch();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener(CHANGED, this.onChanged);
    if (this.watched) this.watched.onchange = null;
  }

  /** The permission is changed in the browser's own settings, too. */
  private async watch(): Promise<void> {
    try {
      this.watched = await navigator.permissions.query({ name: "notifications" });
      this.watched.onchange = this.onChanged;
    } catch {
      // A browser that does not tell; the state as it was when the page was loaded will do.
    }
  }

  private readonly onChanged = (): void => {
    this.permission = permission();
    this.requestUpdate();
  };

  private async turn(isOn: boolean): Promise<void> {
    this.isBusy = true;
    try {
      if (isOn && this.permission === "default") this.permission = await askPermission();
      if (!isOn || this.permission === "granted") await changePreferences({ notifications: isOn ? "ON" : "OFF" });
    } catch (error) {
      toast(messageOf(error));
    }
    this.isBusy = false;
  }

  override render(): unknown {
    return html`<section class="card"><div class="body stack">${this.content()}</div></section>`;
  }

  private content(): TemplateResult {
    const isOn = preferences().notifications === "ON";
    switch (this.permission) {
      case "unsupported": return this.note(gettext("This browser has no notifications."), gettext("The title of the page and the dot on its icon tell you all the same when a session waits."));
      case "insecure": return this.note(gettext("Browsers allow notifications only over https."), gettext("This page came over plain http. Whoever runs this server can put it behind https; until then the page's title and its icon tell you when a session waits."));
      case "denied": return this.note(gettext("This browser blocks notifications from here."), gettext("Open the site's settings at the left end of the address bar, set “Notifications” to “Allow”, and come back: this page notices by itself."));
      case "default": return this.head(gettext("Browser notifications are off on this device"), gettext("The browser asks you once whether Slipway may show them."), html`<button class="button primary" type="button" ?disabled=${this.isBusy} @click=${() => this.turn(true)}>${icon("bell")} ${gettext("Turn on…")}</button>`);
      case "granted": return this.granted(isOn);
    }
  }

  private granted(isOn: boolean): TemplateResult {
    const title = isOn ? gettext("Browser notifications are on") : gettext("Browser notifications are off");
    const hint = isOn ? gettext("Shown while no page of Slipway is in view.") : gettext("This browser would allow them.");
    return this.head(title, hint, html`${isOn ? html`<button class="button" type="button" @click=${() => this.tryOut()}>${gettext("Try it out")}</button>` : nothing}
      <button class="button ${isOn ? "" : "primary"}" type="button" ?disabled=${this.isBusy} @click=${() => this.turn(!isOn)}>${isOn ? gettext("Turn off") : gettext("Turn on")}</button>`);
  }

  private tryOut(): void {
    showNotification({ title: gettext("This is how it looks"), body: gettext("A session waits for you. A click brings you there."), tag: "slipway-try", path: location.pathname });
  }

  private head(title: string, hint: string, buttons: TemplateResult): TemplateResult {
    return html`<div class="row wrap"><div class="grow stack tight state" role="status"><strong>${title}</strong><span class="soft">${hint}</span></div>${buttons}</div>`;
  }

  private note(title: string, text: string): TemplateResult {
    return html`<div class="note" role="status">${icon("info")}<div><strong>${title}</strong><div>${text}</div></div></div>`;
  }
}
