// Texts in other languages: taken from what the page's language brings, English where there is none.

import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { gettext, markOf, ngettext, speak, told } from "../src/i18n.ts";
import { compiled } from "./catalogue.ts";

const JAPANESE = {
  texts: compiled({
    "Hello {name}": "こんにちは、{name}さん",
    "{count} line": ["{count} 行"],
    "The sandbox was killed.": "サンドボックスが強制終了されました。",
    "Send a message to go on.": "続けるにはメッセージを送信してください。",
    "The agent ended ({0}).": "エージェントが終了しました: {0}。",
    "signal {0}": "シグナル {0}",
    "Removed by {0}.": "{0} が削除しました。",
    "The agent did not take over the {0} “{1}”.": "エージェントは「{1}」: {0}に切り替えませんでした。",
  }),
};
// As Polish has it: one; two to four; the rest.
const POLISH = {
  texts: compiled({ "{count} line": ["{count} linia", "{count} linie", "{count} linii"] }),
  plurals: Array.from({ length: 200 }, (_, n) => (n === 1 ? 0 : n % 10 >= 2 && n % 10 <= 4 && (n % 100 < 10 || n % 100 >= 20) ? 1 : 2)),
};

describe("a text's mark", () => {
  it("is what the server makes of it", () => {
    assert.deepEqual(["", "Close", "{count} line", "“Always allow” ✓ 🚢"].map(markOf), ["tntfp", "0xxoj", "7xs9a", "h9mry"]);
  });
});

describe("translations", () => {
  afterEach(() => speak("en"));

  it("take the place of the English", () => {
    speak("ja", JAPANESE);

    assert.equal(gettext("Hello {name}", { name: "Alice" }), "こんにちは、Aliceさん");
    assert.equal(ngettext("{count} line", "{count} lines", 1), "1 行");
    assert.equal(ngettext("{count} line", "{count} lines", 7), "7 行");
    assert.equal(gettext("constructor"), "constructor");
  });

  it("know more than two plural forms, also of large counts", () => {
    speak("pl", POLISH);

    assert.deepEqual([1, 3, 5, 12, 22, 112].map((n) => ngettext("{count} line", "{count} lines", n)),
      ["1 linia", "3 linie", "5 linii", "12 linii", "22 linie", "112 linii"]);
  });

  it("are English without a catalogue, with the language's own digits and further values", () => {
    assert.equal(ngettext("{count} line", "{count} lines", 1), "1 line");
    assert.equal(ngettext("{count} line", "{count} lines", 0), "0 lines");
    assert.equal(ngettext("{count} line of {name}", "{count} lines of {name}", 12_345, { name: "log" }), "12,345 lines of log");
  });
});

describe("what the log says", () => {
  afterEach(() => speak("en"));

  it("is translated as one text, with its values, or sentence by sentence", () => {
    speak("ja", JAPANESE);

    assert.equal(told("The sandbox was killed."), "サンドボックスが強制終了されました。");
    assert.equal(told("Removed by {0} $& Mr. X. Y."), "{0} $& Mr. X. Y が削除しました。");
    assert.equal(told("The agent did not take over the model “opus”."), "エージェントは「opus」: modelに切り替えませんでした。");
    assert.equal(told("The sandbox was killed. Send a message to go on."), "サンドボックスが強制終了されました。続けるにはメッセージを送信してください。");
    assert.equal(told("Removed by Mr. X. Send a message to go on."), "Mr. X が削除しました。続けるにはメッセージを送信してください。");
  });

  it("keeps what a program wrote behind it, and knows its values", () => {
    speak("ja", JAPANESE);
    assert.equal(told("The sandbox was killed. Traceback. Boom!"), "サンドボックスが強制終了されました。 Traceback. Boom!");
    assert.equal(told("The agent ended (signal 9). Send a message to go on."), "エージェントが終了しました: シグナル 9。続けるにはメッセージを送信してください。");
  });

  it("stays as it is when a part of it is not known, or the page is English", () => {
    speak("ja", JAPANESE);
    assert.equal(told("Something else. The sandbox was killed."), "Something else. The sandbox was killed.");
    speak("en");
    assert.equal(told("The sandbox was killed."), "The sandbox was killed.");
  });
});
