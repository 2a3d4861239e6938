// Builds the bundle and the style sheet into static/dist, and says how large they are on the wire.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import esbuild from "esbuild";

const BUDGET_KB = 150;
const OUT = new URL("../static/dist/", import.meta.url).pathname;

const options = {
  entryPoints: { early: "src/early.ts", main: "src/main.ts", app: "src/styles/app.css" },
  absWorkingDir: new URL(".", import.meta.url).pathname,
  outdir: OUT,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome123", "firefox120", "safari17.5"],
  loader: { ".svg": "text" },
  legalComments: "linked",
  sourcemap: "linked",
  logLevel: "warning",
};

function report() {
  const sizes = ["early.js", "main.js", "app.css"].map((name) => [name, gzipSync(readFileSync(OUT + name)).length / 1024]);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  for (const [name, size] of [...sizes, ["total", total]]) console.log(`${name.padEnd(8)} ${size.toFixed(1)} kB gz`);
  return total;
}

if (process.argv.includes("--watch")) {
  const context = await esbuild.context(options);
  await context.watch();
  console.log("watching…");
} else {
  await esbuild.build(options);
  if (report() > BUDGET_KB) {
    console.error(`The first load is above ${BUDGET_KB} kB gz.`);
    process.exit(1);
  }
}
