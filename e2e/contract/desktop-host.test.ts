/** The services behind a desktop window, without one: the test is the shell, and holds the window's ports. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { createORPCClient } from "@orpc/client";
import { RPCLink } from "@orpc/client/message-port";
import { expect, onTestFinished, test } from "vitest";
import type { Client } from "../../app/common/contract.ts";
import type { DesktopRequest } from "../../app/common/desktop.ts";
import { type Port, serveDesktop } from "../../app/main/hosts/electron/serve-desktop.ts";
import type { FromService, ToService } from "../../app/main/hosts/electron/service-messages.ts";
import { ScriptedBackend } from "../../app/main/services/simulation/scripted-backend.ts";
import { ServerDouble } from "../eval-server-double.ts";

/** Node's ports as Electron's main process has them: a listener gets an event. */
function asElectrons(port: MessagePort): Port {
  return {
    postMessage: (message) => port.postMessage(message),
    start: () => port.start(),
    close: () => port.close(),
    on: (event: "message" | "close", listener: (event: { data: unknown }) => void) =>
      port.on(event, (data: unknown) => listener({ data })),
  };
}

/** The services as the shell has them, with a judge that does as the submission says. */
function bench() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-desktop-"));
  const home = join(folder, "home");
  mkdirSync(home);
  const said: FromService[] = [];
  const exits: number[] = [];
  let wake = () => {};
  let receive: (event: { data: ToService; ports: Port[] }) => void = () => {};
  serveDesktop(
    {
      postMessage: (message) => {
        said.push(message);
        wake();
      },
      on: (_event, listener) => (receive = listener),
    },
    { PATH: "" },
    (code) => {
      exits.push(code);
      wake();
    },
    { dataFolder: join(folder, "data"), home, moreBackends: [new ScriptedBackend()], lookEveryMs: 50 },
  );
  const send = (data: ToService, ...ports: Port[]) => receive({ data, ports });
  const until = async <Found>(find: () => Found | undefined): Promise<Found> => {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const message = <Kind extends FromService["kind"]>(kind: Kind) =>
    until(() => said.find((one): one is Extract<FromService, { kind: Kind }> => one.kind === kind));
  onTestFinished(async () => {
    send({ kind: "quit", cancelRuns: true });
    await until(() => exits[0]);
    rmSync(folder, { recursive: true, force: true });
  });
  const open = (): Client => {
    const { port1, port2 } = new MessageChannel();
    onTestFinished(() => port1.close());
    send({ kind: "window" }, asElectrons(port2));
    port1.start();
    return createORPCClient(new RPCLink({ port: port1 as never }));
  };
  return { home, said, exits, send, until, message, open };
}

async function asked(client: Client): Promise<DesktopRequest> {
  for await (const [request] of await client.desktop.watch()) if (request !== undefined) return request;
  throw new Error("The stream ended before.");
}

test("a folder enters through the system's dialog, as an id", async () => {
  const { home, send, message, open } = bench();
  const client = open();
  const choosing = client.picker.choose();
  const { requestId } = await message("chooseFolder");
  send({ kind: "chosen", requestId, path: home });
  const { pickedId } = await choosing;
  expect(pickedId).toMatch(/^[\w-]{22}$/);
  const folder = await client.workspace.openFolder({ pickedId: pickedId ?? "" });
  expect(folder).toMatchObject({ name: "home", available: true });
  await expect(client.picker.list({})).rejects.toMatchObject({ code: "unsupported" });
});

test("an exported run enters through a dialog of its own, and another's code runs in a sandbox only", async () => {
  const { home, said, send, message, open } = bench();
  const client = open();
  const target = { kind: "text", name: "a.py", text: "pass", file: null } as const;
  const { runId } = await client.simulation.start({ backend: "scripted", sandbox: "none", repeats: 1, target });
  await Array.fromAsync(await client.simulation.events({ runId }));
  const { fileName, text } = await client.runs.export({ runId });
  const path = join(home, fileName);
  writeFileSync(path, text);

  const choosing = client.picker.choose({ what: "exportedRun" });
  const { requestId } = await message("chooseExportedRun");
  send({ kind: "chosen", requestId, path });
  const { pickedId } = await choosing;
  const origin = { runId: "1", importedAt: expect.any(String) };
  expect(await client.runs.import({ pickedId: pickedId ?? "" })).toEqual({ runId: "2", origin });
  expect((await client.runs.show({ runId: "2" })).plan).toMatchObject({ imported: true, submission: { origin } });
  expect(said.filter(({ kind }) => kind === "chooseFolder")).toEqual([]);
  const again = { kind: "run", runId: "2" } as const;
  await expect(
    client.simulation.start({ backend: "scripted", sandbox: "none", repeats: 1, target: again }),
  ).rejects.toMatchObject({ code: "foreign_code" });
});

