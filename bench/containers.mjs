/**
 * Containers: how long a rehearsal takes to start beside the same `docker run` by hand, to be found again after the app's
 * end, and a log of a million lines.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Engine, findEndpoint } from "../app/main/services/engine/index.ts";
import { HparamsService } from "../app/main/services/hparams/index.ts";
import { RunStore } from "../app/main/services/runs/index.ts";
import { DockerBackend, SimulationService } from "../app/main/services/simulation/index.ts";
import { markerOf } from "../app/main/services/simulation/marked-processes.ts";
import { scriptedApp, scriptedRequest } from "../app/main/services/simulation/scripted-container-app.ts";
import { prepareScriptedImage } from "../app/main/services/simulation/scripted-image.ts";
import { preparePython } from "../scripts/bootstrap.mjs";
import { findDocker } from "../scripts/machine.mjs";
import { prepareTestImage } from "../scripts/test-image.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const START_RATIO_LIMIT = 1.15;
const START_REPETITIONS = 7;
const REATTACH_LIMIT_SECONDS = 1;
const REATTACH_REPETITIONS = 3;
const CANCEL_LIMIT_SECONDS = 5;
const LINES = 1_000_000;
const LINES_PER_SECOND_LIMIT = 50_000;
/** A reader that kept what it read would grow by 7 MiB of bytes, and many times that of strings, with each pass. */
const GROWTH_LIMIT_MIB = 16;
const PASSES = 4;

/** @typedef {{ name: string, value: number, unit: string, limit: number | null, peer?: number, ratio?: number }} Figure */
/** @typedef {(...args: string[]) => string} Docker */

