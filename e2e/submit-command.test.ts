/** `crusader submit` and `crusader status` on the practice network: a simulated file, a throwaway wallet, the fee, the commitment. */
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { CommandIo } from "../app/main/cli/io.ts";
import { statusCommand } from "../app/main/cli/status.ts";
import { submitCommand } from "../app/main/cli/submit.ts";
import { createServices } from "../app/main/router/services.ts";
import { ScriptedBackend } from "../app/main/services/simulation/scripted-backend.ts";
import { readKey, signPayload } from "../app/main/services/wallets/index.ts";

const TEMPLATE = new URL("../templates/single.py", import.meta.url);
const IN_TIME_MS = 300_000;

/** A data folder with a practice network, a miner on it, and a file that a run has passed and that lies at `url`. */
async function bench() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-submit-"));
  const file = join(folder, "train.py");
  // The scripted judge does what its first word says.
  const source = Buffer.from(`pass\n${readFileSync(TEMPLATE, "utf8")}`);
  writeFileSync(file, source);
  const env = { PATH: "", CRUSADER_HOME: folder };
  const services = createServices({ dataFolder: folder, env, home: folder, moreBackends: [new ScriptedBackend()] });
  onTestFinished(async () => {
    await services.close();
    rmSync(folder, { recursive: true, force: true });
  });
  // A commitment is good for 16 blocks, which a slow machine has to keep.
  await services.practice.start(1);
  const miner = await services.practice.createMiner({ wallet: "miner", hotkey: "first" });
  const publish = async () => (await services.practice.publish(source)).url;
  const simulate = async () => {
    const { runId } = await services.runs.start({
      path: file,
      sandbox: "none",
      profile: "rehearsal",
      backend: "scripted",
      repeats: 1,
    });
    for await (const { result } of services.runs.follow(runId, 0, undefined)) {
      if (result !== null) return result;
    }
    throw new Error("a run without a result");
  };
  return { folder, file, env, miner, publish, simulate };
}

async function said(command: (io: CommandIo) => Promise<number>) {
  const answer = { code: 0, stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      answer[name] += text;
    },
  });
  answer.code = await command({ stdout: stream("stdout"), stderr: stream("stderr") });
  return answer;
}

const WALLET = ["--network", "practice", "--wallet.name", "miner", "--wallet.hotkey", "first"];

test("a file is looked at, paid for and committed, and stays listed with its proof", {
  timeout: IN_TIME_MS,
}, async () => {
  const { folder, file, env, miner, publish, simulate } = await bench();
  const submit = (...args: string[]) => said((io) => submitCommand(args, io, { env, keyboard: null }));
  const status = (...args: string[]) => said((io) => statusCommand(args, io, { env }));
  expect(await status()).toEqual({
    code: 0,
    stdout: "Nothing was submitted from here. `crusader submit --help` shows how.\n",
    stderr: "",
  });
  const url = await publish();

  const unproven = await submit(file, "--url", url, ...WALLET, "--dry-run");
  expect([unproven.code, unproven.stdout]).toEqual([
    1,
    expect.stringMatching(/Simulation +BLOCKS +No simulation has judged exactly these bytes\./),
  ]);
  expect(await simulate()).toMatchObject({ outcome: "passed", failure: null });

  const dry = await submit(file, "--url", url, ...WALLET, "--dry-run", "--json");
  const { preflight, steps } = JSON.parse(dry.stdout);
  const blocking = preflight.checks.filter(({ state }: { state: string }) => state === "block");
  expect([blocking, dry.code, steps.map(({ step }: { step: string }) => step)]).toEqual([
    [],
    0,
    ["stake", "transfer", "commit"],
  ]);
  expect((await status("--json")).stdout).toBe("[]\n");

  const done = await submit(file, "--url", url, ...WALLET, "--yes", "--no-wait", "--json");
  const { submission } = JSON.parse(done.stdout);
  expect([done.code, submission]).toEqual([
    0,
    expect.objectContaining({
      state: "committed",
      network: "practice",
      url,
      hotkeyAddress: miner.hotkeyAddress,
      problem: null,
      reveal: expect.objectContaining({ state: "waiting", text: null }),
    }),
  ]);
  expect(submission.commitment).toBe(
    `${submission.sha256.slice(0, 32)}:${submission.payment.block}:${submission.payment.extrinsicIndex}:${url}`,
  );

  const { id } = submission;
  const list = await status();
  expect([list.code, list.stdout]).toEqual([
    0,
    expect.stringMatching(new RegExp(`\n${id} .*committed, not revealed yet\n`)),
  ]);
  const again = await submit(file, "--url", url, ...WALLET, "--yes");
  expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/URL +BLOCKS +This URL was committed before/)]);
  expect((await status(id)).stdout).toMatch(
    /payment +block .*\n.*stake +finalized.*\n.*transfer +finalized.*\n.*commit/,
  );
  const proof = await status(id, "--export", "-");
  expect(proof.stdout).toContain(submission.steps[1].extrinsicHash);
  // The text that the chain still hides is nobody else's on this machine.
  const exported = join(folder, "proofs.md");
  await status(id, "--export", exported);
  expect([readFileSync(exported, "utf8").includes(id), statSync(exported).mode & 0o077]).toEqual([true, 0]);
  expect(await status("19700101-00000000").catch((error: unknown) => error)).toMatchObject({ code: "not_found" });
});

