import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { crusader } from "./crusader-for-tests.ts";

const HEADER = "def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n";
const GOOD = `${HEADER}    return train(fully_shard(model))\n`;
const TOPOLOGY = 'def get_strategy():\n    return "fsdp"\n';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crusader-scan-command-"));
  writeFileSync(join(folder, "good.py"), TOPOLOGY + GOOD);
  writeFileSync(join(folder, "bad.py"), `${GOOD}    model.eval()\n    torch.cuda.synchronize()\nimport os\n`);
  writeFileSync(join(folder, "advised.py"), `${HEADER}    optimizer = torch.optim.SGD(model.parameters())\n`);
  writeFileSync(join(folder, "empty.py"), "");
  writeFileSync(join(folder, "huge.py"), "#".repeat(10_000_000));
  mkdirSync(join(folder, "sub.py"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = async (...args: string[]) => {
  const { exitCode, stdout, stderr } = await crusader("scan", ...args);
  return { exitCode, stdout: stdout.replaceAll(folder, "F"), stderr: stderr.replaceAll(folder, "F") };
};

test("a file that passes", async () => {
  expect(await run("--num-gpus", "4", join(folder, "good.py"))).toEqual({
    exitCode: 0,
    stdout: "F/good.py: passes the scan, dp 4 x tp 1\n",
    stderr: "",
  });
});

test("findings in the validator's order, and what needs CUDA", async () => {
  expect(await run(join(folder, "bad.py"))).toEqual({
    exitCode: 1,
    stdout: [
      "F/bad.py: rejected (security) at line 5: forbidden-module",
      "  5:1  forbidden-module: The module `os` is imported. Remove the import; torch has what is needed. (the validator stops here)",
      "  3:5  dynamic-code-call: A method `eval` is called, whatever it belongs to. Write the code itself; on a module, `.train(False)` does what `.eval()` does. (would be next)",
      "  needs CUDA, so a rehearsal on a CPU cannot run it:",
      "    line 4 calls torch.cuda.synchronize()",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("advice in a section of its own, which rejects nothing", async () => {
  expect(await run(join(folder, "advised.py"))).toEqual({
    exitCode: 0,
    stdout: [
      "F/advised.py: passes the scan, no topology declared",
      "  Advice, not rejections:",
      "     1:1  result-missing: inner_steps has to return an object with final_logits, total_tokens, final_loss and final_state.",
      "    2:17  optimizer-settings: The reference trains with AdamW, and SGD leads to other weights: use torch.optim.AdamW with lr 1e-4, weight_decay 0.1 and betas (0.9, 0.95).",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("JSON, in the order of the files", async () => {
  const { exitCode, stdout, stderr } = await run(
    "--json",
    ...["empty.py", "good.py", "huge.py"].map((name) => join(folder, name)),
  );
  const start = { line: 1, column: 1, endLine: 1, endColumn: 1 };
  expect({ exitCode, results: JSON.parse(stdout), stderr }).toEqual({
    exitCode: 1,
    results: [
      {
        file: "F/empty.py",
        verdict: { ok: false, kind: "structure", line: null, rule: "inner-steps-missing" },
        findings: [
          {
            rule: "inner-steps-missing",
            ...start,
            message:
              "There is no function inner_steps. Define `def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1)`.",
          },
        ],
        strategy: null,
        lints: [],
        fixes: [],
      },
      {
        file: "F/good.py",
        verdict: { ok: true, kind: "pass", line: null, rule: null },
        findings: [],
        strategy: { dp_size: 1, tp_size: 1 },
        lints: [],
        fixes: [],
      },
      {
        file: "F/huge.py",
        verdict: { ok: false, kind: "security", line: null, rule: "source-too-large" },
        findings: [
          {
            rule: "source-too-large",
            ...start,
            message: "The file has more than 500,000 bytes. Keep the file within 500,000 bytes.",
          },
        ],
        strategy: null,
        lints: [],
        fixes: [],
      },
    ],
    stderr: "",
  });
});

test("a file that cannot be read is wrong use, and the others are scanned", async () => {
  const names = ["missing.py", "sub.py", "good.py/x.py", "good.py"].map((name) => join(folder, name));
  expect(await run(...names, "")).toEqual({
    exitCode: 2,
    stdout: "F/good.py: passes the scan, dp 1 x tp 1\n",
    stderr: [
      "error: F/missing.py cannot be read: it does not exist.",
      "error: F/sub.py cannot be read: it is a folder.",
      "error: F/good.py/x.py cannot be read: part of its path is no folder.",
      "error: A file without a name cannot be read: it does not exist.",
      "",
    ].join("\n"),
  });
});

test.each([
  [[], "Name at least one file to scan."],
  [["--num-gpus", "0", "x.py"], '--num-gpus takes a whole number from 1 to 99999, not "0".'],
  [["--num-gpus", "2.5", "x.py"], '--num-gpus takes a whole number from 1 to 99999, not "2.5".'],
  [["--nope", "x.py"], "Unknown option '--nope'"],
])("wrong use: %j", async (args, message) => {
  const { exitCode, stdout, stderr } = await run(...args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toContain(message);
});

test("a name with control characters cannot draw on the terminal", async () => {
  expect((await run("\u001b[2Jx.py")).stderr).toBe("error: x.py cannot be read: it does not exist.\n");
});
