// How an environment is, as the API tells it and as people read it.

import { gettext } from "../i18n.ts";

export interface EnvironmentStatus { available: boolean; authenticated: boolean; error: string; details: Record<string, unknown>; checked_at: string }

/** What a status means, in a word and one of the four meanings. */
export function statusWord(status: EnvironmentStatus | null): [string, string] {
  if (!status) return ["stopped", gettext("Unknown")];
  if (!status.available) return ["failed", gettext("Not available")];
  return status.authenticated ? ["done", gettext("Available")] : ["waiting", gettext("Needs a credential")];
}
