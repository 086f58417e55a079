/** The doctor with a real engine; with one of our own making only for what a real one does not do when asked. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { findDocker } from "../../../../scripts/machine.mjs";
import type { EngineCheck, Finding } from "../../../common/engines.ts";
import type { ContainerChoice } from "../../../common/runs.ts";
import { HparamsService } from "../hparams/index.ts";
import { DockerBackend } from "../simulation/index.ts";
import { EngineDoctor } from "./doctor.ts";
import { PROBE_COMMAND } from "./doctor-probe.ts";
import { Engine } from "./engine.ts";
import { answersOfProbe, json, startMadeEngine } from "./made-engine.ts";

const folderOf = (name: string) => fileURLToPath(new URL(`../../../../${name}`, import.meta.url));
const hparams = new HparamsService({ profilesFolder: folderOf("hparams") });

/** A doctor of a data folder of its own; of the engine at `address`, or this machine's. */
function doctor({ address, callMs }: { address?: string; callMs?: number } = {}) {
  const dataFolder = mkdtempSync(join(tmpdir(), "crusader-doctor-"));
  onTestFinished(() => rmSync(dataFolder, { recursive: true }));
  const backend = new DockerBackend({
    dataFolder,
    packageFolder: folderOf("simulator-image"),
    crusaderVersion: "1.2.3",
    ...(address === undefined
      ? {}
      : { surroundings: { env: { DOCKER_HOST: address }, platform: "linux", home: dataFolder } }),
  });
  const runs =
    callMs === undefined
      ? backend
      : {
          endpoint: (name: string | undefined) => backend.endpoint(name),
          engine: (endpoint: Engine["endpoint"]) => new Engine(endpoint, { callMs }),
          imageState: backend.imageState.bind(backend),
          prepareProbe: backend.prepareProbe.bind(backend),
          remember: backend.remember.bind(backend),
        };
  const made = new EngineDoctor({ runs, env: { PATH: "" }, platform: "linux" });
  const check = async (
    profile: string,
    numRanks: number,
    container?: ContainerChoice,
    { signal, onItem = () => {} }: { signal?: AbortSignal; onItem?: (item: EngineCheck) => void } = {},
  ) => {
    const { resolved } = await hparams.load(profile);
    const items: EngineCheck[] = [];
    for await (const item of made.check({ profile: { name: profile, resolved }, numRanks, container }, signal)) {
      items.push(item);
      onItem(item);
    }
    return items;
  };
  const probe = async (profile: string, numRanks: number, container: ContainerChoice) => {
    const { resolved } = await hparams.load(profile);
    const needs = { profile: resolved, profileName: profile, numRanks, sandbox: "container" as const, container };
    return backend.prepareProbe(needs, PROBE_COMMAND);
  };
  return { dataFolder, backend, check, probe };
}

const byHand = (image: string): ContainerChoice => ({ image, runProfile: "validator" });
const findingsOf = (items: EngineCheck[]): Finding[] => items.at(-1)?.report.findings ?? [];
const states = (items: EngineCheck[]) => findingsOf(items).map(({ id, state }) => `${id} ${state}`);

type Docker = (...args: string[]) => string;

function dockerOr(context: TestContext): Docker {
  const found = findDocker();
  if ("missing" in found) return context.skip(`needs docker: ${found.missing}`);
  return (...args) => execFileSync(found.program, args, { encoding: "utf8", stdio: "pipe" }).trim();
}

function testImageOr(context: TestContext): string {
  const image = process.env.CRUSADER_TEST_IMAGE ?? "";
  return image === "" ? context.skip("needs docker: CRUSADER_TEST_IMAGE names no image") : image;
}

/** Names of what has the label on the engine. */
function labelled(docker: Docker, label: string): string[] {
  const filter = ["--filter", `label=${label}`];
  const found = [
    docker("ps", "--all", "--format", "{{.Names}}", ...filter),
    docker("network", "ls", "--format", "{{.Name}}", ...filter),
  ];
  return found.flatMap((names) => names.split("\n").filter((name) => name !== ""));
}

