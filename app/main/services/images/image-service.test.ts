/** Builds on a real engine, of small Dockerfiles; docker commands that lack something are scripts. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import type { BuildView } from "../../../common/images.ts";
import { HparamsService } from "../hparams/index.ts";
import { FileSecrets } from "../settings/index.ts";
import { TaskService } from "../tasks/index.ts";
import { BUSYBOX_IMAGE, prepareBusyboxImage } from "./busybox-image.ts";
import { type BuildState, ImageBuilds, type ImageRequest, ImageService } from "./index.ts";

const folderOf = (name: string) => fileURLToPath(new URL(`../../../../${name}`, import.meta.url));
const PACKAGE = folderOf("simulator-image");
const FILES = ["Dockerfile", "Dockerfile.cpu", "bake.py", "requirements-cpu.txt", "requirements-production.txt"];
const TOKEN = "hf_plantedPLANTEDplanted123456789";
/** Nobody listens there. */
const NOWHERE = "http://127.0.0.1:9";
const LABELS =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the Dockerfile's own
  'ARG PROFILE=""\nARG PACKAGES=""\nARG SOURCE=""\nLABEL crusader.profile="${PROFILE}" crusader.packages="${PACKAGES}" crusader.source="${SOURCE}"\n';
const prepared = prepareBusyboxImage();

type Docker = (...args: string[]) => string;

/** Skips where there is no engine. */
function dockerOr(context: TestContext): Docker {
  if ("missing" in prepared) return context.skip(`needs docker: ${prepared.missing}`);
  const { docker } = prepared;
  return (...args) => execFileSync(docker, args, { encoding: "utf8", stdio: "pipe" }).trim();
}

type Given = { steps?: string[]; production?: string; hubAddress?: string; env?: NodeJS.ProcessEnv };

/** A service on a package folder whose Dockerfiles are the test's. `docker`: removes what was built. */
function bench({ steps, production, hubAddress = NOWHERE, env = {} }: Given = {}, docker: Docker | null = null) {
  const folder = mkdtempSync(join(tmpdir(), "crusader-images-"));
  const tag = folder.split("-").at(-1)?.toLowerCase() ?? "";
  const packageFolder = join(folder, "package");
  mkdirSync(join(packageFolder, "crusades_eval"), { recursive: true });
  for (const name of FILES) cpSync(join(PACKAGE, name), join(packageFolder, name));
  writeFileSync(join(packageFolder, "crusades_eval", "mark.py"), tag);
  // The mark goes first: nothing behind it was ever built before.
  const written = [`FROM ${BUSYBOX_IMAGE}`, "COPY crusades_eval /crusades_eval", ...(steps ?? []), LABELS].join("\n");
  if (steps !== undefined) writeFileSync(join(packageFolder, "Dockerfile.cpu"), written);
  if (production !== undefined) writeFileSync(join(packageFolder, "Dockerfile"), production);
  const dataFolder = join(folder, "data");
  const first = "docker" in prepared ? dirname(prepared.docker) : "";
  const secrets = new FileSecrets({ dataFolder });
  const service = new ImageService({
    dataFolder,
    packageFolder,
    hparams: new HparamsService({ profilesFolder: folderOf("hparams") }),
    secrets,
    env: { ...process.env, PATH: [first, process.env.PATH].join(delimiter), ...env },
    hubAddress,
  });
  const tasks = new TaskService();
  const builds = new ImageBuilds({ images: service, tasks });
  const reference = `crusader-test-build:${tag}`;
  const request: ImageRequest = { engine: "default", profile: "rehearsal", reference };
  const ids = () => docker?.("image", "ls", "--quiet", "--no-trunc", reference).split("\n").filter(Boolean) ?? [];
  onTestFinished(async () => {
    await tasks.close();
    for (const id of ids()) docker?.("image", "rm", "--force", id);
    rmSync(folder, { recursive: true });
  });
  const contexts = () => readdirSync(join(dataFolder, "image-contexts"));
  const mine = async () => (await service.list("default")).images.filter(({ tags }) => tags.includes(reference));
  return {
    folder,
    dataFolder,
    packageFolder,
    secrets,
    service,
    tasks,
    builds,
    tag,
    reference,
    request,
    ids,
    mine,
    contexts,
  };
}