test.each([
  { what: "folder", asked: "chooseFolder" },
  { what: "exportedRun", asked: "chooseExportedRun" },
  { what: "database", asked: "chooseDatabase" },
] as const)("a cancelled dialog picks nothing: $what", async ({ what, asked }) => {
  const { send, message, open } = bench();
  const choosing = open().picker.choose({ what });
  const { requestId } = await message(asked);
  send({ kind: "chosen", requestId, path: null });
  expect(await choosing).toEqual({ pickedId: null });
});

test("files and folders opened from outside reach the window as ids; what cannot be opened is said", async () => {
  const { home, said, send, message, open, until } = bench();
  writeFileSync(join(home, "train.py"), "pass");
  writeFileSync(join(home, "notes.txt"), "");
  const client = open();
  send({ kind: "open", path: join(home, "train.py") });
  const request = await asked(client);
  const [folder] = await client.workspace.folders();
  expect(request).toEqual({ kind: "openFile", folder, file: { folderId: folder?.id, name: "train.py" } });
  send({ kind: "open", path: home });
  expect(await asked(client)).toEqual({ kind: "openFolder", folder });
  send({ kind: "command", id: "editor.save" });
  expect(await asked(client)).toEqual({ kind: "command", id: "editor.save" });

  send({ kind: "open", path: join(home, "notes.txt") });
  expect(await message("notOpened")).toEqual({ kind: "notOpened", message: "A submission's name ends in .py." });
  send({ kind: "open", path: join(home, "gone.py") });
  await until(() => said.find((one) => one.kind === "notOpened" && one.message.endsWith("gone.py is gone.")));

  await client.settings.change({ theme: "dark" });
  const state = await until(() => said.find((one) => one.kind === "state" && one.state.theme === "dark"));
  expect(state).toMatchObject({ state: { recentFolders: [{ id: folder?.id, name: "home" }] } });
});

test("quitting asks about runs, cancels them when told to, and ends once they are recorded", async () => {
  const { send, exits, message, open, until } = bench();
  const client = open();
  const target = { kind: "text", name: "a.py", text: "polite", file: null } as const;
  const { runId } = await client.simulation.start({ backend: "scripted", sandbox: "none", repeats: 1, target });
  send({ kind: "quit", cancelRuns: false });
  expect(await message("runsGoingOn")).toEqual({ kind: "runsGoingOn", runIds: [runId] });
  expect(exits).toEqual([]);
  expect(await client.simulation.active()).toMatchObject([{ runId }]);
  const events = Array.fromAsync(await client.simulation.events({ runId }));
  send({ kind: "quit", cancelRuns: true });
  await until(() => exits[0]);
  expect((await events).at(-1)).toMatchObject({ result: { outcome: "cancelled" } });
});

test("quitting asks nothing about a run that goes on without it, and leaves it", async () => {
  const server = await ServerDouble.start();
  onTestFinished(() => server.close());
  const { send, exits, said, open, until } = bench();
  const client = open();
  await client.servers.add({ name: "box", address: server.address });
  const target = { kind: "template", name: "fsdp" } as const;
  await client.simulation.start({ profile: "production-3b", backend: "evalServer", server: "box", repeats: 1, target });
  await server.until(() => server.count("status") > 0);
  send({ kind: "quit", cancelRuns: false });
  await until(() => exits[0]);
  expect([exits, said.filter(({ kind }) => kind === "runsGoingOn"), [...server.jobs.values()]]).toMatchObject([
    [0],
    [],
    [{ state: "pending" }],
  ]);
});

test("the end of a long run is told, that of a short or cancelled one is not", async () => {
  const { said, message, open, until } = bench();
  const client = open();
  const run = async (text: string, { repeats = 1, cancel = false } = {}) => {
    const target = { kind: "text", name: "a.py", text, file: null } as const;
    const { runId } = await client.simulation.start({ backend: "scripted", sandbox: "none", repeats, target });
    for await (const { number } of await client.simulation.events({ runId })) {
      if (cancel && number > 0) await client.simulation.cancel({ runId });
    }
  };
  await run("pass", { repeats: 20 });
  // The ends are looked at where the theme is: once the new theme is told, the first run's end would have been.
  await client.settings.change({ theme: "dark" });
  await until(() => said.find((one) => one.kind === "state" && one.state.theme === "dark"));
  await client.settings.change({ theme: "light" });
  await until(() => said.find((one) => one.kind === "state" && one.state.theme === "light"));
  await client.settings.change({ notifyAfterSeconds: 0.1 });
  await run("polite", { cancel: true });
  await run("pass ", { repeats: 20 });
  expect(await message("runEnded")).toEqual({ kind: "runEnded", runId: "3", title: "Run 3 passed", body: "a.py v3" });
  expect(said.filter(({ kind }) => kind === "runEnded")).toHaveLength(1);
});
