import { expect, test } from "vitest";
import { CrusaderError } from "../../../common/errors.ts";
import { createPages, type ReadPage } from "./pages.ts";

type Served = { rows: string[]; fails: boolean };

function serving(served: Served) {
  const asked: number[] = [];
  const read: ReadPage<string, number> = async ({ offset, limit }) => {
    asked.push(offset);
    if (served.fails) throw new CrusaderError("data_folder", "It cannot be read.");
    const { rows } = served;
    return { rows: rows.slice(offset, offset + limit), total: rows.length, head: rows.length };
  };
  return { asked, read, ...createPages<string, number>(2) };
}

const shown = (rows: ReadonlyMap<number, string>) => Object.fromEntries(rows);

test("only what is in sight is read, each page once", async () => {
  const { store, ask, want, read, asked } = serving({ rows: ["a", "b", "c", "d", "e"], fails: false });
  expect(store.getState().status).toBe("loading");
  await ask(read);
  expect(store.getState()).toEqual({
    rows: new Map([
      [0, "a"],
      [1, "b"],
    ]),
    total: 5,
    head: 5,
    status: "ready",
    error: null,
  });
  await want(0, 1);
  await want(3, 4);
  await want(2, 4);
  expect(asked).toEqual([0, 2, 4]);
  expect(shown(store.getState().rows)).toEqual({ 0: "a", 1: "b", 2: "c", 3: "d", 4: "e" });
});

test("read again, what is in sight is replaced and the rest is forgotten", async () => {
  const served = { rows: ["a", "b", "c", "d"], fails: false };
  const { store, ask, refresh, want, read } = serving(served);
  await ask(read);
  await want(2, 3);
  served.rows = ["x", "a", "b", "c"];
  const reading = refresh();
  // What came into sight meanwhile is not lost.
  const wanting = want(0, 3);
  await Promise.all([reading, wanting]);
  expect(shown(store.getState().rows)).toEqual({ 0: "x", 1: "a", 2: "b", 3: "c" });
  served.rows = ["x"];
  await want(0, 1);
  await refresh();
  expect(shown(store.getState().rows)).toEqual({ 0: "x" });
});

test("asked while it reads, it reads once more", async () => {
  const served = { rows: ["a"], fails: false };
  const { store, ask, refresh, read, asked } = serving(served);
  const reading = ask(read);
  void refresh();
  void refresh();
  served.rows = ["a", "b"];
  await reading;
  expect(asked).toEqual([0, 0]);
  expect(store.getState().total).toBe(2);
});

test("an answer to an older question is not heard", async () => {
  const { store, ask, read } = serving({ rows: ["new"], fails: false });
  const late = Promise.withResolvers<void>();
  const old = ask(async () => {
    await late.promise;
    return { rows: ["old"], total: 1, head: 1 };
  });
  await ask(read);
  late.resolve();
  await old;
  expect(shown(store.getState().rows)).toEqual({ 0: "new" });
});

test("a failure keeps what was read, and goes with the next answer", async () => {
  const served = { rows: ["a"], fails: true };
  const { store, ask, refresh, want, read } = serving(served);
  await ask(read);
  expect(store.getState()).toMatchObject({ status: "failed", error: { code: "data_folder" } });
  served.fails = false;
  await want(0, 0);
  expect(store.getState()).toMatchObject({ status: "ready", error: null });
  served.fails = true;
  await refresh();
  expect(store.getState()).toMatchObject({ status: "ready", error: { code: "data_folder" } });
  expect(shown(store.getState().rows)).toEqual({ 0: "a" });
});
