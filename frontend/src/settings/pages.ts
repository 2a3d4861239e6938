// The settings' pages, for the palette.

import { groups, offer } from "../actions.ts";
import { gettext } from "../i18n.ts";

const pages = (): [string, string, string][] => [
  ["/settings/profile/", gettext("Settings: profile"), "name e-mail password mfa second step account"],
  ["/settings/appearance/", gettext("Settings: appearance"), "theme dark light language wrap"],
  ["/settings/notifications/", gettext("Settings: notifications"), "sound browser"],
  ["/settings/keyboard/", gettext("Settings: keyboard shortcuts"), "keys"],
  ["/settings/organization/", gettext("Settings: organisation"), "members name"],
  ["/settings/environments/", gettext("Settings: environments"), "docker ssh modal sandbox container image machine"],
  ["/settings/usage/", gettext("Settings: usage"), "cost money tokens budget"],
  ["/settings/model-key/", gettext("Settings: model key"), "anthropic api key"],
  ["/settings/tokens/", gettext("Settings: API tokens"), "key script"],
];

export function offerSettings(): void {
  for (const [path, title, words] of pages()) offer({ id: `page-${path}`, title, words, group: groups.account(), run: () => location.assign(path) });
}
