// When a key may answer: not in the moment in which a question appears, and not while somebody writes.

/** Long enough that a key which was already on its way to something else is over. */
export const GRACE_MS = 400;
/** Who has not written for so long, in an empty field, is not about to. */
export const PAUSED_MS = 1000;
/** Letters of a word follow each other faster than this. */
export const WORD_MS = 300;

export interface Moment { shownAt: number; typedAt: number; now: number }

/** A key that is pressed this soon was meant for what was there before. */
export const isSettled = ({ shownAt, typedAt, now }: Moment): boolean => now - shownAt >= GRACE_MS && now - typedAt >= GRACE_MS;

/** How long it takes until somebody has paused; 0 when they have. */
export const untilPaused = ({ typedAt, now }: Omit<Moment, "shownAt">): number => Math.max(0, typedAt + PAUSED_MS - now);

let typedAt = Number.NEGATIVE_INFINITY;
if (typeof document !== "undefined") document.addEventListener("beforeinput", (event) => (typedAt = event.timeStamp), true);

/** When something was last written anywhere on the page. */
export const lastTypedAt = (): number => typedAt;
