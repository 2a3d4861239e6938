// What a reader of the conversation can do from the palette and by keys.

import { groups, offer } from "../actions.ts";
import { gettext } from "../i18n.ts";

export interface Reading { find(): void; readonly isInFindBar: boolean; foldAll(isOpen: boolean): void; copyAll(): Promise<void>; saveAll(): void; toBottom(): void; goTo(seq: number): Promise<void> }

/** Until the returned function is called. */
export function offerReadingActions(view: Reading): () => void {
  const group = groups.session();
  const ends = [
    // In our own bar the same key is the browser's again.
    offer({ id: "conversation.find", title: gettext("Find in the conversation"), group, keys: "Ctrl+F", words: gettext("search look for"), isOffered: () => !view.isInFindBar, run: () => view.find() }),
    offer({ id: "conversation.unfold", title: gettext("Unfold everything in the conversation"), group, run: () => view.foldAll(true) }),
    offer({ id: "conversation.fold", title: gettext("Fold everything in the conversation"), group, run: () => view.foldAll(false) }),
    offer({ id: "conversation.copy", title: gettext("Copy the whole conversation as Markdown"), group, run: () => void view.copyAll() }),
    offer({ id: "conversation.save", title: gettext("Save the whole conversation as a Markdown file"), group, words: gettext("export download"), run: () => view.saveAll() }),
    offer({ id: "conversation.begin", title: gettext("Go to the beginning of the conversation"), group, run: () => void view.goTo(1) }),
    offer({ id: "conversation.end", title: gettext("Go to the end of the conversation"), group, run: () => view.toBottom() }),
  ];
  return () => ends.forEach((end) => end());
}
