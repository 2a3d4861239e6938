// The whole conversation as Markdown, which the server makes of its log: nothing has to be loaded here.

import { copyText } from "../copy.ts";
import { gettext } from "../i18n.ts";
import { messageOf, toast } from "../toast.ts";

const addressOf = (sessionId: string): string => `/api/sessions/${sessionId}/conversation.md`;

export async function copyConversation(sessionId: string): Promise<void> {
  try {
    const answer = await fetch(addressOf(sessionId), { credentials: "same-origin" });
    if (!answer.ok) throw new Error(gettext("The conversation could not be read. Try again in a moment."));
    await copyText(await answer.text());
  } catch (error) {
    toast(messageOf(error), undefined, "error");
  }
}

export function saveConversation(sessionId: string): void {
  Object.assign(document.createElement("a"), { href: addressOf(sessionId), download: "" }).click();
}
