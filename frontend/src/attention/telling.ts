// Tells of what happened by the browser's notifications: once, and only when nobody looks.

import { gettext } from "../i18n.ts";
import { permission, showNotification } from "../notifications.ts";
import { type Preferences, preferences } from "../preferences.ts";
import { chime } from "./chime.ts";
import type { Happening, Kind } from "./transitions.ts";
import { isAnyPageInView } from "./visibility.ts";

const CHOICES: Record<Kind, keyof Preferences> = { waiting: "notify_waiting", ended: "notify_ended", failed: "notify_failed" };

const isWanted = ({ kind }: Happening): boolean => preferences().notifications === "ON" && preferences()[CHOICES[kind]] === true;

function texts(kind: Kind): string {
  switch (kind) {
    case "waiting": return gettext("Waits for you: the agent asks something.");
    case "ended": return gettext("The turn is over.");
    case "failed": return gettext("Failed. Open it to see why and what to do.");
  }
}

export async function tell(happened: readonly Happening[], projectName: (id: string) => string): Promise<void> {
  const wanted = happened.filter(isWanted);
  if (!wanted.length || permission() !== "granted" || (await isAnyPageInView())) return;
  for (const { kind, session } of wanted) {
    const project = projectName(session.project_id);
    const title = project ? gettext("{session} · {project}", { session: session.name, project }) : session.name;
    showNotification({ title, body: texts(kind), tag: `slipway-${session.id}`, path: `/sessions/${session.id}/` });
  }
  if (preferences().has_sound) chime();
}
