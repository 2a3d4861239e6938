// Times of the pages that the server makes, told as they are now, with the exact one on hover.

import { ago, exactTime } from "./format.ts";

export function tellTimes(root: ParentNode = document): void {
  for (const time of root.querySelectorAll<HTMLTimeElement>("time[data-ago]")) {
    time.textContent = ago(time.dateTime, Date.now(), time.dataset.ago === "short");
    time.title = exactTime(time.dateTime);
  }
}