test("a container with a run's flags looks around on a real engine, and is gone afterwards", async (context) => {
  const docker = dockerOr(context);
  const image = testImageOr(context);
  const { check, probe } = doctor();
  const { create } = await probe("rehearsal", 2, byHand(image));
  const home = create.Labels?.["crusader.home"] ?? "";
  const items = await check("rehearsal", 2, byHand(image));
  const found = Object.fromEntries(findingsOf(items).map((finding) => [finding.id, finding]));
  expect(items.map(({ doing }) => doing)).toEqual([
    "Asking the engine",
    "Looking for the image",
    "Looking around in a container",
    null,
  ]);
  // What the machine is like (its disk, its memory) is not the test's.
  expect(Object.keys(found)).toEqual([
    ...["reachable", "version", "rootless", "clock", "image", "probe", "disk", "memory", "limits", "shm", "memlock"],
    ...["seccomp", "privileges"],
  ]);
  expect([found.reachable, found.clock, found.probe, found.privileges, found.shm].map((it) => it?.state)).toEqual(
    Array(5).fill("ok"),
  );
  expect(found.disk?.message).toMatch(/ are free at the engine's \//);
  expect(labelled(docker, `crusader.home=${home}`)).toEqual([]);
});

test("the probe has the flags of a run and labels of ours, and asks for all GPUs", async () => {
  const { probe } = doctor();
  const container = { ...byHand("image"), gpus: [1, 2] };
  const { create, network } = await probe("production-3b", 2, container);
  expect(create.name).toMatch(/^crusader-[0-9a-f]{16}-probe-[0-9a-f]{8}$/);
  expect({ create, network }).toMatchObject({
    create: {
      Cmd: PROBE_COMMAND,
      User: "judge",
      OpenStdin: false,
      Labels: { "crusader.probe": expect.stringMatching(/^\d{13}$/), "crusader.version": "1.2.3" },
      HostConfig: {
        DeviceRequests: [{ Count: -1, Capabilities: [["gpu"]] }],
        NetworkMode: create.name,
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
        ReadonlyRootfs: true,
        PidsLimit: 2048,
      },
    },
    network: { name: create.name },
  });
  expect(Object.keys(create.HostConfig?.DeviceRequests?.[0] ?? {})).toEqual(["Count", "Capabilities"]);
});

test("a real engine without GPUs refuses them, and the rest is known all the same", async (context) => {
  const docker = dockerOr(context);
  const image = testImageOr(context);
  if (/nvidia/.test(docker("info", "--format", "{{json .Runtimes}}"))) context.skip("needs docker: one without GPUs");
  const { check } = doctor();
  const items = await check("production-3b", 1, { ...byHand(image), runProfile: "public" });
  const found = Object.fromEntries(findingsOf(items).map((finding) => [finding.id, finding]));
  expect({ probe: found.probe?.state, runtime: found.gpu_runtime }).toMatchObject({
    probe: "ok",
    runtime: { state: "problem", command: expect.stringContaining("nvidia-ctk runtime configure") },
  });
  expect(found.gpu_driver?.message).toBe("Not known: no GPU could be asked.");
});

test("no image on a real engine: what to build; the rest is unknown, and why", async (context) => {
  dockerOr(context);
  const { check } = doctor();
  const items = await check("rehearsal", 1, byHand("crusader-test-there-is-none:1"));
  const found = Object.fromEntries(findingsOf(items).map((finding) => [finding.id, finding]));
  expect([found.image, found.disk]).toMatchObject([
    { state: "problem", message: "The engine default has no image crusader-test-there-is-none:1.", command: "" },
    { state: "unknown", message: "Not known: there is no image to look from." },
  ]);
});

test("a probe that was left behind is removed at a later start; a young one, and those of others, are not", async (context) => {
  const docker = dockerOr(context);
  const image = testImageOr(context);
  const { backend, probe } = doctor();
  const { create } = await probe("rehearsal", 1, byHand(image));
  const home = create.Labels?.["crusader.home"] ?? "";
  const tag = `crusader-test-doctor-${process.pid}`;
  const put = (name: string, ...labels: string[]) => {
    docker(
      "create",
      "--network",
      "none",
      "--name",
      name,
      ...labels.flatMap((label) => ["--label", label]),
      image,
      "true",
    );
    onTestFinished(() => void docker("rm", "--force", name));
  };
  put(`${tag}-old`, `crusader.home=${home}`, "crusader.probe=1700000000000");
  put(`${tag}-young`, `crusader.home=${home}`, `crusader.probe=${Date.now()}`);
  put(`${tag}-others`, "crusader.home=0123456789abcdef", "crusader.probe=1700000000000");
  backend.remember(backend.endpoint(undefined));
  expect(await backend.removeLeftovers(() => false)).toEqual([`container ${tag}-old`]);
  const left = docker("ps", "--all", "--format", "{{.Names}}", "--filter", `name=${tag}`).split("\n").sort();
  expect(left).toEqual([`${tag}-others`, `${tag}-young`]);
});

test("no engine: one finding, with what to do", async () => {
  const { check } = doctor({ address: "unix:///no/such.sock" });
  expect(findingsOf(await check("rehearsal", 1))).toEqual([
    expect.objectContaining({ id: "reachable", state: "problem", command: expect.stringContaining("docker.io") }),
  ]);
});

const INFO = { ID: "E", ServerVersion: "28.2.2", SystemTime: "2001-01-01T00:00:00Z", MemTotal: 2 ** 40, NCPU: 8 };
const FAKE = { "GET /info": json(INFO), "GET /version": json({ Components: [{ Name: "Podman Engine" }] }) };

test("an engine that does not answer is given up", async () => {
  const { address } = await startMadeEngine({ "": () => {} });
  const { check } = doctor({ address, callMs: 50 });
  expect(findingsOf(await check("rehearsal", 1))).toMatchObject([
    { id: "reachable", state: "problem", message: expect.stringContaining("did not answer within 0.05 s") },
  ]);
});

test("an image for another profile, a clock that is off, and a container that is refused", async () => {
  const { address } = await startMadeEngine({
    ...FAKE,
    ...answersOfProbe({ "crusader.profile": "another" }, null),
    "POST /containers/create": json({ message: "no space left on device" }, 500),
  });
  const { check } = doctor({ address });
  const items = await check("rehearsal", 1);
  const found = Object.fromEntries(findingsOf(items).map((finding) => [finding.id, finding]));
  expect(found).toMatchObject({
    version: { state: "ok", message: "Podman 28.2.2." },
    clock: { state: "warning", message: expect.stringMatching(/^Its clock is \d+ h behind this machine's/) },
    image: {
      state: "problem",
      message: expect.stringContaining("it was built for another profile (another; needed: cpu)"),
      command: "crusader image build --hparams rehearsal",
    },
    probe: { state: "problem", message: "The container engine refused: no space left on device" },
    disk: { state: "unknown" },
  });
});

test("cancelled while the container looks around: it is removed, with its network", async () => {
  const { address, asked } = await startMadeEngine({
    ...FAKE,
    ...answersOfProbe({ "crusader.profile": "cpu" }, null),
  });
  const controller = new AbortController();
  const { check } = doctor({ address });
  const checked = check("rehearsal", 2, undefined, { signal: controller.signal });
  await expect.poll(() => asked).toContain("GET /containers/c/logs");
  controller.abort();
  await expect(checked).rejects.toBe(controller.signal.reason);
  expect(asked.slice(-2)).toEqual(["DELETE /containers/ours-probe", "DELETE /networks/ours-probe"]);
});

test("where it cannot be noted that a container may be there, none is made", async () => {
  const { address, asked } = await startMadeEngine({ ...FAKE, ...answersOfProbe({ "crusader.profile": "cpu" }, "") });
  const { dataFolder, check } = doctor({ address });
  mkdirSync(join(dataFolder, "engines.json"));
  const found = findingsOf(await check("rehearsal", 1)).find(({ id }) => id === "probe");
  expect(found).toMatchObject({
    state: "unknown",
    message: expect.stringMatching(
      /^Not known: no container is made without a note of it in the data folder \(.+\)\.$/,
    ),
  });
  expect(asked.filter((call) => call.startsWith("POST"))).toEqual([]);
});

test("an engine that is lost while the container looks around", async () => {
  const { address } = await startMadeEngine({
    ...FAKE,
    ...answersOfProbe({ "crusader.profile": "cpu" }, null),
    "GET /containers/c/logs": (_request, response) => response.destroy(),
  });
  expect(findingsOf(await doctor({ address }).check("rehearsal", 1))).toMatchObject([
    { id: "reachable", state: "problem", message: expect.stringMatching(/broke off/) },
  ]);
});

test("a container that says something else is no report", async () => {
  const { address } = await startMadeEngine({
    ...FAKE,
    ...answersOfProbe({ "crusader.profile": "cpu" }, '{"version": 7, "user": "root"}\n'),
  });
  const items = await doctor({ address }).check("rehearsal", 1);
  expect(findingsOf(items).find(({ id }) => id === "probe")).toMatchObject({
    state: "unknown",
    message: "Not known: the container that looks ended with status 3 and gave no report.",
  });
  expect(states(items)).toContain("rootless ok");
});