/** @returns {Promise<Figure[]>} None, with the reason said, where there is no engine. */
export async function benchContainers() {
  const found = findDocker();
  const python = await preparePython();
  const scripted = prepareScriptedImage();
  const missing = [found, python, scripted].flatMap((part) => ("missing" in part ? [part.missing] : []));
  if ("missing" in found || "missing" in python || missing.length > 0) {
    process.stderr.write(`skipped: containers: ${missing.join("; ")}\n`);
    return [];
  }
  const image = await prepareTestImage(found, python);
  if ("missing" in image) {
    process.stderr.write(`skipped: containers: ${image.missing}\n`);
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), "crusader-bench-containers-"));
  /** @type {Docker} */
  const docker = (...args) => execFileSync(found.program, args, { encoding: "utf8", stdio: "pipe" }).trim();
  try {
    return [
      ...(await benchStart(folder, image.image, found.program)),
      await benchReattach(folder, docker),
      await benchCancel(folder),
      ...(await benchLines(folder, docker)),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Seconds from the start of a run to the first word of its judge; the peer is `docker run` with the same flags, image and
 * order, whose first word comes over the same kind of pipe.
 *
 * @param {string} folder @param {string} image @param {string} program @returns {Promise<Figure[]>}
 */
async function benchStart(folder, image, program) {
  const dataFolder = join(folder, "start");
  const packageFolder = join(ROOT, "simulator-image");
  const profilesFolder = join(ROOT, "hparams");
  const backend = new DockerBackend({ dataFolder, packageFolder, crusaderVersion: "bench" });
  const store = new RunStore({ dataFolder });
  const policy = JSON.parse(readFileSync(join(profilesFolder, "scan-policy.json"), "utf8"));
  const service = new SimulationService({
    dataFolder,
    store,
    hparams: new HparamsService({ profilesFolder }),
    policy: () => ({ policy, sha256: "bench", origin: "built-in" }),
    backends: [backend],
    crusaderVersion: "bench",
    now: Date.now,
    randomSeed: () => "bench",
  });
  const path = join(folder, "rejected.py");
  // Rejected at once: what comes after the start is of no interest here.
  writeFileSync(path, "import os\n");
  const request = {
    path,
    profile: "rehearsal",
    backend: "docker",
    sandbox: /** @type {const} */ ("none"),
    container: { engine: "default", runProfile: /** @type {const} */ ("validator"), image },
    numRanks: 1,
    repeats: 1,
  };
  const orderFile = join(folder, "order.json");
  const { commands, order } = await service.byHand(request, orderFile);
  writeFileSync(orderFile, order);
  const [run = ""] = commands.split("\n");
  const byHand = run.replace(/^docker run /, `${program} run --rm `);
  const ours = [];
  const bare = [];
  for (let repetition = 0; repetition <= START_REPETITIONS; repetition += 1) {
    const seconds = { bare: await firstWordByHand(byHand), ours: await firstWord(service, request) };
    // The first pair brings the image and the client into memory.
    if (repetition === 0) continue;
    ours.push(seconds.ours);
    bare.push(seconds.bare);
  }
  store.close();
  const [value, peer] = [median(ours), median(bare)];
  return [
    {
      name: "start of a rehearsal in a container (median), peer: the same docker run",
      value,
      unit: "s",
      limit: peer * START_RATIO_LIMIT,
      peer,
      ratio: value / peer,
    },
  ];
}

/** @param {SimulationService} service @param {Parameters<SimulationService["start"]>[0]} request */
async function firstWord(service, request) {
  const startedAt = performance.now();
  const { events, done } = await service.start(request);
  let seconds = 0;
  for await (const { type } of events) {
    if (type === "judged" && seconds === 0) seconds = (performance.now() - startedAt) / 1000;
  }
  const { failure } = await done;
  if (failure?.fault !== "submission") throw new Error(`the run did not get to its judge: ${failure?.message}`);
  return seconds;
}

/** @param {string} command For a shell. */
async function firstWordByHand(command) {
  const startedAt = performance.now();
  const child = spawn("/bin/sh", ["-c", command], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const seconds = (performance.now() - startedAt) / 1000;
  child.stdout.resume();
  await ended;
  return seconds;
}

/**
 * From a new app's word to the first of what it missed. The judge has ended meanwhile: there is something to be told.
 *
 * @param {string} folder @param {Docker} docker @returns {Promise<Figure>}
 */
async function benchReattach(folder, docker) {
  const seconds = [];
  for (let repetition = 0; repetition < REATTACH_REPETITIONS; repetition += 1) {
    const dataFolder = join(folder, `reattach-${repetition}`);
    const file = join(folder, "wait.py");
    writeFileSync(file, "wait");
    const app = fileURLToPath(new URL("../app/main/services/simulation/scripted-container-app.ts", import.meta.url));
    const child = spawn(process.execPath, [app, dataFolder, file, "1"], { stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface({ input: child.stdout })) if (/stage passed/.test(line)) break;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    const { service, store } = scriptedApp(dataFolder);
    const name = `crusader-${markerOf(dataFolder, "1", 0).split(".")[0]}-1-0`;
    docker("exec", "--user", "appuser", name, "touch", "/tmp/go");
    docker("wait", name);
    const startedAt = performance.now();
    const [simulation] = await service.reattach();
    if (simulation === undefined) throw new Error("the run was not found again");
    for await (const { type } of simulation.events) {
      if (type !== "judged") continue;
      seconds.push((performance.now() - startedAt) / 1000);
      break;
    }
    await simulation.done;
    store.close();
  }
  return {
    name: "re-attach to a run, to the first of what was missed (median)",
    value: median(seconds),
    unit: "s",
    limit: REATTACH_LIMIT_SECONDS,
  };
}

/**
 * Of a judge that does not listen: its grace, its end, the container's removal.
 *
 * @param {string} folder @returns {Promise<Figure>}
 */
async function benchCancel(folder) {
  const { service, store } = scriptedApp(join(folder, "cancel"));
  const file = join(folder, "stubborn.py");
  writeFileSync(file, "stubborn");
  const simulation = await service.start({ ...scriptedRequest(file), numRanks: 1 });
  for await (const { type } of simulation.events) if (type === "judged") break;
  const startedAt = performance.now();
  await simulation.cancel();
  const value = (performance.now() - startedAt) / 1000;
  const { repeats } = await simulation.done;
  if (!repeats[0]?.notes.some(({ id }) => id === "container_removed")) throw new Error("the container was not removed");
  store.close();
  return {
    name: "cancel of a judge that does not listen, container removed",
    value,
    unit: "s",
    limit: CANCEL_LIMIT_SECONDS,
  };
}

/**
 * A run that prints a million lines, recorded; the peer is `docker logs` on the same lines. Then memory, over passes that
 * read them again: what one pass needs is not counted, what it keeps is.
 *
 * @param {string} folder @param {Docker} docker @returns {Promise<Figure[]>}
 */
async function benchLines(folder, docker) {
  const { service, store } = scriptedApp(join(folder, "lines"));
  const file = join(folder, "lines.py");
  writeFileSync(file, `lines-${LINES}`);
  const startedAt = performance.now();
  const { outcome, output } = await (await service.start({ ...scriptedRequest(file), numRanks: 1 })).done;
  const seconds = (performance.now() - startedAt) / 1000;
  store.close();
  if (outcome !== "passed") throw new Error(`the run of a million lines: ${outcome}`);
  const expected = Array.from({ length: LINES }, (_, index) => String(index + 1).length + 1).reduce((a, b) => a + b);
  if (output.keptBytes + output.droppedBytes !== expected) throw new Error("lines of the log are missing");

  const { container } = store.show("1").plan;
  const id = docker("run", "--detach", "--network", "none", container?.imageId ?? "", "seq", "1", String(LINES));
  try {
    docker("wait", id);
    const peerStartedAt = performance.now();
    execFileSync(findProgram(), ["logs", id], { stdio: "ignore" });
    const peer = (performance.now() - peerStartedAt) / 1000;
    const engine = new Engine(findEndpoint("default"));
    const residentMib = [];
    for (let pass = 0; pass < PASSES; pass += 1) {
      let bytes = 0;
      await engine.follow(id, (_stream, part) => (bytes += part.length), new AbortController().signal);
      if (bytes !== expected) throw new Error("bytes of the log are missing");
      // The collector's own time.
      await sleep(500);
      residentMib.push(process.memoryUsage.rss() / 1024 ** 2);
    }
    engine.close();
    return [
      {
        name: `${LINES.toLocaleString("en-US")} lines of log, printed, read and recorded, peer: docker logs alone`,
        value: seconds,
        unit: "s",
        limit: LINES / LINES_PER_SECOND_LIMIT,
        peer,
        ratio: seconds / peer,
      },
      {
        name: "growth of memory while they are read three times more",
        value: Math.max(0, (residentMib.at(-1) ?? 0) - (residentMib[0] ?? 0)),
        unit: "MiB",
        limit: GROWTH_LIMIT_MIB,
      },
    ];
  } finally {
    docker("rm", "--force", id);
  }
}

function findProgram() {
  const found = findDocker();
  if ("missing" in found) throw new Error(found.missing);
  return found.program;
}

/** @param {number[]} values */
function median(values) {
  return /** @type {number} */ (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]);
}
