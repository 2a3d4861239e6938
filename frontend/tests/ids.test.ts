// Names of what a page makes, also where the page came over plain http.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { newId } from "../src/ids.ts";

const SOURCE = join(process.cwd(), "src");

describe("newId", () => {
  it("gives UUIDs of version 4, no two alike", () => {
    const ids = Array.from({ length: 1000 }, newId);

    assert.equal(new Set(ids).size, 1000);
    for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("is the only way in which pages make ids: the browser's own is missing on plain http", () => {
    const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts") && name !== "ids.ts");
    assert.ok(files.length > 20);
    for (const name of files) assert.ok(!readFileSync(join(SOURCE, name), "utf8").includes("randomUUID"), name);
  });
});
