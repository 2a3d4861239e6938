// The end of the composer's line: send, and while a turn runs, interrupt it.

import { html, nothing, type TemplateResult } from "lit";
import { gettext } from "../i18n.ts";
import { icon } from "../icons.ts";

export interface Sending { isWorking: boolean; isUploading: boolean; isEmpty: boolean; isTooLarge: boolean }

/** The field keeps the focus: otherwise the keyboard on the screen goes, what is docked moves, and the finger misses. */
const hold = (event: Event): void => event.preventDefault();
const interrupt = ({ target }: Event): void => void target?.dispatchEvent(new CustomEvent("slw-act", { detail: "interrupt", bubbles: true }));

export function sendingView({ isWorking, isUploading, isEmpty, isTooLarge }: Sending): TemplateResult {
  const word = isUploading ? gettext("Send (an image is being uploaded)") : isWorking ? gettext("Send after this turn") : gettext("Send");
  return html`${isWorking ? html`<button class="button interrupt" type="button" aria-label=${gettext("Interrupt")} title=${gettext("Interrupt the turn (Esc Esc)")} @mousedown=${hold} @click=${interrupt}>${icon("stop")}<span class="interrupt-word">${gettext("Interrupt")}</span></button>` : nothing}
    <button class="button primary square send" @mousedown=${hold} ?disabled=${isEmpty || isUploading || isTooLarge} aria-label=${word} title=${gettext("{word} (Enter; with Ctrl at once)", { word })}>${icon("send")}</button>`;
}
