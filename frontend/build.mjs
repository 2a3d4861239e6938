// Builds scripts and style sheets into static/dist/, under names that change with their content, and says what each kind of page loads first.
// `node build.mjs --watch` goes on building.

import { mkdirSync } from "node:fs";
import esbuild from "esbuild";
import { drawings } from "./drawings.mjs";
import { compress, DIST, removeOld, writeIcons, writeManifest } from "./manifest.mjs";
import { together } from "./together.mjs";

const KB = 1024;
const ENTRIES = { early: "src/early.ts", main: "src/main.ts", app: "src/styles/app.css", "session-page": "src/styles/session-page.css", "settings-page": "src/styles/settings-page.css", "design-page": "src/styles/design-page.css" };

/** What a page of each kind loads before it is complete, and how much of it (JS and CSS, gzip) is the most; with its texts, in any language. */
const PAGES = {
  entrance: { sheets: ["app"], parts: [], budget: 40 * KB },
  "other pages": { sheets: ["app"], parts: ["slw-sidebar", "slw-import"], budget: 75 * KB },
  session: { sheets: ["app", "session-page"], parts: ["slw-sidebar", "slw-session"], budget: 150 * KB },
};

const isWatching = process.argv.includes("--watch");

const options = {
  entryPoints: ENTRIES,
  absWorkingDir: new URL(".", import.meta.url).pathname,
  outdir: DIST,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  metafile: true,
  minify: true,
  format: "esm",
  target: ["chrome123", "firefox120", "safari17.5"],
  legalComments: "linked",
  sourcemap: "linked",
  logLevel: "warning",
  plugins: [together, drawings, { name: "manifest", setup: (build) => build.onEnd((result) => result.errors.length || finish(result.metafile)) }],
};

function finish(metafile) {
  const manifest = writeManifest(metafile, ENTRIES, PAGES);
  writeIcons();
  if (isWatching) return;
  const sizes = compress(metafile);
  removeOld(metafile);
  let isTooLarge = false;
  for (const [kind, { files, budget }] of Object.entries(manifest.pages)) {
    const total = files.reduce((sum, file) => sum + sizes[file], 0);
    console.log(`${kind.padEnd(12)} ${(total / KB).toFixed(1).padStart(6)} kB gz in ${String(files.length).padStart(2)} files, of at most ${budget / KB} kB`);
    isTooLarge ||= total > budget;
  }
  if (isTooLarge) {
    console.error("The first load of a page is larger than it may be: load with import() what is not needed at once.");
    process.exitCode = 1;
  }
}

mkdirSync(DIST, { recursive: true });
if (isWatching) {
  const context = await esbuild.context(options);
  await context.watch();
  console.log("watching…");
} else {
  await esbuild.build(options);
}
