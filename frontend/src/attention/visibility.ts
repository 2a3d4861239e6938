// Whether any page of Slipway is in view, in whichever tab or window of this browser.

const ANSWER_MS = 150;
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("slipway.visibility");

const isInView = (): boolean => document.visibilityState === "visible";

let heard: (() => void) | null = null;

channel?.addEventListener("message", ({ data }: MessageEvent<string>) => {
  if (data === "who" && isInView()) channel.postMessage("here");
  if (data === "here") heard?.();
});

export async function isAnyPageInView(): Promise<boolean> {
  if (isInView()) return true;
  if (!channel) return false;
  return new Promise((tell) => {
    const timer = setTimeout(() => tell(false), ANSWER_MS);
    heard = () => {
      clearTimeout(timer);
      tell(true);
    };
    channel.postMessage("who");
  });
}
