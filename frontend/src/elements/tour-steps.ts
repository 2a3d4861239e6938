// The steps of the tour through the first turn. Pure.

export type Step = "watch" | "answer" | "changes" | "done";

/** What the page shows at the moment. */
export interface Seen { asks: boolean; hasEnded: boolean; /** By themselves, with no room for the conversation beside them. */ showsChanges: boolean }

/** Which mark belongs to what is seen; the person may have gone on to the end by a click. */
export function stepFor(seen: Seen, before: Step): Step {
  if (before === "done" || (before === "changes" && seen.showsChanges)) return "done";
  if (seen.asks) return "answer";
  return seen.hasEnded || before === "changes" ? "changes" : "watch";
}
