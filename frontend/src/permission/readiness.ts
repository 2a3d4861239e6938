// When a key may answer: not in the moment in which a question appears, and not while somebody writes.

/** Long enough that a key which was already on its way to something else is over. */
export const GRACE_MS = 400;

export interface Moment { shownAt: number; typedAt: number; now: number }

/** A key that is pressed this soon was meant for what was there before. */
export const isSettled = ({ shownAt, typedAt, now }: Moment): boolean => now - shownAt >= GRACE_MS && now - typedAt >= GRACE_MS;
