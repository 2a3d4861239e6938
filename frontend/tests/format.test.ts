// Numbers, money, sizes and times as English and Japanese readers write them.

import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { ago, bytes, clock, count, day, duration, exactTime, list, money, month, number, percent } from "../src/format.ts";
import { speak } from "../src/i18n.ts";
import { compiled } from "./catalogue.ts";

const NOON = "2026-03-04T12:00:00Z";
const after = (minutes: number): number => Date.parse(NOON) + minutes * 60_000;
// Formatters may use narrow or no-break spaces.
const plainly = (text: string): string => text.replace(/[\u202f\u00a0]/g, " ");
const DURATIONS = { texts: compiled({ "{n} ms": "{n} ミリ秒", "{n} s": "{n} 秒", "{m} min {s} s": "{m} 分 {s} 秒", "{h} h {m} min": "{h} 時間 {m} 分", "just now": "たった今" }) };

process.env.TZ = "Asia/Tokyo";

describe("English", () => {
  it("writes numbers, money and sizes", () => {
    assert.deepEqual([number(12_345), count(950), count(1234), count(12_345_678), percent(0.256)], ["12,345", "950", "1.2K", "12.3M", "26%"]);
    assert.deepEqual([money("0"), money("0.00042"), money("0.5"), money("1234.5"), money("?")], ["$0.00", "$0.0004", "$0.50", "$1,234.50", "$0.00"]);
    assert.deepEqual([bytes(1), bytes(512), bytes(2048), bytes(1.5 * 2 ** 20), bytes(3 * 2 ** 30)].map(plainly), ["1 byte", "512 bytes", "2 kB", "1.5 MB", "3 GB"]);
    assert.equal(list(["a", "b", "c"]), "a, b, and c");
  });

  it("writes durations that never say sixty seconds", () => {
    assert.deepEqual([850, 1500, 12_400, 59_600, 61_000, 119_700, 7_260_000].map(duration), ["850 ms", "1.5 s", "12 s", "1 min 0 s", "1 min 1 s", "2 min 0 s", "2 h 1 min"]);
  });

  it("writes times from near to far", () => {
    assert.deepEqual([0.5, 1, 59, 61, 1500, 3000].map((minutes) => ago(NOON, after(minutes))), ["just now", "1 minute ago", "59 minutes ago", "1 hour ago", "1 day ago", "2 days ago"]);
    assert.equal(ago(NOON, after(60 * 24 * 40)), "Mar 4, 2026");
    assert.equal(ago(NOON, after(-90)), "in 1 hour");
    assert.equal(ago(NOON, after(22), true), "22 min. ago");
    assert.deepEqual([ago("nonsense"), day(""), exactTime("?")], ["", "", ""]);
  });

  it("writes months", () => assert.deepEqual([month("2026-11"), month("?")], ["November 2026", ""]));

  it("tells exact times in the reader's zone, and names it", () => {
    assert.deepEqual([plainly(clock(NOON)), plainly(exactTime(NOON))], ["9:00 PM", "Mar 4, 2026, 9:00:00 PM GMT+9"]);
  });
});

describe("Japanese", () => {
  afterEach(() => speak("en"));

  it("counts in ten thousands", () => {
    speak("ja");
    assert.deepEqual([number(12_345), count(1234), count(12_345), count(123_456_789)], ["12,345", "1234", "1.2万", "1.2億"]);
    assert.deepEqual([money("0.00042"), money("1234.5"), percent(0.256)], ["$0.0004", "$1,234.50", "26%"]);
    assert.deepEqual([bytes(512), bytes(1.5 * 2 ** 20)].map(plainly), ["512 バイト", "1.5 MB"]);
    assert.equal(list(["a", "b", "c"]), "a、b、c");
  });

  it("writes times", () => {
    speak("ja", DURATIONS);
    assert.deepEqual([850, 1500, 61_000, 7_260_000].map(duration), ["850 ミリ秒", "1.5 秒", "1 分 1 秒", "2 時間 1 分"]);
    assert.deepEqual([0.5, 5, 61, 1500].map((minutes) => plainly(ago(NOON, after(minutes)))), ["たった今", "5 分前", "1 時間前", "1 日前"]);
    assert.deepEqual([day(NOON), clock(NOON), exactTime(NOON)], ["2026/03/04", "21:00", "2026/03/04 21:00:00 JST"]);
    assert.equal(month("2026-11"), "2026年11月");
  });
});
