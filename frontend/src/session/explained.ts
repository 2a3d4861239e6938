// What a model's refusal means, and what one can do about it.

import { gettext } from "../i18n.ts";

const CAUSES: [RegExp, () => string][] = [
  [/\b529\b|overloaded/i, () => gettext("The model's provider has more to do than it can. Nothing is lost: wait a minute, then send a message to go on.")],
  [/\b429\b|rate.?limit/i, () => gettext("Too much was asked of the model in a short time. Wait a little, then send a message to go on.")],
  [/\b401\b|invalid api key|authentication|not logged in|\/login/i, () => gettext("The organisation's key for the model is missing or not valid. An admin can change it in the settings, under usage.")],
  [/\b403\b|permission_error/i, () => gettext("The organisation's key may not use this model. Choose another model, or ask an admin for another key.")],
  [/credit balance|billing|budget/i, () => gettext("There is no money left for the model. An admin can raise the budget or pay in at the provider; then send a message to go on.")],
  [/prompt.?is.?too.?long|prompt_too_long|context.?(?:length|window)/i, () => gettext("The conversation is too long for the model. Send /compact to shorten it, then go on.")],
  [/\b404\b|selected model|not_found_error/i, () => gettext("This model is not there. Choose another one beside the message, then send it again.")],
  [/ECONNREFUSED|ENOTFOUND|timed? ?out|\b50[0234]\b|fetch failed|connection/i, () => gettext("The model could not be reached. Send a message to try again; what was done so far is kept.")],
];

/** Empty when the cause is not one that we know. */
export const explained = (error: string): string => CAUSES.find(([pattern]) => pattern.test(error))?.[1]() ?? "";
