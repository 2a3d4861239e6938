// What the build leaves for the server beside the bundles: which file is which, which belong together, the icons, and everything compressed.

import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { drawing } from "./drawings.mjs";

export const DIST = new URL("../static/dist/", import.meta.url).pathname;
const SOURCES = new URL("src/", import.meta.url).pathname;
const ICONS = new URL("node_modules/lucide-static/icons/", import.meta.url).pathname;

/** Pages that were loaded before an upgrade go on asking for their own files. */
const KEPT_MS = 7 * 24 * 3600 * 1000;

/** Readers never see half a file. */
function write(name, content) {
  writeFileSync(`${DIST}${name}.new`, content);
  renameSync(`${DIST}${name}.new`, DIST + name);
}

/** A file and all that it imports at once, so that the browser can ask for all of them together. */
function closure(outputs, path, seen = new Set()) {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const { path: imported, kind } of outputs[path].imports) if (kind === "import-statement") closure(outputs, imported, seen);
  return seen;
}

/** `{entries, main, parts, pages}`: file names of the entries, what main and each part of a page load at once, and all of a page of each kind. */
export function writeManifest({ outputs }, entries, pages) {
  const bySource = Object.fromEntries(Object.entries(outputs).flatMap(([path, { entryPoint }]) => (entryPoint && !path.endsWith(".map") ? [[entryPoint, path]] : [])));
  const files = (source) => [...closure(outputs, bySource[source])].map((path) => basename(path));
  const parts = [...readFileSync(`${SOURCES}parts.ts`, "utf8").matchAll(/"(slw-[\w-]+)": \(\) => import\("\.\/([^"]+)"\)/g)];
  if (!parts.length) throw new Error("No parts found in src/parts.ts.");
  const manifest = {
    entries: Object.fromEntries(Object.entries(entries).map(([name, source]) => [name, basename(bySource[source])])),
    main: files(entries.main),
    parts: Object.fromEntries(parts.map(([, name, source]) => [name, files(`src/${source}`)])),
  };
  manifest.pages = Object.fromEntries(Object.entries(pages).map(([kind, page]) => {
    const own = [...page.sheets.map((name) => manifest.entries[name]), ...page.parts.flatMap((name) => manifest.parts[name])];
    return [kind, { files: [...new Set([manifest.entries.early, ...manifest.main, ...own])], budget: page.budget }];
  }));
  write("manifest.json", JSON.stringify(manifest));
  return manifest;
}

/** The icons of src/icons.ts, for the templates. */
export function writeIcons() {
  const source = readFileSync(`${SOURCES}icons.ts`, "utf8");
  const found = [...source.matchAll(/^import (\w+) from "lucide-static\/icons\/([\w-]+\.svg)";$/gm)];
  write("icons.json", JSON.stringify(Object.fromEntries(found.map(([, name, file]) => [name, drawing(ICONS + file)]))));
}

/** Writes what is sent to browsers compressed, too, once and as small as can be; returns the sizes with gzip. */
export function compress({ outputs }) {
  const sizes = {};
  for (const name of Object.keys(outputs).map((path) => basename(path)).filter((name) => /\.(js|css)$/.test(name))) {
    const content = readFileSync(DIST + name);
    const zipped = gzipSync(content, { level: 9 });
    write(`${name}.gz`, zipped);
    write(`${name}.br`, brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }));
    sizes[name] = zipped.length;
  }
  return sizes;
}

/** Removes what no page can ask for any more. */
export function removeOld({ outputs }) {
  const built = new Set(Object.keys(outputs).map((path) => basename(path)));
  const isBuilt = (name) => built.has(name.replace(/\.(gz|br)$/, ""));
  for (const name of readdirSync(DIST).filter((name) => /\.(js|css|map|txt|gz|br)$/.test(name) && !isBuilt(name))) {
    const isNamedByContent = /-[0-9A-Z]{8}\./.test(name);
    if (!isNamedByContent || Date.now() - statSync(DIST + name).mtimeMs > KEPT_MS) rmSync(DIST + name);
  }
}
