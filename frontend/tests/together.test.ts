// Many events at once are taken together, in their order, and none is lost or late.

import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { Together } from "../src/session/together.ts";

describe("events that come quickly", () => {
  it("are taken at once when nothing came before, then together", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const taken: number[][] = [];
    let now = 1000;
    const together = new Together<number>((all) => taken.push(all), () => now);
    const pass = (ms: number): void => {
      now += ms;
      mock.timers.tick(ms);
    };

    together.add([1]);
    assert.deepEqual(taken, [[1]]);
    together.add([2]);
    pass(10);
    together.add([3, 4]);
    assert.deepEqual(taken, [[1]]);
    pass(40);
    assert.deepEqual(taken, [[1], [2, 3, 4]]);

    together.add([5]);
    together.flush();
    together.flush();
    assert.deepEqual(taken.at(-1), [5]);
    together.add([6]);
    together.drop();
    pass(100);
    together.add([7]);
    assert.deepEqual(taken.slice(-2), [[5], [7]]);
    mock.timers.reset();
  });
});
