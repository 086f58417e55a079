/** Runs in containers of a real engine; only what the judge says is scripted. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import type { RunResult } from "../../../../common/runs.ts";
import { ActiveRuns, type Simulation } from "../index.ts";
import { markerOf } from "../marked-processes.ts";
import { scriptedApp, scriptedRequest } from "../scripted-container-app.ts";
import { prepareScriptedImage, SCRIPTED_IMAGE } from "../scripted-image.ts";
import { startSocketProxy } from "../socket-proxy.ts";

const APP = fileURLToPath(new URL("../scripted-container-app.ts", import.meta.url));
const prepared = prepareScriptedImage();

type Docker = (...args: string[]) => string;

/** Null where there is no engine. */
function dockerOr(context: TestContext): Docker {
  if ("missing" in prepared) return context.skip(`needs docker: ${prepared.missing}`);
  const { docker } = prepared;
  return (...args) => execFileSync(docker, args, { encoding: "utf8", stdio: "pipe" }).trim();
}

/** A data folder; `app` is a process's services on it, `words` say what the judge does. */
function bench(docker: Docker) {
  const folder = mkdtempSync(join(tmpdir(), "crusader-docker-"));
  const dataFolder = join(folder, "data");
  const [home = ""] = markerOf(dataFolder, "1", 0).split(".");
  const apps: ReturnType<typeof scriptedApp>[] = [];
  const named = (output: string) => output.split("\n").filter((name) => name !== "");
  const filter = ["--filter", `label=crusader.home=${home}`];
  const containers = () => named(docker("ps", "--all", "--format", "{{.Names}}", ...filter));
  const networks = () => named(docker("network", "ls", "--format", "{{.Name}}", ...filter));
  onTestFinished(() => {
    for (const { store } of apps) store.close();
    for (const name of containers()) docker("rm", "--force", name);
    for (const name of networks()) docker("network", "rm", name);
    rmSync(folder, { recursive: true });
  });
  const app = () => {
    const made = scriptedApp(dataFolder);
    apps.push(made);
    return made;
  };
  const request = (words: string) => {
    writeFileSync(join(folder, "train.py"), words);
    return scriptedRequest(join(folder, "train.py"));
  };
  const containerName = (run: string, repeat = 0) => `crusader-${home}-${run}-${repeat}`;
  /** Lets a judge that waits go on. */
  const letGoOn = (run = "1") => docker("exec", "--user", "appuser", containerName(run), "touch", "/tmp/go");
  /** A process of its own that starts a run, and is killed when its judge has said that much. */
  const killedApp = async (words: string, repeats: number, until: RegExp) => {
    const { path } = request(words);
    const child = spawn(process.execPath, [APP, dataFolder, path, String(repeats)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of createInterface({ input: child.stdout })) if (until.test(line)) break;
    child.kill("SIGKILL");
    await new Promise((resolve) => child.on("exit", resolve));
  };
  return { folder, dataFolder, home, app, request, containers, networks, containerName, letGoOn, killedApp };
}

async function untilEvent({ events }: Pick<Simulation<unknown>, "events">, type: string): Promise<void> {
  for await (const said of events) if (said.type === "judged" && said.event.type === type) return;
}

const outcomes = (ended: RunResult | RunResult[] | undefined) =>
  (ended === undefined ? [] : [ended].flat()).map(({ outcome, repeats }) => ({
    outcome,
    repeats: repeats.map((repeat) => repeat.failure?.code ?? repeat.failure?.kind ?? repeat.outcome),
  }));

test("a run is judged in a container, which is gone afterwards", async (context) => {
  const { app, request, containers, networks } = bench(dockerOr(context));
  const { service, store } = app();
  const { done } = await service.start(request("pass"));
  const { outcome, repeats } = await done;
  const log = store.output("1").toString();
  expect({
    outcome,
    failure: repeats[0]?.failure,
    seed: repeats[0]?.seed,
    stages: repeats[0]?.stageSeconds,
    log,
  }).toEqual({
    outcome: "passed",
    failure: null,
    seed: "seed",
    stages: { scan: 0.25 },
    log: "launched as appuser, judge judge\n",
  });
  expect(store.show("1").plan).toMatchObject({
    backend: "docker",
    sandbox: "container",
    container: { engine: "default", image: SCRIPTED_IMAGE, runProfile: "validator", gpus: null },
  });
  expect([...containers(), ...networks()]).toEqual([]);
});

test.for(["polite", "stubborn"])("cancel ends a %s judge and its container within 5 s", async (words, context) => {
  const { app, request, containers, networks, containerName } = bench(dockerOr(context));
  const { service } = app();
  const simulation = await service.start(request(words));
  await untilEvent(simulation, "stage");
  const startedAt = performance.now();
  await simulation.cancel();
  expect(performance.now() - startedAt).toBeLessThan(5000);
  const { outcome, repeats, failure } = await simulation.done;
  const name = containerName("1");
  expect({
    outcome,
    message: failure?.message,
    notes: repeats[0]?.notes,
    left: [...containers(), ...networks()],
  }).toEqual({
    outcome: "cancelled",
    message: words === "polite" ? "asked to stop" : "The run was cancelled.",
    notes: [
      { level: "info", id: "container_removed", message: `Removed: container ${name}, network ${name}.`, line: null },
    ],
    left: [],
  });
});

test("a container that somebody removes ends the run with words", async (context) => {
  const docker = dockerOr(context);
  const { app, request, containerName } = bench(docker);
  const simulation = await app().service.start(request("polite"));
  await untilEvent(simulation, "stage");
  docker("rm", "--force", containerName("1"));
  const { outcome, failure } = await simulation.done;
  expect({ outcome, kind: failure?.kind, message: failure?.message }).toEqual({
    outcome: "error",
    kind: "environment",
    message: "The container is gone from the engine, before its verdict.",
  });
});

test("a container that somebody stops is no cancel of the user's", async (context) => {
  const docker = dockerOr(context);
  const { app, request, containerName } = bench(docker);
  const simulation = await app().service.start(request("polite"));
  await untilEvent(simulation, "stage");
  docker("stop", containerName("1"));
  const { outcome, failure } = await simulation.done;
  expect({ outcome, message: failure?.message }).toEqual({
    outcome: "error",
    message: "The container was stopped before its verdict, and not from here.",
  });
});

test("the commands do by hand what a run does, with the order that comes with them", async (context) => {
  const docker = dockerOr(context);
  const { app, folder, request } = bench(docker);
  const { commands, order } = await app().service.byHand({ ...request("pass"), numRanks: 2 }, "order.json");
  writeFileSync(join(folder, "order.json"), order);
  // The name of another's by hand on this engine.
  const name = `crusader-test-by-hand-${process.pid}`;
  const [network = "", run = "", , launcher = "", , remove = "", removeNetwork = ""] = commands
    .replaceAll("crusader-by-hand", name)
    .split("\n");
  const shell = (command: string) =>
    spawn("sh", ["-c", command], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const done = async (command: string) => new Promise((resolve) => shell(command).on("close", resolve));
  onTestFinished(async () => {
    await done(`${remove}; ${removeNetwork}`);
  });
  expect(await done(network)).toBe(0);
  const judge = shell(run);
  const events: { type: string; outcome?: string; seed?: string }[] = [];
  for await (const line of createInterface({ input: judge.stdout })) {
    const event = JSON.parse(line);
    events.push(event);
    if (event.id === "waiting_for_launcher") expect(await done(launcher)).toBe(0);
  }
  expect(events.map(({ type }) => type)).toEqual(["stage", "note", "stage", "result"]);
  expect(events.at(-1)).toMatchObject({ outcome: "passed", seed: "seed", numRanks: 2 });
});

test("an engine that is out of reach is told, and that it is heard again", async (context) => {
  const docker = dockerOr(context);
  const { dataFolder, request, letGoOn } = bench(docker);
  const proxy = await startSocketProxy();
  const env = { ...process.env, DOCKER_HOST: proxy.address };
  const { service } = scriptedApp(dataFolder, { env, platform: process.platform, home: dataFolder });
  const { events, done } = await service.start(request("wait"));
  const contacts: string[] = [];
  for await (const said of events) {
    if (said.type === "judged" && said.event.type === "stage" && said.event.state === "passed") {
      await proxy.close();
    } else if (said.type === "contact") {
      const contact = said.problem === null ? "heard" : "lost";
      if (contact === contacts.at(-1)) continue;
      contacts.push(contact);
      if (contact === "lost") await proxy.open();
      else if (contacts.length > 1) letGoOn();
    }
  }
  expect([(await done).outcome, contacts]).toEqual(["passed", ["heard", "lost", "heard"]]);
});

test("leftovers of this data folder's ended runs are removed, and nothing else", async (context) => {
  const docker = dockerOr(context);
  const [ours, theirs] = [bench(docker), bench(docker)];
  const create = (name: string, ...labels: string[]) => {
    const flags = labels.flatMap((label) => ["--label", label]);
    docker("create", "--network", "none", "--name", name, ...flags, SCRIPTED_IMAGE, "python");
    onTestFinished(() => void docker("rm", "--force", name));
  };
  const { service } = ours.app();
  await (await service.start(ours.request("pass"))).done;
  const going = await service.start(ours.request("polite"));
  await untilEvent(going, "stage");
  const tag = `crusader-test-${process.pid}`;
  create(`${tag}-left`, `crusader.home=${ours.home}`, "crusader.run=1");
  create(`${tag}-unknown-run`, `crusader.home=${ours.home}`, "crusader.run=99");
  create(`${tag}-other-home`, `crusader.home=${theirs.home}`, "crusader.run=1");
  create(`${tag}-users`, "crusader.run=1");
  const removed = await service.removeLeftovers();
  const left = docker("ps", "--all", "--format", "{{.Names}}", "--filter", `name=${tag}`).split("\n").sort();
  expect({ removed: removed.sort(), left, going: ours.containers() }).toEqual({
    removed: [`container ${tag}-left`, `container ${tag}-unknown-run`],
    left: [`${tag}-other-home`, `${tag}-users`],
    going: [ours.containerName("2")],
  });
  await going.cancel();
});

test("two data folders on one engine touch nothing of each other's, and nothing of the user's", async (context) => {
  const docker = dockerOr(context);
  const [ours, theirs] = [bench(docker), bench(docker)];
  const tag = `crusader-test-users-${process.pid}`;
  docker("create", "--network", "none", "--name", `${tag}-made`, "--volume", `${tag}:/data`, SCRIPTED_IMAGE, "sh");
  docker("run", "--detach", "--network", "none", "--name", `${tag}-running`, SCRIPTED_IMAGE, "sleep", "1000");
  docker("network", "create", "--internal", tag);
  docker("tag", SCRIPTED_IMAGE, `${tag}:1`);
  onTestFinished(() => {
    docker("rm", "--force", `${tag}-made`, `${tag}-running`);
    docker("volume", "rm", tag);
    docker("network", "rm", tag);
    docker("rmi", `${tag}:1`);
  });
  const users = () => [
    docker("inspect", "--format", "{{.Id}} {{json .State}}", `${tag}-made`, `${tag}-running`),
    docker("volume", "inspect", tag),
    docker("network", "inspect", tag),
    docker("image", "inspect", "--format", "{{.Id}}", `${tag}:1`),
  ];
  const before = users();
  const [ourApp, theirApp] = [ours.app(), theirs.app()];
  const ourRun = await ourApp.service.start(ours.request("polite"));
  const theirRun = await theirApp.service.start(theirs.request("wait"));
  await untilEvent(ourRun, "stage");
  for await (const said of theirRun.events) {
    if (said.type === "judged" && said.event.type === "stage" && said.event.state === "passed") break;
  }
  expect([await ourApp.service.reattach(), await theirApp.service.reattach()]).toEqual([[], []]);
  await ourRun.cancel();
  expect([await ourApp.service.removeLeftovers(), theirs.containers()]).toEqual([[], [theirs.containerName("1")]]);
  theirs.letGoOn();
  expect(outcomes(await theirRun.done)).toEqual([{ outcome: "passed", repeats: ["passed"] }]);
  expect(users()).toEqual(before);
});

test("a container that its memory limit ends is told as such", async (context) => {
  const { app, folder, request } = bench(dockerOr(context));
  const profile = JSON.parse(readFileSync(new URL("../../../../../hparams/rehearsal.json", import.meta.url), "utf8"));
  profile.docker.memory_limit = "32m";
  writeFileSync(join(folder, "small.json"), JSON.stringify(profile));
  const started = app().service.start({ ...request("greedy"), profile: join(folder, "small.json") });
  const { outcome, failure } = await (await started).done;
  expect({ outcome, kind: failure?.kind, message: failure?.message }).toEqual({
    outcome: "error",
    kind: "memory",
    message: "The container ran out of memory before its verdict.",
  });
});

test("the public simulator's flags are not for another's code", async (context) => {
  const { app, request } = bench(dockerOr(context));
  const { container, ...rest } = request("pass");
  const origin = { runId: "7", importedAt: "2026-01-01T00:00:00Z" };
  const started = app().service.start({ ...rest, origin, container: { ...container, runProfile: "public" } });
  await expect(started).rejects.toMatchObject({ code: "foreign_code" });
});

test("an engine that may not raise the limit of locked memory runs the public simulator's flags without", async (context) => {
  const docker = dockerOr(context);
  const { app, request, containers, networks } = bench(docker);
  // What this one may do depends on who runs it: as root with all rights it refuses nothing.
  const limited = ["run", "--rm", "--network", "none", "--ulimit", "memlock=-1:-1", SCRIPTED_IMAGE, "true"];
  const { stderr } = spawnSync("docker" in prepared ? prepared.docker : "", limited, { encoding: "utf8" });
  const isRefused = /rlimit/.test(stderr);
  const { container, ...rest } = request("pass");
  const { service } = app();
  const { done } = await service.start({ ...rest, container: { ...container, runProfile: "public" } });
  const { outcome, repeats } = await done;
  const message = "The engine refuses to raise the limit of locked memory: the ranks run without.";
  const refused = { level: "warning", id: "memlock_refused", message, line: null };
  expect({
    outcome,
    notes: repeats[0]?.notes?.filter(({ id }) => id === "memlock_refused"),
    left: [...containers(), ...networks()],
  }).toEqual({ outcome: "passed", notes: isRefused ? [refused] : [], left: [] });
});

test.for([
  ["exit", "internal", "The judge ended with status 4 before its verdict."],
  ["malformed", "internal", "The judge wrote a line that is no event."],
] as const)("a judge that goes wrong (%s) is an error of ours", async ([words, kind, message], context) => {
  const { app, request, containers } = bench(dockerOr(context));
  const { done } = await app().service.start(request(words));
  const { outcome, failure } = await done;
  expect({ outcome, kind: failure?.kind, message: failure?.message, left: containers() }).toEqual({
    outcome: "error",
    kind,
    message,
    left: [],
  });
});

test("a run goes on when its app is killed, and the next app records what it missed, once", async (context) => {
  const { app, killedApp, letGoOn, containers, containerName } = bench(dockerOr(context));
  await killedApp("wait pass", 2, /^0 \d+ note/);
  const { service, store } = app();
  expect({ state: store.show("1").state, containers: containers() }).toEqual({
    state: "running",
    containers: [containerName("1")],
  });
  const [simulation, ...more] = await service.reattach();
  expect(more).toEqual([]);
  letGoOn();
  expect(outcomes(await simulation?.done)).toEqual([{ outcome: "passed", repeats: ["passed", "passed"] }]);
  const numbers = (repeat: number) =>
    store.events("1").events.flatMap((line) => (line.repeat === repeat ? [line.event.seq] : []));
  expect({ log: store.output("1").toString(), events: [numbers(0), numbers(1)], left: containers() }).toEqual({
    log: "before\nlaunched as appuser, judge judge\nafter\nlaunched as appuser, judge judge\n",
    events: [
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ],
    left: [],
  });
});

test("a run that has ended meanwhile is recorded; of two apps on a data folder one does it", async (context) => {
  const docker = dockerOr(context);
  const { app, killedApp, letGoOn, containerName } = bench(docker);
  await killedApp("wait", 1, /^0 \d+ stage passed/);
  letGoOn();
  docker("wait", containerName("1"));
  const [one, other] = [app(), app()];
  const found = await Promise.all([one.service.reattach(), other.service.reattach()]);
  expect(found.map(({ length }) => length).sort()).toEqual([0, 1]);
  const [simulation] = found.flat();
  expect(outcomes(await simulation?.done)).toEqual([{ outcome: "passed", repeats: ["passed"] }]);
  expect(one.store.show("1").state).toBe("passed");
});

test("closing the app leaves a run in its container; the next one cancels it", async (context) => {
  const { app, dataFolder, request, containers, containerName } = bench(dockerOr(context));
  const first = app();
  const runs = new ActiveRuns({ service: first.service, store: first.store });
  await runs.start(request("polite"));
  const updates = runs.follow("1", 0, undefined);
  for await (const { events } of updates) if (events.length > 0) break;
  await runs.close();
  expect({ state: first.store.show("1").state, containers: containers() }).toEqual({
    state: "running",
    containers: [containerName("1")],
  });
  // The owner is this very process: as after its end.
  rmSync(join(dataFolder, "runs", "1", "owner.json"));
  const [simulation] = await app().service.reattach();
  await simulation?.cancel();
  expect(outcomes(await simulation?.done)).toEqual([{ outcome: "cancelled", repeats: ["cancelled"] }]);
  expect(containers()).toEqual([]);
});
