// Keeps the number of files small. The bundler makes a file of its own for each set of parts that share something; since all parts come after
// main.ts, and nearly all need Lit and what elements share, each of them is told to import both whole: so these are two files and not twenty.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const SOURCES = new URL("src/", import.meta.url).pathname;
const SHARED = [`${SOURCES}main.ts`, `${SOURCES}elements/base.ts`, "lit/decorators.js"];

/** Our own modules that are loaded by `import()`. */
function parts() {
  const found = new Set();
  for (const name of readdirSync(SOURCES, { recursive: true }).filter((name) => name.endsWith(".ts"))) {
    const path = join(SOURCES, name);
    for (const [, imported] of readFileSync(path, "utf8").matchAll(/\bimport\("(\.[^"]+\.ts)"\)/g)) found.add(resolve(dirname(path), imported));
  }
  return found;
}

export const together = {
  name: "together",
  setup(build) {
    let known = new Set();
    build.onStart(() => void (known = parts()));
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      if (!known.has(path)) return null;
      const imports = SHARED.map((shared) => `import ${JSON.stringify(shared)};`).join("");
      return { contents: imports + readFileSync(path, "utf8"), loader: "ts" }; // on one line, so that lines stay what they are
    });
  },
};
