/** What every transport must do alike: values, errors, streams, aborting, going on after an interruption. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Client, Inputs } from "../../app/common/contract.ts";
import { emptyTranscript, type RunUpdate, withUpdate } from "../../app/common/simulation.ts";
import { type Bench, makeServices, reportOf, TRANSPORTS } from "./harness.ts";

const scripted = { profile: "rehearsal", backend: "scripted", sandbox: "none", repeats: 1 } as const;
const text = (words: string): Inputs["simulation"]["start"]["target"] => ({
  kind: "text",
  name: "train.py",
  text: words,
  file: null,
});

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  return Array.fromAsync(stream);
}

/** Reads on until one fits, and leaves the stream. */
async function until<T>(stream: AsyncIterable<T>, fits: (item: T) => boolean): Promise<T> {
  for await (const item of stream) if (fits(item)) return item;
  throw new Error("The stream ended before.");
}

async function runToEnd(client: Client, words: string): Promise<RunUpdate[]> {
  const { runId } = await client.simulation.start({ ...scripted, target: text(words) });
  return all(await client.simulation.events({ runId }));
}

/** Opens the home folder of the bench, as a person would. */
async function openHome(client: Client): Promise<string> {
  const { id } = await client.picker.list({});
  return (await client.workspace.openFolder({ pickedId: id })).id;
}

function eventTypes(updates: readonly RunUpdate[]): string[] {
  return updates.flatMap(({ events }) => events.map(({ event }) => event.type));
}

const RENDERER_FOLDER = ["data", "home", "renderer", "secret.txt"];

/** The same numbers each time (mulberry32), from 0 up to 1. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** With some characters dropped, doubled or replaced. */
function mutilated(message: string, random: () => number): string {
  const pieces = ["", '"', "{", "}", "[", "]", "\\", "../", "\u0000", "-1", "null", "1e999", "__proto__", "/"];
  const characters = [...message];
  for (let edits = 1 + Math.floor(4 * random()); edits > 0; edits -= 1) {
    const at = Math.floor(random() * characters.length);
    characters[at] = `${random() < 0.5 ? (characters[at] ?? "") : ""}${pieces[Math.floor(random() * pieces.length)]}`;
  }
  return characters.join("");
}

