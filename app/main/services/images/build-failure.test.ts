/** On what real builders printed (fixtures/builds), and on the words of tools that a build runs. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildFailure } from "./build-failure.ts";
import { BuildKitReader, type BuildReader, ClassicReader, plainLine } from "./build-progress.ts";

function failureOf(reader: BuildReader, lines: readonly string[], status: number | null) {
  for (const line of lines) reader.take(line, 0);
  const lastLines = lines.filter((line) => line.trim() !== "").slice(-40);
  return buildFailure({ failed: reader.failed, lastLines: lastLines.map(plainLine), status });
}

const recorded = (name: string) =>
  readFileSync(new URL(`../../../../fixtures/builds/${name}.txt`, import.meta.url), "utf8").split("\n");

test.for([
  ["buildkit-failed", new BuildKitReader(3), 1, "build_failed", /ended with status 1\. It stopped at: RUN echo two/],
  ["classic-failed", new ClassicReader(), 3, "build_failed", /ended with status 3\. It stopped at: RUN echo two/],
  [
    "buildkit-no-registry",
    new BuildKitReader(1),
    1,
    "build_failed",
    /found no network.*It stopped at: \[internal\] load metadata for/,
  ],
  [
    "classic-no-registry",
    new ClassicReader(),
    1,
    "build_failed",
    /found no network.*It stopped at: FROM crusader-no-such-base:1/,
  ],
  [
    "classic-no-network",
    new ClassicReader(),
    1,
    "build_failed",
    /A package could not be had.*It stopped at: RUN python3 -m venv/,
  ],
] as const)("%s", ([name, reader, status, code, message]) => {
  const error = failureOf(reader, recorded(name), status);
  expect(error).toMatchObject({
    code,
    message: expect.stringMatching(message),
    hint: expect.stringContaining("the next build goes on there"),
  });
  expect(error.detail).not.toBe("");
});

/** A step of BuildKit's that prints that and fails. */
const step = (printed: string, exit = 1) => [
  "#7 [3/3] RUN python bake.py",
  ...printed.split("\n").map((line) => `#7 1.234 ${line}`),
  `#7 ERROR: process "/bin/sh -c python bake.py" did not complete successfully: exit code: ${exit}`,
  "------",
  `ERROR: failed to solve: process "/bin/sh -c python bake.py" did not complete successfully: exit code: ${exit}`,
];

test.for([
  [
    "a full disk",
    step("OSError: [Errno 28] No space left on device"),
    "disk_full",
    /disk of the engine's host is full/,
  ],
  ["memory", step("compiling", 137), "build_failed", /was killed, most likely for memory/],
  [
    "a gated model",
    step("huggingface_hub.errors.GatedRepoError: 401 Client Error.\nAccess to model x/y is restricted."),
    "build_failed",
    /did not hand out a model/,
  ],
  [
    "an unknown model",
    step("huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error."),
    "build_failed",
    /knows no such model/,
  ],
  [
    "a network that came and went",
    step("urllib3.exceptions.MaxRetryError: Max retries exceeded with url: /api (Connection timed out)"),
    "build_failed",
    /found no network/,
  ],
  [
    "no such base",
    ["#3 [internal] load metadata for docker.io/library/nothing:1", "#3 ERROR: docker.io/library/nothing:1: not found"],
    "build_failed",
    /There is no such base image/,
  ],
  [
    "an engine that is gone",
    ["ERROR: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"],
    "engine_unreachable",
    /broke off/,
  ],
  [
    "no BuildKit",
    ["ERROR: BuildKit is enabled but the buildx component is missing or broken."],
    "build_failed",
    /needs BuildKit, which the docker command lacks/,
  ],
] as const)("%s is named", ([, lines, code, message]) => {
  expect(failureOf(new BuildKitReader(3), lines, 1)).toMatchObject({ code, message: expect.stringMatching(message) });
});
