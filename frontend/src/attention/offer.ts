// One calm line that offers notifications, to whom they would have been of use: a session of theirs ran on while they were away.

import { gettext } from "../i18n.ts";
import { askPermission, permission } from "../notifications.ts";
import { changePreferences, preferences } from "../preferences.ts";
import { messageOf, toast } from "../toast.ts";

const AWAY_MS = 20_000;
const DECLINED = "slipway.no-notifications-here";

let leftAt: number | null = null;
let hasRunMeanwhile = false;

const isOfUse = (): boolean => permission() === "default" && preferences().notifications !== "OFF" && !localStorage.getItem(DECLINED);

/** Each look at the sessions says whether one of the person's own is at work. */
export function noteRunning(isRunning: boolean): void {
  if (document.visibilityState === "hidden" && isRunning) hasRunMeanwhile = true;
}

function button(text: string, kind: string, act: () => void): HTMLButtonElement {
  const made = Object.assign(document.createElement("button"), { className: `button small ${kind}`, type: "button", textContent: text });
  made.addEventListener("click", act);
  return made;
}

async function accept(line: HTMLElement): Promise<void> {
  line.remove();
  try {
    if ((await askPermission()) !== "granted") return;
    await changePreferences({ notifications: "ON" });
    toast(gettext("Notifications are on. Settings say for what."));
  } catch (error) {
    toast(messageOf(error));
  }
}

function decline(line: HTMLElement): void {
  line.remove();
  localStorage.setItem(DECLINED, "1");
  if (preferences().notifications === "UNDECIDED") void changePreferences({ notifications: "OFF" }).catch(() => undefined);
}

function offerThem(): void {
  if (document.querySelector(".offer") || !isOfUse()) return;
  const line = Object.assign(document.createElement("section"), { className: "offer" });
  line.setAttribute("aria-label", gettext("Notifications"));
  line.append(Object.assign(document.createElement("p"), { textContent: gettext("Shall the browser tell you when a session waits for you or ends, while you look at something else?") }));
  const buttons = Object.assign(document.createElement("div"), { className: "row" });
  buttons.append(button(gettext("Turn on…"), "primary", () => void accept(line)), button(gettext("Not now"), "quiet", () => decline(line)));
  line.append(buttons);
  document.body.append(line);
}

export function watchForUse(): void {
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") {
      leftAt = Date.now();
      hasRunMeanwhile = false;
      return;
    }
    if (leftAt !== null && Date.now() - leftAt > AWAY_MS && hasRunMeanwhile) offerThem();
    leftAt = null;
  });
}
