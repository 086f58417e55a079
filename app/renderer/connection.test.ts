import { ORPCError } from "@orpc/client";
import { expect, test } from "vitest";
import type { CrusaderError } from "../common/errors.ts";
import {
  asCrusaderError,
  type Connection,
  createConnection,
  follow,
  growingPauseMs,
  type OpenChannel,
} from "./connection.ts";

type Call = (path: readonly string[], input: unknown) => Promise<unknown>;

/** A transport whose connections the test opens and breaks. */
function transport(call: Call) {
  const open: { break: (refusal?: string) => void }[] = [];
  let attempts = 0;
  let failing = 0;
  return {
    opened: open,
    get attempts() {
      return attempts;
    },
    failNext: (times: number) => {
      failing = times;
    },
    open: async (): Promise<OpenChannel> => {
      attempts += 1;
      if (failing > 0) {
        failing -= 1;
        throw new Error("No.");
      }
      const { promise: closed, resolve } = Promise.withResolvers<{ refusal: string | null }>();
      open.push({ break: (refusal) => resolve({ refusal: refusal ?? null }) });
      return { link: { call: (path, input) => call(path, input) }, closed, close: () => resolve({ refusal: null }) };
    },
  };
}

function until(connection: Connection, status: string): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (connection.state.getState().status !== status) return;
      unsubscribe();
      resolve();
    };
    const unsubscribe = connection.state.subscribe(look);
    look();
  });
}

const failure = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (thrown: CrusaderError) => ({ code: thrown.code, message: thrown.message, hint: thrown.hint }),
  );

test("waits longer after each attempt, up to ten seconds", () => {
  expect([1, 2, 3, 6, 7, 50].map(growingPauseMs)).toEqual([250, 500, 1000, 8000, 10_000, 10_000]);
});

test("comes back after a lost connection, and calls wait for it", async () => {
  const host = transport(async () => ({ crusader: "1" }));
  const connection = createConnection({ open: host.open, pauseMs: () => 1 });
  await until(connection, "connected");
  host.failNext(2);
  host.opened[0]?.break();
  await until(connection, "disconnected");
  expect(await connection.client.app.versions()).toEqual({ crusader: "1" });
  expect(host.attempts).toBe(4);
  connection.close();
});

test("gives up waiting after a while, with words", async () => {
  const host = transport(async () => null);
  host.failNext(1000);
  const connection = createConnection({ open: host.open, pauseMs: () => 60_000, patienceMs: 5 });
  expect(await failure(connection.client.app.versions())).toEqual({
    code: "disconnected",
    message: "Crusader's services do not answer.",
    hint: "The window reconnects by itself.",
  });
  connection.close();
});

test("stops where the host does not let it in", async () => {
  const host = transport(async () => null);
  const connection = createConnection({ open: host.open, pauseMs: () => 1 });
  await until(connection, "connected");
  host.opened[0]?.break("This browser was not let in.");
  await until(connection, "refused");
  expect(connection.state.getState()).toEqual({
    status: "refused",
    reason: "This browser was not let in.",
    retryAtMs: null,
  });
  expect(await failure(connection.client.app.versions())).toMatchObject({ code: "access_denied" });
  expect(host.attempts).toBe(1);
});

test("hands on what the services report, word by word", async () => {
  const report = { code: "conflict", message: "It changed.", hint: "Compare.", detail: "" };
  const host = transport(async () => {
    throw new ORPCError("conflict", { message: report.message, data: report, defined: true });
  });
  const connection = createConnection({ open: host.open });
  expect(await failure(connection.client.app.versions())).toEqual({
    code: "conflict",
    message: "It changed.",
    hint: "Compare.",
  });
  connection.close();
});

test("goes on with a stream where it was, after a lost connection", async () => {
  async function* numbers(after: number, last: number) {
    for (let number = after + 1; number <= last; number += 1) yield number;
    if (last < 6) throw Object.assign(new Error("closed"), { name: "AbortError" });
  }
  let last = 3;
  const host = transport(async (_path, input) => {
    const { after } = input as { after: number };
    return numbers(after, last);
  });
  const connection = createConnection({ open: host.open, pauseMs: () => 1 });
  const seen: number[] = [];
  let after = 0;
  await new Promise<void>((resolve, reject) => {
    follow(
      connection,
      async () =>
        (await connection.client.simulation.events({ runId: "1", after })) as unknown as AsyncIterable<number>,
      {
        onItem: (number) => {
          seen.push(number);
          after = number;
          last = Math.max(last, 6);
        },
        onEnd: resolve,
        onError: reject,
      },
    );
  });
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  connection.close();
});

test("tells a stream's own failure once and does not open it again", async () => {
  const report = { code: "not_found", message: "No such run.", hint: "", detail: "" };
  let opened = 0;
  const host = transport(async () => {
    opened += 1;
    throw new ORPCError("not_found", { message: report.message, data: report, defined: true });
  });
  const connection = createConnection({ open: host.open });
  const error = await new Promise<CrusaderError>((resolve) => {
    follow(connection, (signal) => connection.client.tasks.watch(undefined, { signal }), {
      onItem: () => undefined,
      onError: resolve,
    });
  });
  expect({ code: error.code, opened }).toEqual({ code: "not_found", opened: 1 });
  connection.close();
});

test("a failure that came as data keeps its words; anything else is ours", () => {
  const report = { code: "disk_full", message: "The disk is full.", hint: "Free some.", detail: "" } as const;
  expect([asCrusaderError(report).report(), asCrusaderError({ message: "?" }).code]).toEqual([report, "internal"]);
});
