// Links to a turn: the number of the event that it begins with, after `#turn-`.

export const linkTo = (seq: number): string => `${location.origin}${location.pathname}#turn-${seq}`;

/** The turn that an address names; 0 when it names none. */
export const linkedTurn = (hash: string): number => Number(/^#turn-(\d{1,15})$/.exec(hash)?.[1] ?? 0);
