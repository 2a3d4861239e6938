// Texts in other languages: taken from what the server wrote into the page, English where there is none.

import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { gettext, loadTranslations, ngettext } from "../src/i18n.ts";

const JAPANESE = JSON.stringify({ texts: { "Hello {name}": "こんにちは、{name}さん", "{count} line": ["{count} 行"] }, plurals: Array(200).fill(0) });
// As Polish has it: one; two to four; the rest.
const POLISH = JSON.stringify({
  texts: { "{count} line": ["{count} linia", "{count} linie", "{count} linii"] },
  plurals: Array.from({ length: 200 }, (_, n) => (n === 1 ? 0 : n % 10 >= 2 && n % 10 <= 4 && (n % 100 < 10 || n % 100 >= 20) ? 1 : 2)),
});

describe("translations", () => {
  afterEach(() => loadTranslations(null));

  it("take the place of the English", () => {
    loadTranslations(JAPANESE);

    assert.equal(gettext("Hello {name}", { name: "Alice" }), "こんにちは、Aliceさん");
    assert.equal(ngettext("{count} line", "{count} lines", 1), "1 行");
    assert.equal(ngettext("{count} line", "{count} lines", 7), "7 行");
    assert.equal(gettext("constructor"), "constructor");
  });

  it("know more than two plural forms, also of large counts", () => {
    loadTranslations(POLISH);

    assert.deepEqual([1, 3, 5, 1001, 1003, 1112].map((n) => ngettext("{count} line", "{count} lines", n)),
      ["1 linia", "3 linie", "5 linii", "1001 linii", "1003 linie", "1112 linii"]);
  });

  it("are English without a catalogue", () => {
    assert.equal(ngettext("{count} line", "{count} lines", 1), "1 line");
    assert.equal(ngettext("{count} line", "{count} lines", 0), "0 lines");
  });
});