/** What a build told; `until` is called with each state. */
async function build(
  service: ImageService,
  request: ImageRequest,
  { signal, until = () => {} }: { signal?: AbortSignal; until?: (state: BuildState) => void } = {},
) {
  const states: BuildState[] = [];
  const lines: string[] = [];
  const onProgress = (state: BuildState) => {
    states.push(state);
    until(state);
  };
  const built = service.build(request, { onProgress, onLine: (line) => lines.push(line) }, signal);
  return {
    states,
    lines,
    ...(await built.then(
      (image) => ({ image, error: null }),
      (error: unknown) => ({ image: null, error }),
    )),
  };
}

/** A docker command that is a shell script; returns the folder for PATH. */
function scriptedDocker(script: string): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-docker-command-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "docker"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "docker"), 0o755);
  return folder;
}

test("an image is built with progress, listed with what it fits, taken from the cache, and removed", async (context) => {
  const docker = dockerOr(context);
  const { service, request, reference, ids, mine, dataFolder, contexts } = bench(
    { steps: ["RUN echo one; sleep 1", "RUN echo two"] },
    docker,
  );
  // What a process that was killed left behind the day before yesterday.
  const left = join(dataFolder, "image-contexts", "context-left");
  mkdirSync(left, { recursive: true });
  const longAgo = new Date(Date.now() - 48 * 3600 * 1000);
  utimesSync(left, longAgo, longAgo);
  const first = await build(service, request);
  expect(contexts()).toEqual([]);
  expect(first.error).toBeNull();
  expect(first.image).toEqual({ engine: "default", reference, id: ids()[0], seconds: expect.any(Number) });
  expect(first.lines.join("\n")).toMatch(/one[\s\S]*two/);
  const numbers = first.states.flatMap(({ progress: { step } }) =>
    step === null ? [] : [`${step.number} of ${step.total}`],
  );
  expect([...new Set(numbers)]).toEqual(["1 of 4", "2 of 4", "3 of 4", "4 of 4"]);
  const fractions = first.states.map(({ fraction }) => fraction ?? 0);
  expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  const [image] = await mine();
  expect(image).toEqual({
    id: ids()[0],
    tags: [reference],
    profile: "cpu",
    packages: expect.stringMatching(/^torch==\S+\+cpu transformers==4\.57\.6 numpy==2\.2\.6 /),
    source: expect.stringMatching(/^[0-9a-f]{16}$/),
    sizeBytes: expect.any(Number),
    createdAt: expect.any(String),
    fits: ["rehearsal"],
    mismatch: null,
  });

  const again = await build(service, request);
  expect({ id: again.image?.id, cached: again.states.at(-1)?.progress.cachedSteps }).toEqual({
    id: ids()[0],
    cached: 3,
  });
  expect((await service.check(request)).duration).toMatch(/^about \d+ s, as the last one on this engine/);

  await expect(service.remove("default", BUSYBOX_IMAGE)).rejects.toMatchObject({ code: "access_denied" });
  expect(docker("image", "ls", "--quiet", BUSYBOX_IMAGE)).not.toBe("");
  expect(await service.remove("default", image?.id ?? "")).toEqual({ removed: [reference] });
  expect({ ids: ids(), left: await mine() }).toEqual({ ids: [], left: [] });
  await expect(service.remove("default", reference)).rejects.toMatchObject({ code: "not_found" });
});

test("the classic builder, where there is no other", async (context) => {
  const docker = dockerOr(context);
  // A docker command of a version that has BuildKit only with its plugin, which is missing.
  const real = "docker" in prepared ? prepared.docker : "";
  const path = scriptedDocker(`case "$*" in
    *"version --format"*) ${real} "$@" | sed 's/"Version":"[^"]*","ApiVersion"/"Version":"28.0.0","ApiVersion"/' ;;
    "buildx version") exit 1 ;;
    *) exec ${real} "$@" ;;
    esac`);
  const env = { PATH: [path, process.env.PATH].join(delimiter) };
  const { service, request, mine } = bench({ steps: ["RUN echo one", "RUN echo two"], env }, docker);
  expect(await service.check(request)).toMatchObject({ builder: "classic" });
  const { error, states } = await build(service, request);
  expect({ error, steps: states.at(-1)?.progress.step }).toEqual({
    error: null,
    steps: { number: 8, total: 8, name: expect.stringMatching(/^LABEL /) },
  });
  expect((await mine()).map(({ fits }) => fits)).toEqual([["rehearsal"]]);
  expect(await service.check({ engine: "default", profile: "production-3b" })).toMatchObject({
    findings: expect.arrayContaining([expect.objectContaining({ id: "builder", level: "problem" })]),
  });
});

