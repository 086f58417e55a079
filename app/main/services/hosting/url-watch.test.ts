import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { UrlWatched } from "../../../common/submission.ts";
import { UrlWatch } from "./index.ts";
import { pauseAfter } from "./url-watch.ts";

const CODE = "def inner_steps():\n    pass\n";
const START_MS = Date.parse("2026-11-21T10:00:00.000Z");

const serve =
  (body: string, status = 200): RequestListener =>
  (_request, response) =>
    void response.writeHead(status).end(body);

/** A host that does what `turns` say, one after the other, and a clock that jumps over every wait. */
async function watched(turns: readonly RequestListener[]) {
  const left = [...turns];
  const ended = new AbortController();
  const server = createServer((request, response) => {
    const turn = left.shift();
    turn?.(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let nowMs = START_MS;
  const waits: number[] = [];
  const watch = new UrlWatch({
    now: () => nowMs,
    wait: async (ms, signal) => {
      waits.push(ms / 1000);
      nowMs += ms;
      if (left.length === 0) ended.abort();
      signal?.throwIfAborted();
    },
  });
  const found: UrlWatched[] = [];
  const hosted = {
    committedUrl: `${origin}/train.py`,
    judgedSha256: createHash("sha256").update(CODE).digest("hex"),
  };
  const options = { timeoutMs: 60_000, allowedOrigins: [origin], signal: ended.signal };
  for await (const each of watch.follow(hosted, options)) found.push(each);
  return { found, waits, states: found.map(({ state }) => state) };
}

const PUT_BACK =
  "Put the submitted file back, byte for byte, before the validator fetches it: it fails the submission otherwise. The submission's own copy is kept.";

test("what lies there is looked at until somebody ends it; a change is said at once, and so is that it is well again", async () => {
  const { found, waits } = await watched([serve(CODE), serve(`${CODE}#`), serve("#".repeat(600_000)), serve(CODE)]);
  expect([found, waits]).toEqual([
    [
      { state: "same", checkedAt: "2026-11-21T10:00:00.000Z", message: "", hint: "" },
      {
        state: "changed",
        checkedAt: "2026-11-21T10:01:00.000Z",
        message: "Another file lies at the URL now.",
        hint: PUT_BACK,
      },
      {
        state: "changed",
        checkedAt: "2026-11-21T10:02:00.000Z",
        message: "More than 500,000 bytes lie there: the validator stops reading, and fails the submission.",
        hint: PUT_BACK,
      },
      { state: "same", checkedAt: "2026-11-21T10:03:00.000Z", message: "", hint: "" },
    ],
    [60, 60, 60, 60],
  ]);
});

test("one fetch that fails says nothing; a second one, ten seconds later, does", async () => {
  const { found, waits, states } = await watched([
    serve(CODE),
    serve("", 503),
    serve(CODE),
    serve("", 503),
    serve("", 404),
    serve("", 404),
    serve(CODE),
  ]);
  expect([states, waits]).toEqual([
    ["same", "same", "unreachable", "unreachable", "same"],
    [60, 10, 60, 10, 60, 60, 60],
  ]);
  expect(found[2]).toEqual({
    state: "unreachable",
    checkedAt: "2026-11-21T10:02:20.000Z",
    message: expect.stringMatching(/^127\.0\.0\.1:\d+ answered 404: nothing is there, or not for everybody\.$/),
    hint: "Check how the URL is written, and whether it opens without being signed in. The submitted file has to lie there until it was evaluated.",
  });
});

test("long quiet makes it look less often, down to every ten minutes", async () => {
  const { waits } = await watched(Array.from({ length: 40 }, () => serve(CODE)));
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect([waits.slice(0, 11), waits.at(-1)]).toEqual([Array(11).fill(60), 600]);
  const minutes = [0, 10, 50, 100, 1000].map((quiet) => pauseAfter(quiet * 60_000) / 60_000);
  expect(minutes).toEqual([1, 1, 5, 10, 10]);
});

test("what is no URL is refused", async () => {
  const looks = new UrlWatch().follow({ committedUrl: "train.py", judgedSha256: "" }, { timeoutMs: 1000 });
  await expect(looks.next()).rejects.toMatchObject({ code: "usage" });
});

test("it ends at once, also while it waits", async () => {
  const ended = new AbortController();
  const server = createServer(serve(CODE)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = { timeoutMs: 60_000, allowedOrigins: [origin], signal: ended.signal };
  const looks = new UrlWatch().follow({ committedUrl: `${origin}/`, judgedSha256: "" }, options);
  expect((await looks.next()).value).toMatchObject({ state: "changed" });
  const waiting = looks.next();
  ended.abort();
  expect(await waiting).toEqual({ done: true, value: undefined });
});