describe.each(TRANSPORTS)("over $name", ({ bench }) => {
  const start = async (): Promise<Bench & { client: Client }> => {
    const made = await bench();
    return { ...made, client: (await made.open()).client };
  };

  test("values arrive as they left: nulls, unicode, numbers, long texts", async () => {
    const { client } = await start();
    const long = `${'\u{1f680} \u0000 \\ " \n é '.repeat(200_000)}end`;
    const draft = { id: "tab-1", file: null, title: "ü.py", text: long, baseVersion: null };
    await client.workspace.saveDraft(draft);
    expect(await client.workspace.drafts()).toEqual([{ ...draft, savedAt: expect.any(String) }]);
    expect(await client.workspace.discardDraft({ id: "tab-1" })).toEqual({ discarded: true });
    expect(await client.workspace.drafts()).toEqual([]);
  });

  test("calls at the same time do not mix", async () => {
    const { client } = await start();
    const names = ["single", "ddp", "fsdp", "tp", "mixed"];
    const read = await Promise.all(names.map((name) => client.workspace.readTemplate({ name })));
    expect(read.map(({ name }) => name)).toEqual(names);
    expect(read.map(({ text: source }) => source)).toEqual(
      names.map((name) => readFileSync(new URL(`../../templates/${name}.py`, import.meta.url), "utf8")),
    );
  });

  test("an expected failure crosses with code, message, hint and detail", async () => {
    const { client } = await start();
    expect(await reportOf(client.runs.show({ runId: "7" }))).toEqual({
      code: "not_found",
      message: "There is no run 7.",
      hint: "crusader runs list shows those there are.",
      detail: "",
    });
  });

  test("a wrong input is refused at the door, and says where", async () => {
    const { client } = await start();
    expect(await reportOf(client.runs.show({ runId: "../1" }))).toEqual({
      code: "usage",
      message: "The request is not understood: runId: Not the number of a run.",
      hint: "",
      detail: "runId: Not the number of a run.",
    });
  });

  test("what the contract does not list is not there", async () => {
    const { client } = await start();
    const unlisted = client as unknown as Record<string, Record<string, () => Promise<unknown>>>;
    await expect(unlisted.workspace?.drop?.()).rejects.toThrow();
    await expect(unlisted.constructor?.constructor?.()).rejects.toThrow();
    expect(await client.app.versions()).toMatchObject({ node: process.versions.node });
  });

  test("a run: its number at once, then its events in order, then its result", async () => {
    const { client } = await start();
    const { runId, plan } = await client.simulation.start({ ...scripted, target: text("pass") });
    expect({ runId, name: plan.submission.name }).toEqual({ runId: "1", name: "train.py" });
    const updates = await all(await client.simulation.events({ runId }));
    expect(eventTypes(updates)).toEqual(["stage", "note", "stage", "progress", "result"]);
    expect(updates.map(({ after }) => after)).toEqual([0, ...updates.slice(0, -1).map(({ number }) => number)]);
    expect(updates.at(-1)).toMatchObject({
      number: 5,
      status: { state: "passed", waiting: null, repeat: null },
      result: { outcome: "passed", runId: "1" },
      recordProblem: null,
    });
    expect(await client.runs.output({ runId })).toMatchObject({ text: expect.stringMatching(/^judging \w+\n$/) });
    // Replayed, it is the same.
    const replayed = await all(await client.simulation.events({ runId }));
    const transcripts = [updates, replayed].map((items) => items.reduce(withUpdate, emptyTranscript(runId)));
    expect(transcripts[1]).toEqual(transcripts[0]);
  });

  test("a stream goes on after a lost connection where it was", async () => {
    const { client, open } = await start();
    const lost = await open();
    const { runId } = await lost.client.simulation.start({ ...scripted, repeats: 3, target: text("pass polite") });
    const first = await until(await lost.client.simulation.events({ runId }), ({ number }) => number >= 5);
    lost.disconnect();
    const stream = await client.simulation.events({ runId, after: first.number });
    const resumed = stream[Symbol.asyncIterator]();
    const next = await resumed.next();
    expect(next.value).toMatchObject({ after: first.number, status: { state: "running" } });
    await client.simulation.cancel({ runId });
    const rest = [next.value as RunUpdate, ...(await all({ [Symbol.asyncIterator]: () => resumed }))];
    const seen = [first, ...rest].reduce(withUpdate, emptyTranscript(runId));
    const whole = (await all(await client.simulation.events({ runId }))).reduce(withUpdate, emptyTranscript(runId));
    expect(seen).toMatchObject({ number: whole.number, result: { outcome: "cancelled" } });
    expect(
      rest.flatMap(({ events }) => events.map(({ number }) => number)).every((number) => number > first.number),
    ).toBe(true);
  });

  test("a number that the record does not reach is a gap: the stream begins anew", async () => {
    const { client } = await start();
    await runToEnd(client, "pass");
    const updates = await all(await client.simulation.events({ runId: "1", after: 400 }));
    expect(updates[0]).toMatchObject({ after: 0, number: 5 });
    const stale = { ...emptyTranscript("1"), number: 400, events: [] };
    expect(updates.reduce(withUpdate, stale).events.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
  });

  test("an aborted stream ends at once and leaves nothing behind", async () => {
    const { client } = await start();
    const { runId } = await client.simulation.start({ ...scripted, target: text("polite") });
    const controller = new AbortController();
    const stream = await client.simulation.events({ runId }, { signal: controller.signal });
    await until({ [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator]() }, ({ number }) => number > 0);
    controller.abort();
    await client.simulation.cancel({ runId });
    expect(await client.simulation.active()).toEqual([]);
    expect(await client.runs.show({ runId })).toMatchObject({ state: "cancelled" });
  });

  test("cancelling twice, and cancelling what has ended, is no error", async () => {
    const { client } = await start();
    const { runId } = await client.simulation.start({ ...scripted, target: text("polite") });
    await until(await client.simulation.events({ runId }), ({ number }) => number > 0);
    await Promise.all([client.simulation.cancel({ runId }), client.simulation.cancel({ runId })]);
    expect(await client.simulation.cancel({ runId })).toEqual({ runId });
    expect(await reportOf(client.simulation.cancel({ runId: "99" }))).toMatchObject({ code: "not_found" });
  });

  test("two windows follow one run; a second run waits for its turn and says behind whom", async () => {
    const { client, open } = await start();
    const other = (await open()).client;
    const first = await client.simulation.start({ ...scripted, target: text("polite") });
    await until(await client.simulation.events({ runId: first.runId }), ({ number }) => number > 0);
    const second = await other.simulation.start({ ...scripted, target: text("pass") });
    const waiting = await until(
      await other.simulation.events({ runId: second.runId }),
      ({ status }) => status.waiting?.behindRunId != null,
    );
    expect(waiting.status.waiting).toEqual({ behindRunId: first.runId });
    const ends = [client, other].map(async (window) => all(await window.simulation.events({ runId: first.runId })));
    await other.simulation.cancel({ runId: first.runId });
    const outcomes = (await Promise.all(ends)).map((updates) => updates.at(-1)?.result?.outcome);
    expect(outcomes).toEqual(["cancelled", "cancelled"]);
    const last = (await all(await client.simulation.events({ runId: second.runId }))).at(-1);
    expect(last?.status.state).toBe("passed");
  });

  test("a run of another process is followed, and cancelled only there", async () => {
    const { client, folder } = await start();
    const elsewhere = makeServices(folder).services;
    onTestFinished(() => elsewhere.close());
    const source = Buffer.from("polite");
    const { runId } = await elsewhere.runs.start({ ...scripted, path: join(folder, "train.py"), source });
    const stream = (await client.simulation.events({ runId }))[Symbol.asyncIterator]();
    const whole: AsyncIterable<RunUpdate> = { [Symbol.asyncIterator]: () => stream };
    const first = (await stream.next()).value as RunUpdate;
    expect(first.status).toMatchObject({ state: "running", repeatsPlanned: 1 });
    expect(await client.simulation.active()).toMatchObject([{ runId, ownedHere: false }]);
    expect(await reportOf(client.simulation.cancel({ runId }))).toMatchObject({ code: "unsupported" });
    expect(await reportOf(client.runs.delete({ runIds: [runId] }))).toMatchObject({ code: "busy" });
    await elsewhere.runs.cancel(runId, false);
    expect((await all(whole)).at(-1)).toMatchObject({ result: { outcome: "cancelled" } });
  });

  test("a comparison, and what differs", async () => {
    const { client } = await start();
    const { a, b } = await client.simulation.startComparison({
      ...scripted,
      repeats: 2,
      a: text("pass"),
      b: text(" pass"),
    });
    await Promise.all([a, b].map(async ({ runId }) => all(await client.simulation.events({ runId }))));
    const comparison = await client.runs.compare({ a: a.runId, b: b.runId });
    expect(comparison).toMatchObject({ code: { identical: false }, speed: { verdict: "within_noise" } });
  });

  test("what stands in the way is told before a start", async () => {
    const { client } = await start();
    const forecast = await client.simulation.check({ profile: "rehearsal", sandbox: "none" });
    expect(forecast).toMatchObject({
      profile: { name: "rehearsal", kind: "rehearsal" },
      problems: [{ code: "python_missing" }],
      behindRunIds: [],
    });
    const refused = client.simulation.start({ profile: "rehearsal", sandbox: "none", target: text("pass") });
    expect(await reportOf(refused)).toEqual(forecast.problems[0]);
    expect((await client.runs.list({})).total).toBe(0);
  });

  test("files: written, conflicting, renamed, deleted, brought back", async () => {
    const { client, home } = await start();
    const folderId = await openHome(client);
    const file = { folderId, name: "attempts/train.py" };
    const made = await client.workspace.createFromTemplate({ ...file, template: "ddp" });
    expect(made.text).toBe((await client.workspace.readTemplate({ name: "ddp" })).text);
    const saved = await client.workspace.write({ ...file, text: "one\r\n", expectedVersion: made.version });
    expect(readFileSync(join(home, file.name), "utf8")).toBe("one\r\n");

    writeFileSync(join(home, file.name), "from outside");
    const refused = await reportOf(client.workspace.write({ ...file, text: "two", expectedVersion: saved.version }));
    expect(refused).toMatchObject({ code: "conflict" });
    expect(readFileSync(join(home, file.name), "utf8")).toBe("from outside");
    expect(await reportOf(client.workspace.write({ ...file, text: "", expectedVersion: null }))).toMatchObject({
      code: "conflict",
    });

    const renamed = await client.workspace.rename({ ...file, newName: "b.py" });
    const { undoId } = await client.workspace.delete({ folderId, name: "b.py" });
    expect((await client.workspace.list({ folderId })).files).toEqual([]);
    expect(await client.workspace.undoDelete({ undoId })).toMatchObject({ name: "b.py", version: renamed.version });
    expect(await client.workspace.read({ folderId, name: "b.py" })).toMatchObject({ text: "from outside" });
    expect(await reportOf(client.workspace.undoDelete({ undoId }))).toMatchObject({ code: "conflict" });
  });

  test("changes from outside are told", async () => {
    const { client, home } = await start();
    const folderId = await openHome(client);
    const stream = (await client.workspace.watch({ folderId }))[Symbol.asyncIterator]();
    expect((await stream.next()).value).toEqual({ files: [], truncated: false });
    writeFileSync(join(home, "new.py"), "x");
    expect((await stream.next()).value).toMatchObject({ files: [{ name: "new.py", bytes: 1 }] });
    await stream.return?.();
  });

  test("history: filtered, annotated, deleted, brought back, exported", async () => {
    const { client } = await start();
    await runToEnd(client, "pass");
    await runToEnd(client, "weight_mismatch");
    const revisions = (await client.runs.watch())[Symbol.asyncIterator]();
    await revisions.next();
    await client.runs.annotate({ runId: "2", tags: ["slow", "slow"], note: "=1+1" });
    expect((await revisions.next()).value).toEqual({ revision: 1 });
    await revisions.return?.();
    await client.runs.pinBaseline({ runId: "1" });
    expect(await client.runs.list({ tag: "slow" })).toMatchObject({
      runs: [{ id: "2", state: "failed", tags: ["slow"], note: "=1+1" }],
      total: 1,
      baselineRunId: "1",
    });
    expect((await client.runs.exportList({ format: "csv", tag: "slow" })).text).toContain(",slow,'=1+1\r\n");
    expect(JSON.parse((await client.runs.export({ runId: "1" })).text)).toMatchObject({ source: { text: "pass" } });

    const { undoId, runIds } = await client.runs.delete({ runIds: ["2"] });
    expect(runIds).toEqual(["2"]);
    expect((await client.runs.list({})).runs.map(({ id }) => id)).toEqual(["1"]);
    await client.runs.undoDelete({ undoId });
    expect((await client.runs.show({ runId: "2" })).annotation).toEqual({ tags: ["slow"], note: "=1+1" });
    const { runs: doomed } = await client.runs.checkPrune({ keep: 1 });
    expect(doomed.map(({ id }) => id)).toEqual(["1"]);
    expect((await client.runs.prune({ keep: 1 })).runIds).toEqual(["1"]);
  });

  test("settings: kept, told to other windows, a damaged file set aside", async () => {
    const { client, open, folder } = await start();
    const other = (await open()).client;
    const told = (await other.settings.watch())[Symbol.asyncIterator]();
    await told.next();
    await client.settings.change({ theme: "dark" });
    expect((await told.next()).value).toMatchObject({ theme: "dark", zoomPercent: 100 });
    await told.return?.();
    const path = join(folder, "data", "settings.json");
    writeFileSync(path, "{ torn");
    const read = await client.settings.read();
    expect(read).toMatchObject({ settings: { theme: "system" }, setAside: { reason: "it is no JSON" } });
    expect(readFileSync(read.setAside?.file ?? "", "utf8")).toBe("{ torn");
  });

  test("evaluation servers: a token goes in, and comes out of nothing", async () => {
    const { client, folder } = await start();
    const token = "a-token-that-nobody-may-see";
    const server = { name: "box", address: "http://127.0.0.1:1" };
    const said = [
      await client.servers.add({ ...server, token }),
      await client.servers.list(),
      await client.servers.check({ name: "box" }),
      await client.app.diagnostics(),
      await Promise.allSettled([client.servers.add({ ...server, token })]),
      await Promise.allSettled([client.servers.add({ ...server, token: `${token} ${token}`, replace: true })]),
    ];
    expect(said.slice(0, 3)).toMatchObject([
      [{ ...server, isPlain: false, hasToken: true }],
      [{ ...server, isPlain: false, hasToken: true }],
      { name: "box", problem: { code: "server_unreachable" } },
    ]);
    expect(said.slice(4)).toMatchObject([
      [{ status: "rejected", reason: { code: "conflict" } }],
      [{ status: "rejected", reason: { code: "usage" } }],
    ]);
    expect(inspect(said, { depth: null, maxStringLength: null })).not.toContain(token);
    expect(readFileSync(join(folder, "data", "secrets.json"), "utf8")).toContain(token);
    expect(await client.servers.remove({ name: "box" })).toEqual([]);
    expect(readFileSync(join(folder, "data", "secrets.json"), "utf8")).not.toContain(token);
  });

  test("damaged files of the data folder are told, with where the old ones are", async () => {
    const { client, folder } = await start();
    const data = join(folder, "data");
    const told = await client.app.watchSetAside();
    mkdirSync(data, { recursive: true });
    for (const name of ["annotations.json", "workspace.json"]) writeFileSync(join(data, name), "[]");
    writeFileSync(join(data, "history.db"), "no database at all ".repeat(1000));
    await client.workspace.folders();
    await client.runs.list({});
    const aside = (name: string) => expect.stringContaining(`${join(data, name)}.damaged-`);
    expect(await until(told, (files) => files.length === 3)).toEqual([
      { what: "history", file: aside("history.db"), reason: "file is not a database" },
      { what: "notes", file: aside("annotations.json"), reason: expect.stringContaining("expected object") },
      { what: "folders", file: aside("workspace.json"), reason: expect.stringContaining("expected object") },
    ]);
  });

  test("a run of another data folder comes in through the picker, and its code stays in the sandbox", async () => {
    const { client, home } = await start();
    await runToEnd(client, "pass");
    const file = await client.runs.export({ runId: "1" });
    writeFileSync(join(home, file.fileName), file.text);
    const { jsonFiles } = await client.picker.list({});
    expect(jsonFiles).toEqual([{ id: expect.any(String), name: "crusader-run-1.json" }]);
    const origin = { runId: "1", importedAt: expect.any(String) };
    const imported = await client.runs.import({ pickedId: jsonFiles[0]?.id ?? "" });
    expect(imported).toEqual({ runId: "2", origin });
    expect(await client.runs.source({ runId: "2" })).toMatchObject({ text: "pass", origin });
    expect(await client.runs.source({ runId: "1" })).toMatchObject({ text: "pass", origin: null });

    const target = { kind: "run" as const, runId: "2" };
    const outside = [
      client.simulation.start({ ...scripted, target }),
      client.simulation.startComparison({ ...scripted, a: text("pass"), b: target }),
    ];
    for (const start of outside) expect(await reportOf(start)).toMatchObject({ code: "foreign_code" });
    const { plan } = await client.simulation.start({ ...scripted, sandbox: "bubblewrap", target });
    expect(plan.submission.origin).toEqual(imported.origin);
    expect(await reportOf(client.runs.import({ pickedId: "x".repeat(22) }))).toMatchObject({ code: "not_found" });
    const { id } = await client.picker.list({});
    expect(await reportOf(client.runs.import({ pickedId: id }))).toMatchObject({ code: "invalid_record" });
  });

  test("a task is started once, told, and cancelled", async () => {
    const { client } = await start();
    const [task, same] = await Promise.all([client.machine.setup({}), client.machine.setup({})]);
    expect(same.id).toBe(task.id);
    const ended = await until(await client.tasks.watch(), ([newest]) => newest?.state !== "running");
    // There is no Python on this PATH.
    expect(ended).toMatchObject([{ id: task.id, state: "failed", error: { code: "python_missing" } }]);
    expect(await client.tasks.cancel({ taskId: task.id })).toEqual(ended[0]);
  });

  const wrongNames = [
    "../train.py",
    "/etc/passwd.py",
    "a/../../b.py",
    "a\\b.py",
    "C:\\x.py",
    "x\u0000.py",
    "..",
    "",
    "a.txt",
  ];
  test.each(wrongNames)("no procedure takes the name %j", async (name) => {
    const { client, folder } = await start();
    const folderId = await openHome(client);
    const file = { folderId, name };
    writeFileSync(join(folder, "train.py"), "outside");
    const calls = [
      client.workspace.read(file),
      client.workspace.write({ ...file, text: "", expectedVersion: null }),
      client.workspace.rename({ ...file, newName: "a.py" }),
      client.workspace.rename({ folderId, name: "a.py", newName: name }),
      client.workspace.delete(file),
      client.workspace.createFromTemplate({ ...file, template: "ddp" }),
      client.workspace.saveDraft({ id: "a", file, title: "", text: "", baseVersion: null }),
      client.simulation.start({ ...scripted, target: { kind: "file", file } }),
      client.simulation.start({ ...scripted, target: { kind: "text", name: "a", text: "", file } }),
      client.workspace.read({ folderId: name, name: "a.py" }),
      client.workspace.list({ folderId: name }),
      client.workspace.openFolder({ pickedId: name }),
      client.workspace.undoDelete({ undoId: name }),
      client.workspace.readTemplate({ name }),
      client.workspace.createFromTemplate({ folderId, name: "a.py", template: name }),
      client.picker.list({ id: name }),
      client.hparams.load({ name: `${name}.json` }),
      client.hparams.load({ name: `../${name}` }),
      client.simulation.check({ profile: `./${name}` }),
      client.simulation.start({ ...scripted, target: { kind: "template", name } }),
      client.simulation.start({ ...scripted, target: { kind: "run", runId: name } }),
      client.runs.show({ runId: name }),
      client.runs.output({ runId: name }),
      client.runs.source({ runId: name }),
      client.runs.export({ runId: name }),
      client.runs.delete({ runIds: [name] }),
      client.runs.undoDelete({ undoId: name }),
      client.runs.annotate({ runId: name, note: "" }),
      client.runs.pinBaseline({ runId: name }),
      client.simulation.cancel({ runId: name }),
    ];
    const codes = await Promise.all(calls.map(async (call) => (await reportOf(call)).code));
    expect(codes).toEqual(calls.map(() => "usage"));
    expect(readFileSync(join(folder, "train.py"), "utf8")).toBe("outside");
  });

  test("links out of the folder are not followed, whatever is done with them", async () => {
    const { client, folder, home } = await start();
    const folderId = await openHome(client);
    mkdirSync(join(folder, "elsewhere"));
    writeFileSync(join(folder, "elsewhere", "train.py"), "outside");
    symlinkSync(join(folder, "elsewhere", "train.py"), join(home, "link.py"));
    symlinkSync(join(folder, "elsewhere"), join(home, "folder"));
    symlinkSync(join(folder, "elsewhere", "absent.py"), join(home, "dangling.py"));
    const calls = ["link.py", "folder/train.py", "dangling.py", "folder/new.py"].flatMap((name) => [
      client.workspace.read({ folderId, name }),
      client.workspace.write({ folderId, name, text: "x", expectedVersion: null }),
      client.workspace.delete({ folderId, name }),
      client.simulation.start({ ...scripted, target: { kind: "file", file: { folderId, name } } }),
      client.simulation.start({ ...scripted, target: { kind: "text", name: "a", text: "", file: { folderId, name } } }),
    ]);
    const codes = await Promise.all(calls.map(async (call) => (await reportOf(call)).code));
    expect(codes).toEqual(calls.map(() => "access_denied"));
    expect(await client.workspace.list({ folderId })).toEqual({ files: [], truncated: false });
    expect(readFileSync(join(folder, "elsewhere", "train.py"), "utf8")).toBe("outside");
    expect(["absent.py", "new.py"].map((name) => existsSync(join(folder, "elsewhere", name)))).toEqual([false, false]);
  });

  test("an opened folder that is gone says so", async () => {
    const { client, folder, home } = await start();
    const folderId = await openHome(client);
    renameSync(home, join(folder, "moved"));
    expect(await client.workspace.folders()).toMatchObject([{ id: folderId, available: false }]);
    expect(await reportOf(client.workspace.list({ folderId }))).toMatchObject({ code: "not_found" });
  });

  const malformed = [
    "no JSON",
    "null",
    "[]",
    "{}",
    '{"i":1,"p":{"u":"/app/versions"}}',
    '{"i":"1","p":{"u":"http://elsewhere.example/app/versions"}}',
    '{"i":"1","p":{"u":"/app/versions","m":"GET"}}',
    '{"i":"1","p":{"u":"/app/../workspace/read"}}',
    '{"i":"1","p":{"u":"/__proto__/toString"}}',
    '{"i":"1","t":3,"p":{"e":"message"}}',
    '{"i":"1","t":99}',
    `{"i":"${"1".repeat(100)}","p":{"u":"/app/versions"}}`,
    new Uint8Array([255, 0, 255]),
  ];
  test.each(malformed)("the malformed message %j ends its own connection only", async (message) => {
    const { client, open } = await start();
    const hostile = await open();
    hostile.sendRaw(message);
    await hostile.closed;
    expect(await client.app.versions()).toMatchObject({ node: process.versions.node });
  });

  const odd = [
    '{"i":"odd","p":{"u":"/app/unlisted"}}',
    '{"i":"odd","p":{"u":"/runs/show","b":{"json":{"runId":"1"},"meta":[[7,"__proto__","x"]]}}}',
    '{"i":"odd","p":{"u":"/runs/show","b":{"json":{},"meta":"x"}}}',
    '{"i":"odd","p":{"u":"/runs/show","b":"x"}}',
    '{"i":"odd","p":{"u":"/runs/show","b":{"json":{"runId":"1"}},"h":{"content-type":"text/event-stream"}}}',
    '{"i":"odd","t":4}',
  ];
  test.each(odd)("the odd message %j hurts nobody", async (message) => {
    const { client, open } = await start();
    const hostile = await open();
    hostile.sendRaw(message);
    hostile.sendRaw(message);
    expect(await hostile.client.app.versions()).toMatchObject({ node: process.versions.node });
    expect(await client.app.versions()).toMatchObject({ node: process.versions.node });
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  test("a thousand mutilated messages change nothing", async () => {
    const { client, open, folder, home } = await start();
    const folderId = await openHome(client);
    writeFileSync(join(home, "train.py"), "mine");
    const call = (u: string, json: unknown) => JSON.stringify({ i: "odd", p: { u, b: { json, meta: [] } } });
    const messages = [
      call("/workspace/read", { folderId, name: "train.py" }),
      call("/workspace/write", { folderId, name: "train.py", text: "theirs", expectedVersion: "0".repeat(64) }),
      call("/simulation/events", { runId: "1", after: 0 }),
      call("/runs/list", { limit: 10 }),
    ];
    const random = randomNumbers(20261121);
    let hostile = await open();
    let isClosed = false;
    for (let count = 0; count < 1000; count += 1) {
      if (isClosed) {
        hostile = await open();
        isClosed = false;
      }
      void hostile.closed.then(() => {
        isClosed = true;
      });
      hostile.sendRaw(mutilated(messages[count % messages.length] as string, random));
      // A round of the other window, in which a close arrives.
      await client.app.versions();
    }
    expect(readFileSync(join(home, "train.py"), "utf8")).toBe("mine");
    expect((await client.workspace.list({ folderId })).files.map(({ name }) => name)).toEqual(["train.py"]);
    expect(readdirSync(folder).sort()).toEqual(
      existsSync(join(folder, "renderer")) ? RENDERER_FOLDER : ["data", "home"],
    );
  });

  test("a text over the limit is refused and loses nothing", async () => {
    const { client } = await start();
    const draft = { id: "a", file: null, title: "", baseVersion: null };
    const refused = client.workspace.saveDraft({ ...draft, text: "x".repeat(8 * 1024 * 1024 + 1) });
    expect(await reportOf(refused)).toMatchObject({ code: "usage" });
    expect(await client.workspace.drafts()).toEqual([]);
  });

  test("a message over the limit ends its connection only", async () => {
    const { client, open } = await start();
    const hostile = await open();
    hostile.sendRaw(" ".repeat(21 * 1024 * 1024));
    await hostile.closed;
    expect(await client.app.versions()).toMatchObject({ node: process.versions.node });
  });
});
