// Names in what an agent asks, taken apart: tools of MCP servers, and web addresses.

export interface McpTool { server: string; name: string }

/** `mcp__server__tool`; null for the agent's own tools. */
export function mcpTool(tool: string): McpTool | null {
  const match = /^mcp__(.+?)__(.+)$/.exec(tool);
  return match ? { server: match[1] ?? "", name: match[2] ?? "" } : null;
}

/** `ascii` is the host as the network knows it, when what is written looks otherwise. */
export interface AddressParts { before: string; host: string; after: string; ascii: string }

/** Null for what is no web address. What is shown is what was written, letter by letter. */
export function addressParts(url: string): AddressParts | null {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return null;
  }
  const match = /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#@\\]*@)*)([^/?#\\]*)(.*)$/is.exec(url.trim());
  if (!match?.[2] || !/^https?:$/.test(parsed.protocol)) return null;
  const [, before = "", host = "", after = ""] = match;
  return { before, host, after, ascii: host.toLowerCase() === parsed.host || host.toLowerCase() === `${parsed.host}:${parsed.protocol === "https:" ? 443 : 80}` ? "" : parsed.host };
}
