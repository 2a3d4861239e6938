// The browser's notifications: whether they may be shown, and showing one.

export type Permission = "unsupported" | "insecure" | "default" | "denied" | "granted";

export interface Shown {
  title: string;
  body: string;
  /** A second one with the same tag takes the first one's place. */
  tag: string;
  /** Where a click leads. */
  path: string;
}

export function permission(): Permission {
  if (!window.isSecureContext) return "insecure";
  return typeof Notification === "undefined" ? "unsupported" : Notification.permission;
}

/** Only in answer to a click: browsers refuse, and people do, when it comes out of the blue. */
export async function askPermission(): Promise<Permission> {
  return Notification.requestPermission();
}

export function showNotification({ title, body, tag, path }: Shown): void {
  const shown = new Notification(title, { body, tag, icon: document.querySelector<HTMLLinkElement>("link[rel=icon]")?.href ?? "" });
  shown.onclick = () => {
    shown.close();
    window.focus();
    if (location.pathname !== path) location.assign(path);
  };
}
