/**
 * Hostile submissions in real containers of a real engine, through the app: what a verdict, a record and a machine are
 * after them. What a rank can reach in a container: simulator-image/tests/test_container.py.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { createServices } from "../app/main/router/services.ts";
import { findDocker } from "../scripts/machine.mjs";

const FIXTURES = fileURLToPath(new URL("../fixtures/submissions/", import.meta.url));
const image = process.env.CRUSADER_TEST_IMAGE;
const docker = findDocker();

type Fixture = {
  name: string;
  file?: string;
  edits?: [string, string][];
  set?: Record<string, unknown>;
};

function fixtureOf(name: string): Fixture {
  const { fixtures } = JSON.parse(readFileSync(join(FIXTURES, "expected.json"), "utf8")) as { fixtures: Fixture[] };
  const found = fixtures.find((fixture) => fixture.name === name);
  if (found === undefined) throw new Error(`no fixture ${name}`);
  return found;
}

function sourceOf({ file = "honest.py", edits = [] }: Fixture): string {
  return edits.reduce(
    (text, [old, replacement]) => text.replace(old, () => replacement),
    readFileSync(join(FIXTURES, file), "utf8"),
  );
}

/** The quick profile with those values, by dotted path. */
function profileWith(values: Record<string, unknown>): string {
  const profile = JSON.parse(readFileSync(join(FIXTURES, "quick.json"), "utf8"));
  for (const [path, value] of Object.entries(values)) {
    const names = path.split(".");
    const last = names.pop() as string;
    const section = names.reduce((inner, name) => inner[name], profile);
    section[last] = value;
  }
  return JSON.stringify(profile);
}

function benchOr(context: TestContext) {
  if ("missing" in docker) return context.skip(`needs docker: ${docker.missing}`);
  if (image === undefined) return context.skip("needs docker: CRUSADER_TEST_IMAGE names no image (npm test makes one)");
  const folder = mkdtempSync(join(tmpdir(), "crusader-containers-"));
  const services = createServices({ dataFolder: join(folder, "data") });
  onTestFinished(async () => {
    await services.close();
    rmSync(folder, { recursive: true });
  });
  const start = (name: string, values: Record<string, unknown> = {}) => {
    const fixture = fixtureOf(name);
    const path = join(folder, "train.py");
    const profile = join(folder, "profile.json");
    writeFileSync(path, sourceOf(fixture));
    writeFileSync(profile, profileWith({ ...fixture.set, ...values }));
    return services.simulation.start({
      path,
      profile,
      backend: "docker",
      sandbox: "none",
      container: { engine: "default", runProfile: "validator", image },
    });
  };
  return { ...services, start };
}

test("a submission that writes results of its own gets the judge's", async (context) => {
  const { start } = benchOr(context);
  const { outcome, failure } = await (await start("forged events")).done;
  expect({ outcome, code: failure?.code, stage: failure?.stage }).toEqual({
    outcome: "failed",
    code: "weight_mismatch",
    stage: "checks",
  });
});

test("a submission that prints without end is ended in time, and its record stays small", async (context) => {
  const { start, store } = benchOr(context);
  const { outcome, failure, output } = await (await start("exhaust: output")).done;
  expect({ outcome, kind: failure?.kind, stage: failure?.stage }).toEqual({
    outcome: "failed",
    kind: "timeout",
    stage: "warmup",
  });
  expect(output.droppedBytes).toBeGreaterThan(10_000_000);
  expect(store.output("1").length).toBeLessThan(4.1 * 1024 * 1024);
});

test.for([
  ["hang: import", "import"],
  ["hang: timed run", "timed"],
] as const)("%s: ended by the time limit, in its stage", async ([name, stage], context) => {
  const { start } = benchOr(context);
  const { outcome, failure } = await (await start(name)).done;
  expect({ outcome, kind: failure?.kind, stage: failure?.stage }).toEqual({
    outcome: "failed",
    kind: "timeout",
    stage,
  });
});

test("a submission that forks without end reaches its limit, and no other", async (context) => {
  const { start } = benchOr(context);
  const { outcome, failure } = await (await start("exhaust: processes")).done;
  expect({ outcome, kind: failure?.kind }).toEqual({ outcome: "failed", kind: "processes" });
});

test("a submission that fills its temporary files runs out of the container's memory", async (context) => {
  const { start } = benchOr(context);
  const { outcome, failure } = await (await start("exhaust: disk", { "docker.memory_limit": "1400m" })).done;
  expect({ outcome, kind: failure?.kind }).toEqual({ outcome: "failed", kind: "memory" });
});

test("a cancel takes judge, ranks and container within 5 s, and says what it removed", async (context) => {
  const { start } = benchOr(context);
  const simulation = await start("hang: timed run", { eval_timeout: 300 });
  for await (const said of simulation.events) {
    if (said.type === "judged" && said.event.type === "stage" && said.event.stage === "warmup") break;
  }
  const startedAt = performance.now();
  await simulation.cancel();
  expect(performance.now() - startedAt).toBeLessThan(5000);
  const { outcome, repeats } = await simulation.done;
  expect({ outcome, removed: repeats[0]?.notes.filter(({ id }) => id === "container_removed") }).toEqual({
    outcome: "cancelled",
    removed: [
      {
        level: "info",
        id: "container_removed",
        message: expect.stringMatching(/^Removed: container crusader-/),
        line: null,
      },
    ],
  });
});
