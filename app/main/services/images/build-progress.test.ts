/** On outputs of real builders, recorded in fixtures/builds. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BuildKitReader, type BuildReader, ClassicReader, countSteps, timeLeft } from "./build-progress.ts";

const recorded = (name: string) =>
  readFileSync(new URL(`../../../../fixtures/builds/${name}.txt`, import.meta.url), "utf8").split("\n");

/** Line by line, a second each; what it says after those that are asked about. */
function read(reader: BuildReader, lines: readonly string[], ...asked: (string | RegExp)[]) {
  const seen = lines.map((line, second) => {
    reader.take(line, second * 1000);
    return { line, progress: reader.progress() };
  });
  return asked.map(
    (line) => seen.find((entry) => (typeof line === "string" ? entry.line === line : line.test(entry.line)))?.progress,
  );
}

const STEPS = {
  packages: "RUN echo packages; sleep 1; seq 1 3",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the Dockerfile's own
  second: "RUN echo second; sleep ${SECONDS_EACH:-1}; printf 'partial'; sleep 1; echo ' line'",
  secret: "RUN --mount=type=secret,id=hf_token test ! -e /run/secrets/hf_token || wc -c < /run/secrets/hf_token",
};

test("BuildKit: steps of all stages are counted as they end, the context by its bytes", () => {
  const reader = new BuildKitReader(7);
  const [begun, context, inRun, exporting] = read(
    reader,
    recorded("buildkit"),
    "#2 [internal] load .dockerignore",
    "#8 transferring context: 30.01MB 0.2s done",
    "#6 0.072 second",
    "#12 exporting to image",
  );
  expect({ begun, context, inRun, exporting }).toEqual({
    begun: {
      step: { number: 1, total: 7, name: "[internal] load .dockerignore" },
      doing: "Reading the Dockerfile",
      cachedSteps: 0,
      bytes: null,
    },
    context: {
      step: { number: 3, total: 7, name: "[internal] load build context" },
      doing: "Sending the build context",
      cachedSteps: 0,
      bytes: { done: 30_010_000, total: null },
    },
    inRun: { step: { number: 3, total: 7, name: STEPS.second }, doing: STEPS.second, cachedSteps: 0, bytes: null },
    exporting: {
      step: { number: 7, total: 7, name: "exporting to image" },
      doing: "Writing the image",
      cachedSteps: 0,
      bytes: null,
    },
  });
  expect(reader.ended).toEqual([
    { name: "FROM docker.io/library/crusader-test-base:bookworm", seconds: 0, cached: true },
    { name: STEPS.secret, seconds: 0.1, cached: false },
    { name: STEPS.second, seconds: 2.1, cached: false },
    { name: STEPS.packages, seconds: 1.1, cached: false },
    { name: "COPY data.bin /data.bin", seconds: 0, cached: false },
    { name: "COPY --from=packages /data.bin /data.bin", seconds: 0, cached: false },
    { name: "WORKDIR /tmp", seconds: 0, cached: false },
  ]);
});

test("BuildKit: a base that is fetched says how many bytes of how many, and how long that takes still", () => {
  const reader = new BuildKitReader(2);
  const lines = recorded("buildkit-pull");
  const half = lines.findIndex((line) => line.includes("33.55MB / 62.02MB"));
  read(reader, lines.slice(0, half + 1));
  const begun = lines.findIndex((line) => line.startsWith("#4 [1/2] FROM"));
  const [done, total] = [33_550_000 + 428 + 895, 62_020_000 + 428 + 895];
  expect(reader.progress()).toEqual({
    step: { number: 1, total: 2, name: lines[begun]?.slice("#4 [1/2] ".length) },
    doing: "Fetching the base image 127.0.0.1:5055/base:1",
    cachedSteps: 0,
    bytes: { done, total },
  });
  expect(timeLeft(reader, [], half * 1000)).toEqual({
    seconds: expect.closeTo(((half - begun) * (total - done)) / done, 5),
    of: "step",
  });
  const [unpacking, copied] = read(new BuildKitReader(2), lines, /^#4 extracting/, "#6 DONE 0.1s");
  expect([unpacking?.doing, copied?.step]).toEqual([
    "Unpacking the base image 127.0.0.1:5055/base:1",
    { number: 2, total: 2, name: "COPY b /d" },
  ]);
});

test("the rest of a build takes what its steps took before", () => {
  const reader = new BuildKitReader(7);
  const lines = recorded("buildkit");
  const at = lines.indexOf("#6 0.072 second");
  read(reader, lines.slice(0, at + 1));
  const before = [
    { name: STEPS.secret, seconds: 100 },
    { name: STEPS.second, seconds: 60 },
    { name: STEPS.packages, seconds: 30 },
  ];
  const begun = lines.findIndex((line) => line.includes("[stage-1 3/5]"));
  expect(timeLeft(reader, before, (begun + 10) * 1000)).toEqual({ seconds: 80, of: "build" });
  expect(timeLeft(reader, before, (begun + 1000) * 1000)).toEqual({ seconds: 30, of: "build" });
  expect(timeLeft(reader, before.slice(2), (begun + 10) * 1000)).toBeNull();
});

test("classic: instructions one after the other", () => {
  const reader = new ClassicReader();
  const [context, inRun] = read(reader, recorded("classic"), /^Sending build context/, "partial line");
  expect({ context, inRun }).toEqual({
    context: {
      step: null,
      doing: "Sending the build context",
      cachedSteps: 0,
      bytes: { done: 30_000_000, total: null },
    },
    inRun: { step: { number: 8, total: 12, name: STEPS.second }, doing: STEPS.second, cachedSteps: 0, bytes: null },
  });
  expect(reader.ended.length).toBe(12);
  expect(reader.ended[7]).toEqual({ name: STEPS.second, seconds: 6, cached: false });
});

test.for([
  ["buildkit-failed", new BuildKitReader(3)],
  ["classic-failed", new ClassicReader()],
] as const)("%s: the failed step and what it printed", ([name, reader]) => {
  read(reader, recorded(name));
  const { name: step, lastLines } = reader.failed ?? { name: "", lastLines: [] };
  expect({ step, printed: lastLines.filter((line) => /^(?:two|three|\d)$/.test(line)).sort() }).toEqual({
    step: "RUN echo two; echo three >&2; seq 1 4; exit 3",
    printed: ["1", "2", "3", "4", "three", "two"],
  });
});

test("bars that programs draw over say bytes", () => {
  const reader = new ClassicReader();
  read(reader, [
    "Step 1/1 : RUN python bake.py",
    "\u001b[91m\rmodel.safetensors:   0%|###   | 0.0G/4.98G [00:00<00:05, 300MB/s]\u001b[0m\u001b[91m\rmodel.safetensors:  40%|###   | 2.0G/4.98G [00:02<00:03, 300MB/s]\u001b[0m",
  ]);
  expect(reader.progress().bytes).toEqual({ done: 2_000_000_000, total: 4_980_000_000 });
});

test("steps are counted as BuildKit counts them", () => {
  const of = (name: string) => readFileSync(new URL(`../../../../simulator-image/${name}`, import.meta.url), "utf8");
  // 5 RUN, 3 COPY of it, and one base for both stages; then a base of its own for the first.
  expect([
    countSteps(of("Dockerfile.cpu"), {}),
    countSteps("FROM a AS b\nFROM b\nRUN x \\\n  RUN\nWORKDIR /\n", {}),
  ]).toEqual([9, 3]);
  expect(countSteps(of("Dockerfile"), { BASE: "one", COMPILER: "one" })).toBe(countSteps(of("Dockerfile"), {}) - 1);
});
