/** What is built for Electron, as far as it runs without: the service process, on a plain Node in place of Electron's. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { expect, onTestFinished, test } from "vitest";
import { PracticeNode } from "../app/main/services/practice/index.ts";
import { buildElectron } from "../scripts/electron-build.mjs";

test("the built service process answers a window, scans, connects to a chain, and ends when asked", async () => {
  const folder = fileURLToPath(new URL(`../dist/electron-${process.pid}`, import.meta.url));
  const home = mkdtempSync(path.join(tmpdir(), "crusader-built-"));
  onTestFinished(() => {
    for (const made of [folder, home]) rmSync(made, { recursive: true, force: true });
  });
  await buildElectron(folder);
  const files = readdirSync(folder);
  expect(files).toEqual(
    expect.arrayContaining(["main.js", "preload.cjs", "service-process.js", "worker.js", "key-worker.js"]),
  );
  // A sandboxed preload script can require nothing but electron.
  expect(readFileSync(path.join(folder, "preload.cjs"), "utf8").match(/require\([^)]*\)/g)).toEqual([
    'require("electron")',
  ]);

  const parentPort = new URL("old-electron/parent-port.ts", import.meta.url).href;
  const child = fork(path.join(folder, "service-process.js"), [], {
    execArgv: ["--import", parentPort],
    env: { ...process.env, CRUSADER_HOME: home },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const answers = new Map<string, unknown>();
  const connected = Promise.withResolvers<unknown>();
  const answered = new Promise<void>((resolve) => {
    child.on("message", ({ port, data }: { port?: number; data: string }) => {
      if (port === undefined) return;
      const { i, p } = JSON.parse(data);
      if (i === "3") {
        // A stream: its head, then its items.
        if (p.d?.json?.block === 0) connected.resolve(p.d.json);
        return;
      }
      answers.set(i, p.b.json);
      if (answers.size === 2) resolve();
    });
  });
  const call = (i: string, u: string, input?: object) =>
    child.send({ port: 0, data: JSON.stringify({ i, p: { u, ...(input && { b: { json: input } }) } }) });
  child.send({ message: { kind: "window" }, ports: [0] });
  call("1", "/hparams/list");
  call("2", "/scan/scan", { text: "import os\n" });
  const node = await PracticeNode.start({ paced: false });
  onTestFinished(() => node.stop());
  call("3", "/chain/watchStatus", { network: node.endpoint });
  await answered;
  expect(answers.get("1")).toEqual(expect.arrayContaining([expect.objectContaining({ name: "rehearsal" })]));
  expect(answers.get("2")).toMatchObject({ verdict: { ok: false, rule: "forbidden-module", line: 1 } });
  expect(await connected.promise).toMatchObject({ state: "connected", specVersion: 343, endpoint: node.endpoint });
  child.send({ message: { kind: "quit", cancelRuns: false }, ports: [] });
  expect(await once(child, "exit")).toEqual([0, null]);
});

// What answers in a service process is bound to what is waited for there, so the thread is asked itself.
test("the built thread for passwords opens a key file of bittensor-wallet, and is the one that is named", async () => {
  const folder = fileURLToPath(new URL(`../dist/electron-keys-${process.pid}`, import.meta.url));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await buildElectron(folder);
  const named = readdirSync(folder).filter((file) =>
    readFileSync(path.join(folder, file), "utf8").includes('"./key-worker.js"'),
  );
  expect(named).not.toEqual([]);
  const encrypted = readFileSync(new URL("../fixtures/wallets/practice/hotkeys/encrypted", import.meta.url));
  const [nonce, box] = [encrypted.subarray(5, 29), encrypted.subarray(29)];
  // The salt is published in the wallets' source.
  const salt = Buffer.from("137183dff15a09bc9c90b5518739e9b1", "hex");
  const worker = new Worker(path.join(folder, "key-worker.js"), {
    workerData: { password: new TextEncoder().encode("hot"), salt },
  });
  const [key] = await once(worker, "message");
  const content = JSON.parse(
    Buffer.from(xsalsa20poly1305(key, Uint8Array.from(nonce)).decrypt(Uint8Array.from(box))).toString(),
  );
  const listed = readFileSync(
    new URL("../fixtures/wallets/practice/hotkeys/encryptedpub.txt", import.meta.url),
    "utf8",
  );
  expect(content).toMatchObject(JSON.parse(listed));
});
