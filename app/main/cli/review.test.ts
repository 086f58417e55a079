import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { crusader } from "./crusader-for-tests.ts";

const TEMPLATE = readFileSync(fileURLToPath(new URL("../../../templates/single.py", import.meta.url)), "utf8");
const SUSPICIOUS = TEMPLATE.replace(
  "    total_tokens = 0\n",
  '    total_tokens = 0\n    fast = num_steps > 2\n    seed, name = torch.initial_seed(), "\u202e"\n',
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crusader-review-command-"));
  writeFileSync(join(folder, "honest.py"), TEMPLATE);
  writeFileSync(join(folder, "suspicious.py"), SUSPICIOUS);
  writeFileSync(join(folder, "broken.py"), "def f(:\n");
  writeFileSync(join(folder, "huge.py"), "#".repeat(10_000_000));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = async (...args: string[]) => {
  const { exitCode, stdout, stderr } = await crusader("review", ...args);
  return { exitCode, stdout: stdout.replaceAll(folder, "F"), stderr: stderr.replaceAll(folder, "F") };
};

test("a file with nothing to look at, and its techniques", async () => {
  expect(await run(join(folder, "honest.py"))).toEqual({
    exitCode: 0,
    stdout: [
      "F/honest.py: nothing to look at",
      "  technique            lines",
      "  Fused optimizer      19",
      "  Asynchronous copies  23",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("findings with what they would let one do; marks of direction do not reach the terminal", async () => {
  expect(await run(join(folder, "suspicious.py"))).toEqual({
    exitCode: 1,
    stdout: [
      "F/suspicious.py: 3 findings, 2 likely exploits",
      "  place  severity        finding         code",
      "  21:12  likely exploit  warm-up-branch  num_steps > 2",
      "  22:41  likely exploit  hidden-text",
      "  22:18  worth a look    probing         torch.initial_seed()",
      "  What it would let one do:",
      "    warm-up-branch: The warm-up and the timed run ask for different numbers of steps: this tells them apart, and can do honest work in the one and something else in the other.",
      "    hidden-text: The mark U+202E shows this line in another order than it runs.",
      "    probing: The state of chance says which seed this evaluation has, and so which data come.",
      "  technique            lines",
      "  Fused optimizer      19",
      "  Asynchronous copies  25",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("files that cannot be reviewed say so, and the others are reviewed", async () => {
  const names = ["broken.py", "huge.py", "missing.py", "honest.py"].map((name) => join(folder, name));
  const { exitCode, stdout, stderr } = await run(...names);
  expect({ exitCode, stdout: stdout.split("\n").slice(0, 3), stderr }).toEqual({
    exitCode: 2,
    stdout: [
      "F/broken.py: not reviewed at line 1: Python cannot parse the file: invalid syntax.",
      "F/huge.py: not reviewed: The file has more than 500,000 bytes.",
      "F/honest.py: nothing to look at",
    ],
    stderr: "error: F/missing.py cannot be read: it does not exist.\n",
  });
  expect((await run(join(folder, "broken.py"))).exitCode).toBe(1);
});

test("JSON, in the order of the files, with others' text escaped", async () => {
  const names = ["suspicious.py", "honest.py"].map((name) => join(folder, name));
  const { exitCode, stdout, stderr } = await run("--json", ...names);
  const results = JSON.parse(stdout);
  expect({ exitCode, stderr, hasMark: stdout.includes("\u202e") }).toEqual({ exitCode: 1, stderr: "", hasMark: false });
  expect(results[0].findings[1]).toEqual({
    id: "hidden-text",
    title: "Looks otherwise than it runs",
    severity: "likely_exploit",
    line: 22,
    column: 41,
    endLine: 22,
    endColumn: 42,
    sentence: "The mark U+202E shows this line in another order than it runs.",
    evidence: [{ line: 22, column: 41, endLine: 22, endColumn: 42, text: "\u202e" }],
  });
  expect({ ...results[1], techniques: results[1].techniques.map(({ id }: { id: string }) => id) }).toEqual({
    file: "F/honest.py",
    unreviewed: null,
    findings: [],
    techniques: ["optimizer-fused", "non-blocking-copies"],
  });
});

test.each([
  [[], "Name at least one file to review."],
  [["--nope", "x.py"], "Unknown option '--nope'"],
])("wrong use: %j", async (args, message) => {
  const { exitCode, stdout, stderr } = await run(...args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toContain(message);
});
