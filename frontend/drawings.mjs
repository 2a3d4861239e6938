// Lucide's icons without what each of them repeats: the licence (kept once beside the bundles), classes and white space.

import { readFileSync } from "node:fs";

export const drawing = (path) => readFileSync(path, "utf8").replace(/<!--.*?-->/s, "").replace(/class="[^"]*"/, "").replace(/\s+/g, " ").replace(/ ?(\/?>) ?/g, "$1").trim();

export const drawings = {
  name: "drawings",
  setup(build) {
    build.onLoad({ filter: /\/lucide-static\/icons\/[\w-]+\.svg$/ }, ({ path }) => ({ contents: `/*! @license lucide-static - ISC */ export default ${JSON.stringify(drawing(path))};`, loader: "js" }));
  },
};
