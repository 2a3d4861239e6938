// Lit's `repeat`, which takes away what it leaves behind: since 3.3.1 each row that goes leaves its end marker, a comment,
// in the page (https://github.com/lit/lit/issues/5298). Rows that come and go all day long would add up.

import { type ChildPart, nothing } from "lit";
import { directive, type PartInfo } from "lit/directive.js";
import { getCommittedValue, getDirectiveClass } from "lit/directive-helpers.js";
import { type ItemTemplate, type KeyFn, type RepeatDirective, repeat as litRepeat } from "lit/directives/repeat.js";

const Repeat = getDirectiveClass(litRepeat([], () => nothing)) as unknown as new (info: PartInfo) => RepeatDirective;

const partsOf = (container: ChildPart): readonly ChildPart[] => {
  const value = getCommittedValue(container);
  return Array.isArray(value) ? (value as ChildPart[]) : [];
};

class TidyRepeat extends Repeat {
  override update<T>(container: ChildPart, given: [Iterable<T>, KeyFn<T> | ItemTemplate<T>, ItemTemplate<T>]): ReturnType<RepeatDirective["update"]> {
    const before = [...partsOf(container)];
    const result = super.update(container, given);
    const kept = new Set(partsOf(container));
    for (const part of before) if (!kept.has(part)) (part.endNode as ChildNode | null)?.remove();
    return result;
  }
}

export const repeat = directive(TidyRepeat) as unknown as typeof litRepeat;
