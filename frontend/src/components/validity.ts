// What is wrong with a field, in the language of the page: browsers say it in their own.

import { gettext, ngettext } from "../i18n.ts";

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

const isField = (target: EventTarget | null): target is Field =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;

/** What to do about it; empty where nothing is wrong, or the browser has to say it. */
export function advice(type: string, { valueMissing, typeMismatch, tooShort, rangeUnderflow, rangeOverflow, badInput }: ValidityState, { min, max, minLength }: { min?: string; max?: string; minLength?: number } = {}): string {
  if (valueMissing) return type === "checkbox" ? gettext("Tick this box to go on.") : type === "file" ? gettext("Choose a file.") : type === "select-one" || type === "radio" ? gettext("Choose one of these.") : gettext("Fill in this field.");
  if (typeMismatch) return type === "email" ? gettext("Write an email address, like name@example.com.") : gettext("Write a whole address, like https://example.com.");
  if (tooShort) return ngettext("Write at least {count} character.", "Write at least {count} characters.", minLength ?? 0);
  if (rangeUnderflow) return gettext("The least is {n}.", { n: min ?? "" });
  if (rangeOverflow) return gettext("The most is {n}.", { n: max ?? "" });
  return badInput && type === "number" ? gettext("Write a number.") : "";
}

export function objectionTo(field: Field): string {
  const bounds = field instanceof HTMLInputElement ? field : field instanceof HTMLTextAreaElement ? { minLength: field.minLength } : {};
  return advice(field.type, field.validity, bounds) || field.validationMessage;
}

/** The browser shows it beside the field, as it shows its own; what was said is forgotten before it looks again. */
export function listenToFields(): void {
  document.addEventListener("invalid", ({ target }) => {
    if (!isField(target)) return;
    target.setCustomValidity("");
    target.setCustomValidity(objectionTo(target));
  }, true);
  const forget = (one: EventTarget | null): void => void (isField(one) && one.setCustomValidity(""));
  for (const type of ["input", "change"]) document.addEventListener(type, ({ target }) => forget(target), true);
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLButtonElement>("button:not([type=button])") : null;
    for (const one of button?.form?.elements ?? []) forget(one);
  }, true);
}
