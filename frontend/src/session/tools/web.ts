// A page that was fetched, or a search in the web: the address as text and as a link that leaves the product, and what came of it.

import { html, nothing } from "lit";
import { plain } from "../../elements/base.ts";
import { str } from "../../json.ts";
import { type Body, failure, prose } from "./body.ts";
import { readable } from "../tools.ts";

const isWeb = (address: string): boolean => /^https?:\/\//i.test(address);

export const webBody: Body = (context) => {
  const { input } = context.item;
  const { result } = context;
  const address = str(input.url);
  return html`${isWeb(address) ? html`<p><a class="external" href=${address} target="_blank" rel="noopener noreferrer nofollow">${plain(address)}</a></p>` : nothing}
    ${input.prompt ? html`<p class="soft">${plain(str(input.prompt))}</p>` : nothing}
    ${!result ? nothing : result.isError ? failure(context) : prose(readable(result.text))}`;
};
