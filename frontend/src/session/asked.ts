// Whether a call waits for somebody's word.

import type { Permission } from "../protocol.ts";
import type { Conversation, ToolItem } from "./conversation.ts";

/** Whether this is what a permission is asked for. */
export const isFor = (permission: Permission, { name, input }: ToolItem): boolean => permission.tool === name && JSON.stringify(permission.input) === JSON.stringify(input);

/** Whether a permission for just this call is asked for. */
export const isAsked = ({ pending, results }: Pick<Conversation, "pending" | "results">, item: ToolItem): boolean =>
  pending.length > 0 && !results.has(item.callId) && pending.some((one) => isFor(one, item));
