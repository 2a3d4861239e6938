// Images that a tool brought along: small, and large on a click.

import { html, nothing } from "lit";
import { gettext } from "../../i18n.ts";
import { enlarge } from "../enlarged.ts";

const SAFE_IMAGE = /^image\/(?:png|jpeg|gif|webp)$/;

/** `{"media_type", "data"}` (base64) of the raster kinds; of one that was too large only its place. */
function imageView(image: unknown): unknown {
  const { media_type: type, data } = (image ?? {}) as { media_type?: string; data?: string | null };
  if (!type || !SAFE_IMAGE.test(type)) return nothing;
  if (!data || !/^[\w+/=\s-]+$/.test(data)) return html`<p class="soft">${gettext("An image was too large to be kept.")}</p>`;
  const source = `data:${type};base64,${data}`;
  return html`<button class="tool-image" type="button" aria-label=${gettext("Enlarge the image")} @click=${() => enlarge(source, gettext("Image from the tool"))}><img alt=${gettext("Image from the tool")} src=${source} /></button>`;
}

export const imagesView = (images: readonly unknown[]): unknown => (images.length ? html`<div class="tool-images">${images.map(imageView)}</div>` : nothing);