test("a coldkey of which only the address is here signs elsewhere, step by step", { timeout: IN_TIME_MS }, async () => {
  const { folder, file, env, publish, simulate } = await bench();
  const submit = (...args: string[]) => said((io) => submitCommand(args, io, { env, keyboard: null }));
  const status = (...args: string[]) => said((io) => statusCommand(args, io, { env }));
  await simulate();
  const elsewhere = join(folder, "elsewhere");
  renameSync(join(folder, "practice", "wallets", "miner", "coldkey"), elsewhere);

  const begun = await submit(file, "--url", await publish(), ...WALLET, "--yes");
  const [, id = ""] = /--resume (\S+) --coldkey-signature HEX/.exec(begun.stderr) ?? [];
  expect([begun.code, begun.stdout, id]).toEqual([3, "", expect.stringMatching(/^\d{8}-[0-9a-f]{8}$/)]);
  const payload = await submit("--resume", id, "--print-payload");
  const [, hex = ""] = /PAYLOAD = bytes\.fromhex\("([0-9a-f]+)"\)/.exec(payload.stdout) ?? [];
  expect([payload.code, hex]).toEqual([0, expect.stringMatching(/^[0-9a-f]{100,}$/)]);
  const signature = await signPayload(await readKey(elsewhere, null), Buffer.from(hex, "hex"));
  const next = await submit(
    ...["--resume", id, "--json"],
    ...["--coldkey-signature", `0x${Buffer.from(signature).toString("hex")}`],
  );
  const { submission, script } = JSON.parse(next.stdout);
  expect([next.code, script, submission.steps.map(({ state }: { state: string }) => state)]).toEqual([
    3,
    expect.stringContaining("transfer_stake"),
    ["finalized", "unsigned", "waiting"],
  ]);
  expect(await status("--refresh")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/step 2 of 3 is yours: transfer the stake/),
  });
});

test("wrong use says how, before anything is asked", async () => {
  const folder = mkdtempSync(join(tmpdir(), "crusader-submit-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const env = { PATH: "", CRUSADER_HOME: folder, BT_WALLET_PATH: join(folder, "wallets") };
  const failure = (...args: string[]) =>
    said((io) => submitCommand(args, io, { env, keyboard: null })).catch((error: unknown) => error);
  const url = ["--url", "https://a.example/train.py"];
  const file = join(folder, "train.py");
  expect([
    await failure(),
    await failure("a", "b", ...url),
    await failure("a"),
    await failure("a", ...url, "--network", "mainnet"),
    await failure("a", ...url, "--network", "test", "--subtensor.network", "test"),
    await failure("a", ...url, "--payment", "7"),
    await failure("a", ...url, "--coldkey", "me"),
    await failure("--resume", "x", ...url),
    await failure("a", ...url, "--coldkey-signature", "0x00"),
    await failure("--resume", "x", "--coldkey-signature", "0xzz"),
    await failure("--resume", "20260101-00000000"),
    await failure(file, ...url, "--wallet.name", "nobody"),
    await failure("a", ...url, "--password", "x"),
  ]).toMatchObject([
    { code: "usage", message: "Name one file to submit." },
    { code: "usage", message: "Name one file to submit." },
    { code: "usage", message: "Name the URL where the file lies: --url URL." },
    { code: "usage", message: '"mainnet" is no network.' },
    { code: "usage", message: "--network and --subtensor.network are the same: give one." },
    { code: "usage", message: "--payment takes the block and the index of an extrinsic: BLOCK:INDEX." },
    { code: "usage", message: '"me" is no address.' },
    { code: "usage", message: expect.stringMatching(/^--resume goes on with what was begun/) },
    { code: "usage", message: "--coldkey-signature belongs to --resume ID." },
    { code: "usage", message: "This is not hexadecimal: only digits 0 to 9 and a to f." },
    { code: "not_found", message: "There is no submission 20260101-00000000." },
    { code: "not_found", message: "There is no wallet nobody." },
    { code: "usage", hint: "`crusader submit --help` lists the options." },
  ]);
});
