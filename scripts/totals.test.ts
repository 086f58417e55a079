import { expect, test } from "vitest";
import { closing, isForbidden, readJunit } from "./totals.mjs";

const docker = { name: "e2e/machine.test.ts > runs an image", reason: "needs docker: no engine answers" };
const gpu = { name: "tests.test_cuda::test_nccl", reason: "needs gpu: no CUDA device" };
const unnamed = { name: "a.test.ts > later", reason: "" };

test("a skip is a failure only where what it needs is required, or nobody says what it needs", () => {
  const forbidden = (required: string[]) => [docker, gpu, unnamed].map((skip) => isForbidden(skip, required));
  expect(forbidden([])).toEqual([false, false, false]);
  expect(forbidden(["docker"])).toEqual([true, false, true]);
  expect(forbidden(["sandbox"])).toEqual([false, false, true]);
});

test("what can be had by no installation is never required", () => {
  const every = ["sandbox", "python", "docker", "browser", "oldelectron", "electron"];
  const reasons = [
    "needs checkout: CRUSADER_PRODUCTION_SOURCE names none",
    "needs gpu: none",
    "needs nonroot: this is root",
  ];
  const lacking = reasons.map((reason) => isForbidden({ name: "a.test.ts > one", reason }, every));
  expect(lacking).toEqual([false, false, false]);
  expect(isForbidden({ name: "a.test.ts > one", reason: "needs luck: none" }, every)).toBe(true);
});

test("the last line is the totals, alone on its line", () => {
  const suites = [
    { suite: "vitest", passed: 10, failed: 0, skips: [docker, gpu], seconds: 3.21 },
    { suite: "pytest", passed: 5, failed: 1, skips: [], seconds: 20 },
  ];
  const missing = [{ part: "docker", missing: "no Docker engine answers" }];
  expect(closing(suites, missing, [])).toEqual({
    failed: 1,
    text: `suite      passed   failed  skipped  seconds
vitest         10        0        2      3.2
pytest          5        1        0     20.0

Missing or skipped:
  no docker: no Docker engine answers
  e2e/machine.test.ts > runs an image: needs docker: no engine answers
  tests.test_cuda::test_nccl: needs gpu: no CUDA device

15 passed, 1 failed, 2 skipped`,
  });
  const strict = closing(suites, missing, ["docker"]);
  expect(strict.failed).toBe(3);
  expect(strict.text.split("\n").at(-1)).toBe("15 passed, 3 failed, 1 skipped");
  expect(strict.text).toContain("  FAILED e2e/machine.test.ts > runs an image: needs docker: no engine answers\n");
});

test("pytest's JUnit file is read", () => {
  const xml = `<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="5">
<testcase classname="tests.test_a" name="test_pass" time="0.1" />
<testcase classname="tests.test_a" name="test_prints" time="0.1"><system-out>x</system-out></testcase>
<testcase classname="tests.test_a" name="test_fail[a&gt;b]"><failure message="assert 1">trace</failure></testcase>
<testcase classname="tests.test_a" name="test_setup"><error message="fixture">trace</error></testcase>
<testcase classname="tests.test_a" name="test_skip"><skipped type="pytest.skip" message="needs gpu: &quot;none&quot;">x</skipped></testcase>
</testsuite></testsuites>`;
  expect(readJunit(xml)).toEqual({
    passed: 2,
    failed: 2,
    skips: [{ name: "tests.test_a::test_skip", reason: 'needs gpu: "none"' }],
  });
});
