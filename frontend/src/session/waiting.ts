// What a session's messages wait for: their own agent, or a free place among all the turns of the organisation.

import type { Conversation } from "./conversation.ts";

export type Places = Readonly<Record<string, number>>;

/** The turn that runs, which is the one that whoever interrupts means, however late the request arrives. */
export const jobAtWork = ({ jobs }: Conversation): string | undefined => [...jobs].find(([, job]) => job.status === "PROCESSING")?.[0];

const isAtWork = (conversation: Conversation): boolean => jobAtWork(conversation) !== undefined;

/** Whether queued messages really wait for something, rather than being picked up this very moment. */
export function isPlainlyWaiting(conversation: Conversation, places: Places): boolean {
  const hasPlace = conversation.queued.some((item) => item.jobId !== null && Object.hasOwn(places, item.jobId));
  return conversation.queued.length > 1 || hasPlace || isAtWork(conversation);
}

/** Whether nothing of this session is at work, because others are before it. */
export function isInLine(conversation: Conversation, places: Places): boolean {
  return !isAtWork(conversation) && [...conversation.jobs].some(([id, job]) => job.status === "PENDING" && Object.hasOwn(places, id));
}
