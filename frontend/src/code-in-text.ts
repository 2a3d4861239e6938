// Commands that a text names between backticks, shown as code.

/** The text in pieces that an element can be filled with. */
export const withCode = (text: string): (string | HTMLElement)[] =>
  text.split(/`([^`]+)`/).map((piece, index) => (index % 2 ? Object.assign(document.createElement("code"), { textContent: piece }) : piece));
