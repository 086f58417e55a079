import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import type { RunProfile } from "../../../../common/runs.ts";
import { type ContainerPlan, containerOptions, dockerCommands } from "./container-options.ts";

const GIB = 1024 ** 3;

const plan = (runProfile: RunProfile, numRanks: number, more: Partial<ContainerPlan> = {}): ContainerPlan => ({
  name: "c",
  image: "image",
  labels: { "crusader.run": "7" },
  runProfile,
  numRanks,
  device: "cuda",
  gpus: null,
  limits: { memory_limit: "32g", shm_size: "8g" },
  ...more,
});

/** The words of the command `docker run`, as a shell passes them on. */
function runWords(wanted: ContainerPlan): string[] {
  const commands = dockerCommands(containerOptions(wanted), ["docker"], "order.json").split("\n");
  const run = commands.find((line) => line.startsWith("docker run ")) ?? "";
  const script = `printf '%s\\n' ${run.replace(/ < order\.json$/, "")}`;
  return execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\n").slice(0, -1);
}

/** The values of an option; [] where it is not there, [""] for one without value. */
const valuesOf = (words: string[], option: string) =>
  words.flatMap((word, index) => (word === option ? [words[index + 1] ?? ""] : []));

const ENVIRONMENT = ["NCCL_P2P_LEVEL=NVL", "NCCL_SHM_USE_CUDA_MEMCPY=1", "NCCL_NVLS_ENABLE=1", "NCCL_IB_DISABLE=1"];
const TMPFS = ["/tmp:rw,exec,nosuid,size=4g", "/home/appuser/.triton:rw,exec,size=2g"];

/** spec/evaluation.md section 6: flag, validator with 1 GPU, with 4, public simulator with 4. */
test.each<[string, string[], string[], string[]]>([
  ["--gpus", ["1"], ["4"], ["4"]],
  ["--memory", [`${32 * GIB}`], [`${32 * GIB}`], [`${32 * GIB}`]],
  ["--shm-size", [`${8 * GIB}`], [`${8 * GIB}`], [`${8 * GIB}`]],
  ["--network", ["none"], ["c"], ["c"]],
  ["--dns", [], ["127.0.0.1"], ["127.0.0.1"]],
  ["--cap-drop", ["ALL"], ["ALL"], ["ALL"]],
  ["--security-opt", ["no-new-privileges"], ["no-new-privileges"], ["no-new-privileges"]],
  ["--pids-limit", ["1024"], ["4096"], ["4096"]],
  ["--tmpfs", TMPFS, TMPFS, TMPFS],
  ["--stop-timeout", ["30"], ["30"], ["30"]],
  ["--ipc", [], [], ["host"]],
  ["--ulimit", [], [], ["memlock=-1:-1"]],
  ["--env", [], [], ENVIRONMENT],
  ["--privileged", [], [], []],
  ["--cap-add", [], [], []],
  ["--volume", [], [], []],
  ["--publish", [], [], []],
])("the flag %s is section 6's", (option, one, four, simulator) => {
  const plans = [plan("validator", 1), plan("validator", 4), plan("public", 4)];
  expect(plans.map((wanted) => valuesOf(runWords(wanted), option))).toEqual([one, four, simulator]);
});

test.each(["validator", "public"] as const)("the root is read-only, whoever's flags they are: %s", (runProfile) => {
  expect(runWords(plan(runProfile, 1))).toContain("--read-only");
});

test("several GPUs get at least 2 GiB of shared memory each", () => {
  const limits = { memory_limit: "32g", shm_size: "1g" };
  const sizes = [1, 4].map(
    (ranks) => containerOptions(plan("validator", ranks, { limits })).create.HostConfig?.ShmSize,
  );
  expect(sizes).toEqual([GIB, 8 * GIB]);
});

test("GPUs are chosen by number, and a rehearsal has none", () => {
  expect(valuesOf(runWords(plan("validator", 2, { gpus: [0, 3] })), "--gpus")).toEqual(['"device=0,3"']);
  expect(containerOptions(plan("validator", 2, { gpus: [0, 3] })).create.HostConfig?.DeviceRequests).toEqual([
    { DeviceIDs: ["0", "3"], Capabilities: [["gpu"]] },
  ]);
  expect(valuesOf(runWords(plan("validator", 2, { device: "cpu" })), "--gpus")).toEqual([]);
});

test("the commands make, start and remove all of it, each word quoted for a shell", () => {
  const wanted = plan("validator", 2, { name: "it's", labels: {}, device: "cpu" });
  const lines = dockerCommands(containerOptions(wanted), ["docker", "--context", "my box"], "my order.json").split(
    "\n",
  );
  const [network, run = "", , launcher, , remove, removeNetwork] = lines;
  const docker = "docker --context 'my box'";
  const name = "'it'\\''s'";
  expect([network, launcher, remove, removeNetwork]).toEqual([
    `${docker} network create --internal ${name}`,
    `${docker} exec --detach --user appuser ${name} python -m crusades_eval.launcher --join /tmp/crusader/judge.sock`,
    `${docker} rm --force ${name}`,
    `${docker} network rm ${name}`,
  ]);
  expect(run).toMatch(
    / --user judge .* --entrypoint '' image python -m crusades_eval\.judge --detached < 'my order\.json'$/,
  );
});
