// What a model's refusal means and what one can do about it, as the server says it where it knows: first what happened, then what to do.

import { gettext, told } from "../i18n.ts";

const TOO_LONG = /prompt.?is.?too.?long|prompt_too_long|context.?(?:length|window)|conversation is too long/i;

const CAUSES: [RegExp, () => string][] = [
  [/\b529\b|overloaded/i, () => gettext("The model is overloaded. Nothing is lost: wait a minute, then send a message to continue.")],
  [/\b429\b|rate.?limit|too many requests/i, () => gettext("The model got too many requests. Nothing is lost: wait a minute, then send a message to continue.")],
  [/\b401\b|invalid api key|authentication|not logged in|\/login/i, () => gettext("The organisation's key for the model was refused. An admin can change it in the settings, under usage.")],
  [/\b403\b|permission_error/i, () => gettext("The organisation's key may not use this model. Choose another model, or ask an admin for another key.")],
  [/credit balance|billing|budget/i, () => gettext("There is no money left for the model. An admin can raise the budget or pay in at the provider; then send a message to continue.")],
  [TOO_LONG, () => gettext("The conversation is too long for the model. Compact it, or start a new session.")],
  [/\b404\b|selected model|not_found_error/i, () => gettext("This model is not available. Choose another one beside the message, then send it again.")],
  [/ECONNREFUSED|ENOTFOUND|timed? ?out|\b50[0234]\b|fetch failed|connection/i, () => gettext("The model could not be reached. Nothing is lost: send a message to try again.")],
];

/** In words that say what happened and what to do: ours where the cause is known, else its own. */
export const explained = (error: string): string => CAUSES.find(([pattern]) => pattern.test(error))?.[1]() ?? told(error);

export const isTooLong = (error: string): boolean => TOO_LONG.test(error);

/** The first sentence as a title, and the rest. */
export function titled(text: string): [title: string, rest: string] {
  const [, title = text, rest = ""] = /^(.+?)(?:[.] |。)(.+)$/s.exec(text) ?? [];
  return [title, rest];
}
