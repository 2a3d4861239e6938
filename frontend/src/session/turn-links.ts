// Links to a turn: the number of the event that it begins with, after `#turn-`.

import { gettext } from "../i18n.ts";
import { toast } from "../toast.ts";

export const linkTo = (seq: number): string => `${location.origin}${location.pathname}#turn-${seq}`;

/** The turn that an address names; 0 when it names none. */
export const linkedTurn = (hash: string): number => Number(/^#turn-(\d{1,15})$/.exec(hash)?.[1] ?? 0);

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(gettext("Copied."));
  } catch {
    toast(gettext("The browser did not let us copy this."));
  }
}
