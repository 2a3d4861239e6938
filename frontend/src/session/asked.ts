// Whether a call waits for somebody's word.

import type { Conversation, ToolItem } from "./conversation.ts";

/** Whether a permission for just this call is asked for. */
export function isAsked({ pending, results }: Pick<Conversation, "pending" | "results">, { callId, name, input }: ToolItem): boolean {
  if (!pending.length || results.has(callId)) return false;
  const wanted = JSON.stringify(input);
  return pending.some((one) => one.tool === name && JSON.stringify(one.input) === wanted);
}
