import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { ArenaServerDouble, codeFor, doubleEvaluation, hashOf } from "../../../e2e/arena-server-double.ts";
import { crusader } from "./crusader-for-tests.ts";
import { EXIT } from "./io.ts";

async function bench() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-arena-cli-"));
  vi.stubEnv("CRUSADER_HOME", join(folder, "home"));
  vi.stubEnv("BT_WALLET_PATH", join(folder, "wallets"));
  const server = await ArenaServerDouble.start();
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await server.close();
    rmSync(folder, { recursive: true });
  });
  server.put(
    {
      submission_id: "v1_commit_1000_2",
      miner_hotkey: "5B",
      miner_uid: 2,
      final_score: 55,
      evaluations: [doubleEvaluation("e1", 55)],
    },
    {
      submission_id: "v1_commit_1010_2",
      miner_hotkey: "5B",
      miner_uid: 2,
      final_score: 55.1,
      created_at: "2026-04-05T10:30:00",
      code: `${codeFor("v1_commit_1000_2")}# one more\u202e\n`,
    },
    {
      submission_id: "v1_commit_1020_3",
      status: "failed_evaluation",
      final_score: null,
      error_message: "loss_mismatch\u001b[2J",
      code: null,
    },
  );
  await arena("add", "main", server.address);
  return { folder, server };
}

const arena = (...args: string[]) => crusader("arena", ...args);

test("the leaderboard, with the server and without it", async () => {
  const { server } = await bench();
  const withoutTime = ({ stdout, ...rest }: Awaited<ReturnType<typeof arena>>) => ({
    ...rest,
    stdout: stdout.replace(/seen .* UTC/, "seen"),
  });
  const online = withoutTime(await arena("leaderboard"));
  expect(online).toEqual({
    exitCode: EXIT.passed,
    stderr: "",
    stdout: [
      "place  by score      MFU  runs  uid  hotkey  submission        created",
      "    1         2  55.00 %     1    2  5B      v1_commit_1000_2  2026-04-05 10:00 UTC",
      "    2         1  55.10 %     0    2  5B      v1_commit_1010_2  2026-04-05 10:30 UTC",
      "",
      "main, seen: 2 of 2.",
      "To lead now: more than 60.25 %, the leader and 9.55 % at block 1,100.",
      "The winner gets 0 % of the miners' emission: 100 % is burned.",
      "The source itself names v1_commit_1010_2 as place 1; by the leader rule it is v1_commit_1000_2.",
      "",
    ].join("\n"),
  });
  await server.close();
  expect(withoutTime(await arena("leaderboard", "--offline"))).toEqual(online);
  const away = await arena("leaderboard");
  expect([away.exitCode, withoutTime(away).stdout]).toEqual([EXIT.passed, online.stdout]);
  expect(away.stderr).toMatch(/cannot be read: nothing listens there\. Shown is what was seen .* UTC\.\n$/);
});

test("a submission, its code and a diff, with nothing that a terminal obeys", async () => {
  const { folder } = await bench();
  const shown = await arena("show", "v1_commit_1010_2");
  expect(shown.stdout).toContain("8 lines, 1 hidden character; what was committed");
  expect(shown.stdout).toContain("before it   v1_commit_1000_2");
  const failed = await arena("show", "v1_commit_1020_3");
  expect(failed.stdout).toContain("error       loss_mismatch\ufffd[2J\n");
  expect((await arena("code", "v1_commit_1010_2", "--offline")).stdout).toBe(
    `${codeFor("v1_commit_1000_2")}# one more\ufffd\n`,
  );
  const file = join(folder, "theirs.py");
  expect((await arena("code", "v1_commit_1000_2", "--output", file)).stderr).toContain("is another's code");
  expect(readFileSync(file, "utf8")).toBe(codeFor("v1_commit_1000_2"));
  const diff = await arena("diff", "leader", "v1_commit_1010_2", "--json");
  expect([diff.exitCode, JSON.parse(diff.stdout)]).toEqual([
    EXIT.problemFound,
    {
      a: { title: "v1_commit_1000_2 (leader)", sha256: hashOf(codeFor("v1_commit_1000_2")) },
      b: { title: "v1_commit_1010_2", sha256: hashOf(`${codeFor("v1_commit_1000_2")}# one more\u202e\n`) },
      identical: false,
      diff: expect.stringContaining("+# one more\ufffd"),
    },
  ]);
  expect(await arena("diff", file, "v1_commit_1000_2")).toMatchObject({ exitCode: EXIT.passed });
  expect(await arena("show", "none")).toMatchObject({ exitCode: EXIT.usage });
  expect(await arena("code", "v1_commit_1020_3")).toMatchObject({ exitCode: EXIT.usage });
});

test("what was copied from the arena is refused without a sandbox", async () => {
  const { folder } = await bench();
  const file = join(folder, "theirs.py");
  await arena("code", "v1_commit_1000_2", "--output", file);
  writeFileSync(file, "# changed\n");
  const { exitCode, stderr } = await crusader("simulate", file, "--no-sandbox");
  expect(exitCode).toBe(EXIT.environment);
  expect(stderr).toContain("This is another's code (submission v1_commit_1000_2 of main, ");
});

test("search and export", async () => {
  const { server, folder } = await bench();
  const found = await arena("search", "one", "more");
  expect(found.stdout.split("\n").at(-2)).toBe("1 of 1 submission.");
  await server.close();
  const file = join(folder, "arena.json");
  const exported = await arena("export", "--with-code", "--output", file);
  expect([
    exported.exitCode,
    exported.stderr.includes("cannot be read"),
    exported.stderr.includes("Shown is what was seen"),
  ]).toEqual([EXIT.passed, true, true]);
  const { submissions } = JSON.parse(readFileSync(file, "utf8"));
  expect(
    submissions.map(({ submissionId, code }: { submissionId: string; code?: string }) => [submissionId, code?.length]),
  ).toEqual([
    ["v1_commit_1000_2", codeFor("v1_commit_1000_2").length],
    ["v1_commit_1010_2", codeFor("v1_commit_1000_2").length + 12],
    ["v1_commit_1020_3", undefined],
  ]);
  expect((await arena("export", "--output", file, "--offline")).exitCode).toBe(EXIT.usage);
});

test("sources: named, checked, removed; a key comes from a file and is shown nowhere", async () => {
  const { server, folder } = await bench();
  const key = join(folder, "key");
  writeFileSync(key, "secret-key-1\n");
  server.apiKey = "secret-key-1";
  expect((await arena("leaderboard")).exitCode).toBe(EXIT.environment);
  const added = await arena("add", "main", server.address, "--key-file", key, "--replace");
  expect([added.exitCode, added.stdout.includes("secret-key-1"), added.stdout.includes("kept")]).toEqual([
    EXIT.passed,
    false,
    true,
  ]);
  expect((await arena("check")).stdout).toMatch(/^answers {2}main, in \d+ ms\n$/);
  expect((await arena("add", "x", "ftp://x")).exitCode).toBe(EXIT.usage);
  expect((await arena("add", "x", join(folder, "none.db"))).exitCode).toBe(EXIT.usage);
  expect((await arena("remove", "main", "--forget")).stdout).toContain("No sources are named.");
  expect((await arena("leaderboard")).exitCode).toBe(EXIT.usage);
  expect((await arena("leader")).exitCode).toBe(EXIT.usage);
  expect((await arena("--help")).exitCode).toBe(EXIT.passed);
});
