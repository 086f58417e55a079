// The public forge's workflow, held to the forge's own parser and to what a workflow of ours may do.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { expect, test } from "vitest";
import { parse } from "yaml";

// The parser imports JSON as bundlers do; Node wants to be told that it is JSON.
registerHooks({
  load: (url, context, nextLoad) =>
    nextLoad(url, url.endsWith(".json") ? { ...context, importAttributes: { type: "json" } } : context),
});
const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import("@actions/workflow-parser");

const NAME = ".github/workflows/ci.yml";
const content = readFileSync(new URL(`../${NAME}`, import.meta.url), "utf8");
const packageJson = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

async function problems(text: string): Promise<string[]> {
  const { context, value } = parseWorkflow({ name: NAME, content: text }, new NoOperationTraceWriter());
  if (value !== undefined) await convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(({ message }) => message);
}

interface Step {
  uses?: string;
  run?: string;
}
interface Job {
  "timeout-minutes"?: number;
  permissions?: unknown;
  steps: Step[];
}
const workflow: { permissions: unknown; jobs: Record<string, Job> } = parse(content);
const jobs = Object.entries(workflow.jobs);
const steps = jobs.flatMap(([, job]) => job.steps);

test("the forge's own parser accepts it", async () => {
  expect(await problems(content)).toEqual([]);
});

test("the forge's parser would find a mistake", async () => {
  expect(await problems(content.replace("runs-on:", "run-on:"))).not.toEqual([]);
  expect(await problems(content.replace("needs: [test, window]", "needs: [nothing]"))).not.toEqual([]);
  expect(await problems(content.replace("matrix.require }}", "matrix.require"))).not.toEqual([]);
});

test("it may read, and nothing else; no job runs for ever", () => {
  expect(workflow.permissions).toEqual({ contents: "read" });
  for (const [name, job] of jobs) {
    expect([name, job.permissions, typeof job["timeout-minutes"]]).toEqual([name, undefined, "number"]);
  }
  expect(content).not.toMatch(/pull_request_target|secrets\./);
});

test("it uses the forge's own actions only, each by its major version", () => {
  const used = steps.flatMap(({ uses }) => (uses === undefined ? [] : [uses]));
  expect(used.filter((action) => !/^actions\/[a-z-]+@v\d+$/.test(action))).toEqual([]);
});

test("it runs scripts that the package has", () => {
  const scripts = steps.flatMap(({ run = "" }) => [...run.matchAll(/\bnpm (?:run )?(\w+)/g)].map(([, name]) => name));
  const own = ["ci", ...Object.keys(packageJson.scripts)];
  expect(scripts.filter((name) => !own.includes(name ?? ""))).toEqual([]);
  expect(new Set(scripts)).toEqual(new Set(["ci", "test", "build", "package"]));
});
