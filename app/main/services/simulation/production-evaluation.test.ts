/** Runs that the validator's own code judges: what is planned, kept, ordered and refused. Only the judge is scripted. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { CrusaderError } from "../../../common/errors.ts";
import type { ProductionCode } from "../../../common/runs.ts";
import { HparamsService } from "../hparams/index.ts";
import { RunStore } from "../runs/index.ts";
import type { Backend, Order } from "./backend.ts";
import { DockerBackend } from "./backends/docker.ts";
import { type SimulationRequest, SimulationService } from "./index.ts";
import { ScriptedBackend } from "./scripted-backend.ts";

const folderOf = (name: string) => fileURLToPath(new URL(`../../../../${name}`, import.meta.url));

function codeOf(id: string): ProductionCode {
  const file = (path: string, text: string) => ({
    path,
    sha256: createHash("sha256").update(text).digest("hex"),
    content: Buffer.from(text).toString("base64"),
  });
  return {
    revision: { id: id.repeat(40), label: id.repeat(7) },
    files: [file("env.py", `class Actor: ${id}`), file("crusades/core/security_defs.py", "")],
  };
}

const NOT_FETCHED = new CrusaderError("not_found", "none was fetched yet", "crusader production fetch");

/** As the docker backend, with a scripted judge; keeps the orders it gets. */
class Containers implements Backend {
  readonly name = "docker";
  readonly survives = true;
  readonly orders: Order[] = [];
  /** Resolves when it was asked for an evaluation that goes on without end. */
  endless: PromiseWithResolvers<void> | null = null;
  readonly #scripted = new ScriptedBackend();
  check = async () => this.#scripted.check();
  environment = async () => this.#scripted.environment();
  launch: Backend["launch"] = async (order, listener) => {
    this.orders.push(order);
    if (this.endless !== null) {
      this.endless.resolve();
      const nothing = () => {};
      return { done: new Promise(nothing), cancel: nothing, kill: nothing, detach: nothing };
    }
    return this.#scripted.launch({ ...order, production: undefined }, listener);
  };
}

function bench() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-production-evaluation-"));
  const dataFolder = join(folder, "data");
  const store = new RunStore({ dataFolder });
  onTestFinished(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const backend = new Containers();
  const source: { code: ProductionCode | null } = { code: codeOf("a") };
  const options = {
    dataFolder,
    store,
    hparams: new HparamsService({ profilesFolder: folderOf("hparams") }),
    policy: () => ({ policy: {}, sha256: "p1", origin: "built-in" }),
    productionCode: () => {
      if (source.code === null) throw NOT_FETCHED;
      return source.code;
    },
    backends: [backend, new ScriptedBackend()],
    crusaderVersion: "1.2.3",
    now: Date.now,
    randomSeed: () => "seed",
  };
  const request = (words: string, more: Partial<SimulationRequest> = {}): SimulationRequest => {
    writeFileSync(join(folder, "train.py"), words);
    return {
      path: join(folder, "train.py"),
      profile: "production-2026-04",
      backend: "docker",
      sandbox: "container",
      evaluation: "production",
      ...more,
    };
  };
  return { folder, dataFolder, store, backend, source, options, request, service: new SimulationService(options) };
}

test("the code travels with every order of its run, although the source becomes another meanwhile; the plan has hashes", async () => {
  const { service, store, backend, source, request } = bench();
  const simulation = await service.start(request("pass"));
  source.code = codeOf("b");
  const { notComparable } = await simulation.done;
  const { plan } = store.show("1");
  expect(backend.orders.map(({ production }) => production)).toEqual([codeOf("a"), codeOf("a")]);
  expect(plan.production).toEqual({
    revision: { id: "a".repeat(40), label: "aaaaaaa" },
    files: codeOf("a").files.map(({ path, sha256 }) => ({ path, sha256 })),
  });
  expect(JSON.stringify(store.show("1"))).not.toContain(codeOf("a").files[0]?.content);
  expect(notComparable).toContain(
    "judged by production's env.py, revision aaaaaaa; its result comes from the submission's own process",
  );
});

