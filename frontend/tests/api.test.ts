// Calls of the API: writes name themselves and are sent again while no one can say whether they arrived.

import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { ApiError, call, get, post } from "../src/api.ts";

type Answer = number | "lost";
interface Seen { method: string; key: string | undefined; body: unknown }

const SOON = { firstPause: 1 };
const real = globalThis.fetch;

/** A server that answers so, one after the other, and the last for ever. */
function serve(...answers: [Answer, ...Answer[]]): Seen[] {
  const seen: Seen[] = [];
  globalThis.fetch = async (_, init = {}) => {
    const answer = answers[Math.min(seen.length, answers.length - 1)];
    seen.push({ method: init.method ?? "", key: (init.headers as Record<string, string>)["Idempotency-Key"], body: init.body });
    if (answer === "lost") throw new TypeError("Failed to fetch");
    const body = answer === 204 ? null : JSON.stringify(answer! < 400 ? { id: "made" } : { error: "some_error", message: "No." });
    return new Response(body, { status: answer as number });
  };
  return seen;
}

Object.assign(globalThis, { document: { cookie: "csrftoken=x" } });

describe("A write", () => {
  afterEach(() => { globalThis.fetch = real; });

  it("is repeated under one name until it is answered", async () => {
    const seen = serve("lost", 503, 502, 504, 201);

    assert.deepEqual(await post("/projects", { name: "demo" }, SOON), { id: "made" });

    assert.equal(seen.length, 5);
    assert.equal(new Set(seen.map(({ key, body }) => `${key} ${body}`)).size, 1);
    assert.match(seen[0]!.key!, /^[0-9a-f-]{36}$/);
  });

  it("has a name of its own each time, or the one that it is given", async () => {
    const seen = serve(201);

    await post("/projects", {}, SOON);
    await post("/projects", {}, SOON);
    await post("/projects", {}, { key: "mine" });

    assert.notEqual(seen[0]!.key, seen[1]!.key);
    assert.equal(seen[2]!.key, "mine");
  });

  it("that is refused is not repeated", async () => {
    for (const status of [400, 404, 409, 429, 500]) {
      const seen = serve(status);
      await assert.rejects(post("/projects", {}, SOON), (error: unknown) => error instanceof ApiError && error.status === status);
      assert.equal(seen.length, 1);
    }
  });

  it("ends with the reason when nothing comes back in time", async () => {
    const seen = serve(503);
    await assert.rejects(post("/projects", {}, { ...SOON, tries: 3 }), (error: unknown) => error instanceof ApiError && error.isIndeterminate);
    assert.equal(seen.length, 3);
  });

  it("that removes what its own first try has removed is done", async () => {
    serve("lost", 404);
    assert.equal(await call("DELETE", "/sessions/1", undefined, SOON), undefined);

    serve(404);
    await assert.rejects(call("DELETE", "/sessions/1", undefined, SOON));
  });
});

describe("A read", () => {
  afterEach(() => { globalThis.fetch = real; });

  it("has no name and is left to whoever reads", async () => {
    const seen = serve(503);
    await assert.rejects(get("/projects"));
    assert.deepEqual(seen.map(({ method, key }) => [method, key]), [["GET", undefined]]);
  });
});