test("a step that fails is named with what it printed; what was done before is kept", async (context) => {
  const docker = dockerOr(context);
  const steps = ["RUN echo kept", "RUN echo almost; echo broken >&2; exit 3"];
  const { service, request, ids, packageFolder, contexts } = bench({ steps }, docker);
  const { error } = await build(service, request);
  expect(error).toMatchObject({
    code: "build_failed",
    message: expect.stringContaining("It stopped at: RUN echo almost; echo broken >&2; exit 3"),
    hint: expect.stringContaining("the next build goes on there"),
    detail: expect.stringMatching(/almost|broken/),
  });
  expect({ ids: ids(), contexts: contexts() }).toEqual({ ids: [], contexts: [] });
  const file = join(packageFolder, "Dockerfile.cpu");
  writeFileSync(file, readFileSync(file, "utf8").replace("exit 3", "exit 0"));
  const repaired = await build(service, request);
  expect([repaired.error, repaired.states.at(-1)?.progress.cachedSteps]).toEqual([null, 2]);
});

test("cancel: nothing of it runs, nothing has its name, and the next build goes on", async (context) => {
  const docker = dockerOr(context);
  const seconds = 100_000 + process.pid;
  const { service, request, builds, tasks, ids, packageFolder, contexts } = bench(
    { steps: ["RUN echo done", `RUN sleep ${seconds}`] },
    docker,
  );
  const task = await builds.start(request);
  const watching = new AbortController();
  const views: (BuildView | null)[] = [];
  for await (const view of builds.watch(watching.signal)) {
    views.push(view);
    if (view?.progress.doing === `RUN sleep ${seconds}` || view?.state !== "running") break;
  }
  watching.abort();
  expect(views.at(-1)).toMatchObject({ taskId: task.id, engine: "default", state: "running", error: null });
  expect(await builds.start(request)).toMatchObject({ id: task.id });
  await expect(builds.start({ ...request, reference: "crusader-test-build:other" })).rejects.toMatchObject({
    code: "busy",
  });
  expect(running("docker", request.reference ?? "")).not.toEqual([]);
  expect(await tasks.cancel(task.id)).toMatchObject({ state: "cancelled", error: null });
  expect(running("docker", request.reference ?? "")).toEqual([]);
  // The engine ends the step's process when it hears that its client is gone.
  await expect.poll(() => running("sleep", String(seconds)), { timeout: 20_000 }).toEqual([]);
  expect({ ids: ids(), contexts: contexts() }).toEqual({ ids: [], contexts: [] });
  expect(builds.log(task.id).text).toContain(`RUN sleep ${seconds}`);

  const file = join(packageFolder, "Dockerfile.cpu");
  writeFileSync(file, readFileSync(file, "utf8").replace(`sleep ${seconds}`, "true"));
  const next = await build(service, request);
  expect([next.error, next.states.at(-1)?.progress.cachedSteps]).toEqual([null, 2]);
});

/** Processes of that name with that word among their arguments. */
function running(name: string, word: string): string[] {
  const all = execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" });
  return all.split("\n").filter((line) => line.includes(name) && line.split(/\s+/).includes(word));
}

