// The title that a model gives a session, beside the name that a person gave it.

const letters = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

/** Whether a title says more than the name, which may be the beginning of the same words. */
export function saysMore(title: string, name: string): boolean {
  const [one, other] = [letters(title), letters(name)];
  return one !== "" && (other === "" || (!one.startsWith(other) && !other.startsWith(one)));
}
