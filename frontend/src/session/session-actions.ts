// What can be done with the session that is shown, for the palette and its keys.

import { groups, offer } from "../actions.ts";
import { copyName } from "../copy.ts";
import { openPart } from "../dialogs.ts";
import type { Manage } from "../elements/manage.ts";
import { archive, togglePin } from "../frame/tree-acts.ts";
import { gettext } from "../i18n.ts";
import type { MoveDialog } from "./move-dialog.ts";

/** What the session's page lends. */
export interface Stage {
  readonly name: string;
  readonly branch: string;
  readonly sessionId: string;
  readonly canWrite: boolean;
  readonly isWorking: boolean;
  readonly isStopped: boolean;
  act(verb: string): void;
  toggleSide(): void;
  showDetails(): void;
  writeMessage(): void;
  rename(): void;
}

export const openMove = (sessionId: string): void => void openPart<MoveDialog>("slw-move", (dialog) => void dialog.openFor(sessionId));

/** Offers it all until the returned function is called. */
export function offerSession(stage: Stage): () => void {
  const group = groups.session();
  const manage = (verb: string) => (): void => document.querySelector<Manage>("slw-manage")?.openFor({ manage: verb, kind: "session", id: stage.sessionId, name: stage.name });
  const canWrite = (): boolean => stage.canWrite;
  const offers = [
    offer({ id: "session-write", title: gettext("Write a message"), group, keys: "i", words: gettext("composer focus"), isOffered: canWrite, run: () => stage.writeMessage() }),
    offer({ id: "session-interrupt", title: gettext("Interrupt the turn"), group, keys: "Esc Esc", words: gettext("cancel stop"), isOffered: () => stage.canWrite && stage.isWorking, run: () => stage.act("interrupt") }),
    offer({ id: "session-stop", title: gettext("Stop the agent and its sandbox"), group, isOffered: () => stage.canWrite && !stage.isStopped, run: () => stage.act("stop") }),
    offer({ id: "session-rename", title: gettext("Rename the session"), group, keys: "F2", isOffered: canWrite, run: () => stage.rename() }),
    offer({ id: "session-pin", title: gettext("Pin the session, or unpin it"), group, keys: "p", run: () => togglePin(stage.sessionId) }),
    offer({ id: "session-archive", title: gettext("Archive the session"), group, keys: "e", isOffered: canWrite, run: () => void archive(stage.sessionId) }),
    offer({ id: "session-move", title: gettext("Move the session to another environment"), group, words: gettext("docker ssh modal sandbox"), isOffered: () => stage.canWrite && !stage.isWorking, run: () => openMove(stage.sessionId) }),
    offer({ id: "session-details", title: gettext("Session details"), group, words: gettext("about"), run: () => stage.showDetails() }),
    offer({ id: "session-branch", title: gettext("Copy branch name"), group, run: () => void copyName(stage.branch) }),
    offer({ id: "session-link", title: gettext("Copy link"), group, words: gettext("address URL"), run: () => void copyName(location.origin + location.pathname) }),
    offer({ id: "session-delete", title: gettext("Delete the session"), group, words: gettext("remove"), isOffered: canWrite, run: manage("delete") }),
    offer({ id: "side", title: gettext("Show or hide the side pane"), group: groups.view(), keys: "v", alsoKeys: "Ctrl+\\", words: gettext("changes split"), run: () => stage.toggleSide() }),
  ];
  return () => offers.forEach((withdraw) => withdraw());
}