test("the token is a build's secret, and is nowhere else", async (context) => {
  const docker = dockerOr(context);
  // Its length tells that the step had it; what it prints of it is struck out.
  const production = `FROM ${BUSYBOX_IMAGE}
COPY crusades_eval /crusades_eval
RUN --mount=type=secret,id=hf_token wc -c < /run/secrets/hf_token; cat /run/secrets/hf_token; echo
${LABELS}`;
  const real = "docker" in prepared ? prepared.docker : "";
  const path = scriptedDocker(`printf '%s ' "$@" >> "$(dirname "$0")/argv"; exec ${real} "$@"`);
  const env = { PATH: [path, process.env.PATH].join(delimiter) };
  const { service, secrets, request, dataFolder, reference } = bench({ production, env }, docker);
  service.setToken(TOKEN);
  expect([service.hasToken(), secrets.read("hugging-face")]).toEqual([true, TOKEN]);
  const { error, lines, states } = await build(service, { ...request, profile: "production-3b" });
  const argv = readFileSync(join(path, "argv"), "utf8");
  expect(error).toBeNull();
  expect(lines.join("\n")).toMatch(new RegExp(`${TOKEN.length}\\b[\\s\\S]*\\*{8}`));
  expect(argv).toContain("--secret id=hf_token,env=");
  const layers = docker("history", "--no-trunc", reference) + docker("image", "inspect", reference);
  const told = JSON.stringify([lines, states, await service.list("default"), argv, layers]);
  expect(told.includes(TOKEN)).toBe(false);
  const files = readdirSync(dataFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const written = files.filter(({ parentPath, name }) => readFileSync(join(parentPath, name), "utf8").includes(TOKEN));
  expect(written.map(({ name }) => name)).toEqual(["secrets.json"]);
  // A failing build's reason has what the step printed.
  const failing = production.replace("; echo\n", "; echo; exit 1\n");
  const other = bench({ production: failing }, docker);
  other.service.setToken(TOKEN);
  const failed = await build(other.service, { ...other.request, profile: "production-3b" });
  expect(failed.error).toMatchObject({ code: "build_failed" });
  expect(JSON.stringify([failed.lines, (failed.error as Error & { report(): object }).report()]).includes(TOKEN)).toBe(
    false,
  );
  service.removeToken();
  expect([service.hasToken(), secrets.read("hugging-face")]).toEqual([false, null]);
});

/** Answers as the hub does, for those names. */
async function hubOf(answers: Record<string, { status?: number; body?: unknown; token?: string }>) {
  const asked: { path: string; token: string | null }[] = [];
  const server = createServer((request, response) => {
    const [path = ""] = (request.url ?? "").split("?");
    const token = request.headers.authorization?.replace("Bearer ", "") ?? null;
    asked.push({ path, token });
    const { status = 200, body = {}, token: wanted } = answers[path] ?? { status: 404 };
    response.statusCode = wanted !== undefined && wanted !== token ? 403 : status;
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const MODEL = "/api/models/Qwen/Qwen2.5-3B";
const TOKENIZER = "/api/models/google/gemma-3-27b-it";
const DATASET = "/api/datasets/HuggingFaceFW/fineweb";
const GIB = 1024 ** 3;

test("the hub tells sizes and licences; a token opens what is gated; it goes to gated and hidden ones only", async () => {
  const siblings = [
    { rfilename: "model-00001.safetensors", size: 4 * GIB },
    { rfilename: "pytorch_model.bin", size: 9 * GIB },
    { rfilename: "config.json", size: 1024 },
  ];
  const { address, asked } = await hubOf({
    [MODEL]: { body: { gated: false, siblings } },
    [TOKENIZER]: { body: { gated: "manual", siblings: [{ rfilename: "tokenizer.json", size: 30 * 1024 ** 2 }] } },
    [`${TOKENIZER}/auth-check`]: { token: TOKEN },
    [DATASET]: { body: { gated: false } },
  });
  const { service } = bench({ hubAddress: address });
  const request = { engine: "default", profile: "production-3b" };
  const ofHub = async () =>
    (await service.check(request)).findings.filter(({ id }) => ["model", "tokenizer", "dataset"].includes(id));
  expect(await ofHub()).toEqual([
    { id: "model", level: "ok", message: "The model Qwen/Qwen2.5-3B is there, 4.0 GiB to download.", hint: "" },
    {
      id: "tokenizer",
      level: "problem",
      message: "The tokenizer google/gemma-3-27b-it is gated, 30.0 MiB to download, and there is no token.",
      hint: expect.stringContaining(`Accept its licence at ${address}/google/gemma-3-27b-it`),
    },
    { id: "dataset", level: "ok", message: "The data set HuggingFaceFW/fineweb is there.", hint: "" },
  ]);
  expect(asked.map(({ token }) => token)).toEqual([null, null, null]);
  service.setToken(TOKEN);
  expect((await ofHub()).map(({ level }) => level)).toEqual(["ok", "ok", "ok"]);
  expect(asked.filter(({ token }) => token !== null)).toEqual([{ path: `${TOKENIZER}/auth-check`, token: TOKEN }]);
  service.setToken("hf_another_token");
  expect((await ofHub())[1]).toMatchObject({
    level: "problem",
    message: expect.stringContaining("the token does not open it"),
  });
});

test.for([
  [
    "not there",
    { [DATASET]: { body: {} }, [TOKENIZER]: { body: {} } },
    "problem",
    /is not on the Hugging Face hub, or hidden/,
  ],
  ["out of order", { [MODEL]: { status: 500 } }, "unknown", /it answers with status 500/],
  ["of another shape", { [MODEL]: { body: { siblings: "none" } } }, "unknown", /its answer cannot be understood/],
] as const)("a model that is %s", async ([, answers, level, message]) => {
  const { address } = await hubOf(answers);
  const { service } = bench({ hubAddress: address });
  const { findings } = await service.check({ engine: "default", profile: "production-3b" });
  expect(findings.find(({ id }) => id === "model")).toMatchObject({ level, message: expect.stringMatching(message) });
});

test("without network, docker command or engine the check says so and what to do", async () => {
  const missing = bench({ env: { PATH: "/nonexistent" } });
  const check = await missing.service.check({ engine: "default", profile: "production-3b" });
  expect(check.findings.filter(({ id }) => ["docker", "model", "flash-attn"].includes(id))).toEqual([
    {
      id: "docker",
      level: "problem",
      message: "Images are built with the docker command, and there is none on the path.",
      hint: expect.stringContaining("apt install docker.io"),
    },
    {
      id: "model",
      level: "unknown",
      message: expect.stringContaining("size and licence are not known"),
      hint: "",
    },
    expect.objectContaining({ level: "warning" }),
  ]);
  const { error } = await build(missing.service, missing.request);
  expect(error).toMatchObject({ code: "unsupported", message: expect.stringContaining("there is none on the path") });

  const silent = bench({
    env: {
      PATH: [scriptedDocker("echo 'Cannot connect to the Docker daemon' >&2; exit 1"), process.env.PATH].join(
        delimiter,
      ),
    },
  });
  expect((await silent.service.check(silent.request)).findings[0]).toEqual({
    id: "docker",
    level: "problem",
    message: "The docker command does not reach the engine default.",
    hint: "Cannot connect to the Docker daemon",
  });
});

test("wheels come from a folder; a production image keeps the validator's base", async (context) => {
  const docker = dockerOr(context);
  const { folder, dataFolder, service, request } = bench(
    { steps: ["COPY wheel[s]/*.whl /wheels/", "RUN ls /wheels"] },
    docker,
  );
  await expect(service.check({ ...request, wheelsFolder: join(folder, "none") })).rejects.toMatchObject({
    code: "not_found",
  });
  const wheelsFolder = join(folder, "wheels");
  mkdirSync(wheelsFolder);
  await expect(service.check({ ...request, wheelsFolder })).rejects.toMatchObject({ code: "not_found" });
  for (const name of ["a-1-py3-none-any.whl", "notes.txt"]) writeFileSync(join(wheelsFolder, name), name);
  mkdirSync(join(wheelsFolder, "folder.whl"));
  symlinkSync(join(folder, "gone.whl"), join(wheelsFolder, "gone.whl"));
  // What builds took before is an estimate's business, and no reason against a build.
  mkdirSync(join(dataFolder, "image-builds.json"), { recursive: true });
  const { error, lines } = await build(service, { ...request, wheelsFolder });
  expect([
    error,
    lines.some((line) => line.endsWith("a-1-py3-none-any.whl")),
    lines.some((line) => line.endsWith("notes.txt")),
  ]).toEqual([null, true, false]);
  await expect(service.check({ ...request, profile: "production-3b", base: "debian" })).rejects.toMatchObject({
    code: "usage",
  });
});

test.for([
  ["benchmark_model_name", "-x"],
  ["benchmark_tokenizer_name", "../../etc"],
  ["benchmark_dataset_name", "a\nb"],
  ["benchmark_dataset_split", "train\u0000"],
])("a profile's name that is no name is not built: %s", async ([key, value]) => {
  const { folder, service } = bench();
  const file = join(folder, "hostile.json");
  const profile = JSON.parse(readFileSync(join(folderOf("hparams"), "production-3b.json"), "utf8"));
  writeFileSync(file, JSON.stringify({ ...profile, [key as string]: value }));
  const { error, lines } = await build(service, { engine: "default", profile: file });
  expect([error, lines]).toEqual([
    expect.objectContaining({ code: "invalid_profile", message: expect.stringContaining(key as string) }),
    [],
  ]);
});

test("the image that tests run was built by this service, of the real Dockerfile.cpu, and fits rehearsals", async (context) => {
  const image = process.env.CRUSADER_TEST_IMAGE ?? "";
  if (image === "") context.skip("needs docker: CRUSADER_TEST_IMAGE names no image");
  const service = new ImageService({
    dataFolder: join(tmpdir(), "crusader-images-unused"),
    packageFolder: PACKAGE,
    hparams: new HparamsService({ profilesFolder: folderOf("hparams") }),
    secrets: { read: () => null, write: () => {}, remove: () => {} },
    env: process.env,
  });
  const { images } = await service.list("default");
  expect(images.find(({ tags }) => tags.includes(image))).toMatchObject({
    profile: "cpu",
    fits: ["rehearsal"],
    mismatch: null,
  });
});