test("a later process that goes on with a run has its code from the record", async () => {
  const { service, store, backend, source, options, request, dataFolder } = bench();
  const begun = Promise.withResolvers<void>();
  backend.endless = begun;
  const simulation = await service.start(request("pass"));
  await begun.promise;
  await simulation.detach?.();
  // The owner is this very process: as after its end.
  rmSync(join(dataFolder, "runs", "1", "owner.json"));
  backend.endless = null;
  source.code = null;
  const [gone] = await new SimulationService(options).reattach();
  await gone?.done;
  expect(backend.orders.map(({ repeat, production }) => [repeat, production?.revision.label])).toEqual([
    [0, "aaaaaaa"],
    [0, "aaaaaaa"],
    [1, "aaaaaaa"],
  ]);
  expect(store.show("1").state).toBe("passed");
});

test.for([
  [
    "another backend",
    { backend: "scripted" },
    "Production's own code judges in its container; the backend scripted has none.",
  ],
  [
    "a rehearsal",
    { profile: "rehearsal" },
    "Production's own code needs CUDA: it cannot judge on a CPU, as this profile asks for.",
  ],
] as const)("%s is no place for it, in words", async ([, more, message]) => {
  const { service, store, request } = bench();
  await expect(service.start(request("pass", more))).rejects.toMatchObject({ code: "unsupported", message });
  const { problems, productionEvaluation } = await service.forecast(request("pass", more));
  expect(problems.map((problem) => problem.message)).toEqual([message]);
  expect(productionEvaluation).toMatchObject({ revision: "aaaaaaa", problem: { message } });
  expect(store.list({}).total).toBe(0);
});

test("without a fetched source the forecast says what fetches one; Crusader's own evaluation is as it was", async () => {
  const { service, source, request } = bench();
  source.code = null;
  await expect(service.start(request("pass"))).rejects.toBe(NOT_FETCHED);
  const own = await service.forecast(request("pass", { evaluation: "crusader" }));
  expect({ evaluation: own.evaluation, problems: own.problems, other: own.productionEvaluation }).toEqual({
    evaluation: "crusader",
    problems: [],
    other: { revision: null, problem: NOT_FETCHED.report() },
  });
});

test("what stages took is told apart, as is the history", async () => {
  const { service, store, request } = bench();
  await (await service.start(request("pass"))).done;
  await (await service.start(request("pass", { evaluation: "crusader" }))).done;
  const ids = (evaluation?: "crusader" | "production") => store.list({ evaluation }).runs.map(({ id }) => id);
  expect([ids(), ids("crusader"), ids("production")]).toEqual([["2", "1"], ["2"], ["1"]]);
  expect(store.list({ search: "production aaa" }).runs.map(({ id }) => id)).toEqual(["1"]);
  expect(store.list({}).runs.map(({ productionRevision }) => productionRevision)).toEqual([undefined, "aaaaaaa"]);
  const profile = store.show("1").plan.profile.name;
  expect(service.expectedStageSeconds(profile, 4, "production")).toEqual({ scan: 0.25 });
});

test("the order by hand holds the code, in a version that older judges refuse", async () => {
  const { options, request, folder } = bench();
  const docker = new DockerBackend({
    dataFolder: options.dataFolder,
    packageFolder: folderOf("simulator-image"),
    crusaderVersion: "1.2.3",
    surroundings: { env: {}, platform: "linux", home: folder },
  });
  const service = new SimulationService({ ...options, backends: [docker] });
  const orderOf = async (more: Partial<SimulationRequest>) => {
    const { order } = await service.byHand(request("pass", more), join(folder, "order.json"));
    const { version, production, source } = JSON.parse(order);
    return { version, production, source: Buffer.from(source, "base64").toString() };
  };
  expect(await orderOf({})).toEqual({ version: 2, production: codeOf("a"), source: "pass" });
  expect(await orderOf({ evaluation: "crusader" })).toEqual({ version: 1, production: undefined, source: "pass" });
  await expect(service.byHand(request("pass", { profile: "rehearsal" }), "order.json")).rejects.toMatchObject({
    code: "unsupported",
  });
});

test("the judge's double is in the tests' package, and no image holds it", () => {
  expect(readFileSync(folderOf("simulator-image/.dockerignore"), "utf8")).toContain("tests");
});
