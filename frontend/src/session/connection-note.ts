// One quiet line that says how live the page is, when it is not fine; and that a newer version of the page is there.

import { html, nothing, type TemplateResult } from "lit";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";
import type { ConnectionState } from "./surroundings.ts";

const quiet = (text: string, title = ""): TemplateResult => html`<p class="connection badge" role="status" title=${title}>${text}</p>`;

/** `hasSettled` keeps the first moments of a page calm. */
export function connectionNote(state: ConnectionState, hasSettled: boolean): TemplateResult | typeof nothing {
  switch (state) {
    case "open": return nothing;
    case "connecting": return hasSettled ? quiet(gettext("Connecting…")) : nothing;
    case "streaming": return quiet(gettext("Live updates are limited"), gettext("This network does not let WebSockets through, so a slower way is used. Nothing is lost."));
    case "polling": return quiet(gettext("Live updates are limited: new output appears every few seconds"), gettext("Neither WebSockets nor streams get through just now. Nothing is lost, and the page goes back by itself."));
    case "reconnecting": return quiet(gettext("Reconnecting… What you send is kept."));
    case "restarting": return quiet(gettext("Reconnecting… The server is being restarted; the agent works on."));
    case "busy": return quiet(gettext("Reconnecting… The server is busy, or this page is open too often."));
    case "signed-out": return html`<p class="note warning" role="status">${icon("warning")}<span>${gettext("You are signed out.")} <a href="/accounts/login/?next=${encodeURIComponent(location.pathname)}">${gettext("Sign in again")}</a>. ${gettext("Your draft is kept.")}</span></p>`;
    case "forbidden": return html`<p class="note error" role="status">${icon("warning")}<span>${gettext("You may no longer see this session. Ask an admin of the organisation, then load the page again.")} <a href="/">${gettext("Back to the projects")}</a></span></p>`;
    case "gone": return html`<p class="note error" role="status">${icon("warning")}<span>${gettext("This session is gone, or you have no access to it any more.")} <a href="/">${gettext("Back to the projects")}</a></span></p>`;
  }
}

export const reloadNote = (): TemplateResult =>
  html`<p class="connection badge" role="status">${gettext("A new version of Slipway is there.")} <button class="link" type="button" @click=${() => location.reload()}>${gettext("Reload the page")}</button></p>`;
