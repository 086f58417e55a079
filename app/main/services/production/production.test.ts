/** The production source, with real git on real repositories in temporary folders, and the real reader in Pyodide. */
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { PRODUCTION_REPOSITORY } from "../../../common/addresses.ts";
import type { RuleChange } from "../../../common/production.ts";
import { repositoryUrlProblem } from "../../../common/production.ts";
import { HparamsService } from "../hparams/index.ts";
import { Rules } from "../rules/index.ts";
import { type RunDraft, RunStore } from "../runs/index.ts";
import { ScanService } from "../scan/index.ts";
import type { OwnFile } from "./consequences.ts";
import { fetchCommit, type GitOptions } from "./git.ts";
import { ProductionService, type ProductionServiceOptions, productionCode } from "./index.ts";
import { readSnapshot } from "./reader.ts";
import { SNAPSHOT_LIMITS } from "./snapshot.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PACKAGE_FOLDER = join(ROOT, "simulator-image/crusades_eval");
const PROFILES_FOLDER = join(ROOT, "hparams");
const POLICY_FILE = join(PROFILES_FOLDER, "scan-policy.json");
const EXAMPLE = join(ROOT, "fixtures/production-source");

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-production-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** git as a maintainer of a repository would call it. */
function git(folder: string, ...args: string[]): string {
  return gitAt("2026-05-01T12:00:00Z", folder, ...args);
}

function gitAt(committedAt: string, folder: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("git", args, {
    cwd: folder,
    encoding: "utf8",
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "A",
      GIT_AUTHOR_EMAIL: "a@example.org",
      GIT_COMMITTER_NAME: "A",
      GIT_COMMITTER_EMAIL: "a@example.org",
      GIT_COMMITTER_DATE: committedAt,
    },
  });
  expect({ args, status, stderr: status === 0 ? "" : stderr }).toEqual({ args, status: 0, stderr: "" });
  return stdout.trim();
}

/** A repository with the example in it; `url` is where it is fetched from. */
function repository(change: (folder: string) => void = () => {}) {
  const folder = temporaryFolder();
  cpSync(EXAMPLE, folder, { recursive: true });
  git(folder, "init", "--quiet", "--initial-branch=main");
  change(folder);
  const commit = () => {
    git(folder, "add", "--all");
    git(folder, "commit", "--quiet", "--message=change");
    return git(folder, "rev-parse", "HEAD");
  };
  return { folder, url: `file://${folder}`, commit, first: commit() };
}

function bench(more: Partial<ProductionServiceOptions> = {}) {
  const dataFolder = temporaryFolder();
  const runs = new RunStore({ dataFolder });
  const rules = new Rules({ dataFolder, builtInPolicyFile: POLICY_FILE });
  const hparams = new HparamsService({
    profilesFolder: PROFILES_FOLDER,
    userProfilesFolder: join(dataFolder, "hparams"),
  });
  const scanner = new ScanService({ packageFolder: PACKAGE_FOLDER, policyJson: readFileSync(POLICY_FILE, "utf8") });
  onTestFinished(async () => {
    runs.close();
    await scanner.close();
  });
  const service = new ProductionService({
    dataFolder,
    packageFolder: PACKAGE_FOLDER,
    rules,
    hparams,
    runs,
    ownFiles: () => ({ files: [], truncated: false }),
    scan: (source, policy) => scanner.scan(source, undefined, JSON.stringify(policy)),
    env: process.env,
    lookEveryMs: 50,
    now: () => Date.parse("2026-05-02T00:00:00Z"),
    ...more,
    git: { allowFiles: true, ...more.git },
  });
  return { service, dataFolder, runs, rules, hparams };
}

const gitSource = (url: string, reference: string | null = null) => ({ kind: "git", url, reference }) as const;

/** What is left of a fetch on the disk. */
const leftovers = (dataFolder: string) => {
  const folder = join(dataFolder, "production", "fetching");
  return existsSync(folder) ? readdirSync(folder) : [];
};

test("the scan's rules of a time are those of the last commit before it that was ever fetched", async () => {
  const { url, folder, first } = repository();
  const { service, dataFolder, rules } = bench();
  service.chooseSource(gitSource(url));
  expect(await service.policyAt("2026-06-01T00:00:00Z")).toBeNull();
  await service.fetch();
  writeFileSync(join(folder, "later.py"), "LATER = True\n");
  git(folder, "add", "--all");
  gitAt("2026-05-20T12:00:00Z", folder, "commit", "--quiet", "--message=later");
  const later = git(folder, "rev-parse", "HEAD");
  await service.fetch();
  const dated = async (time: string) => (await service.policyAt(time))?.revisionId ?? null;
  expect([
    await dated("2026-05-01T11:59:59Z"),
    await dated("2026-05-01T12:00:00Z"),
    await dated("2026-05-20T11:59:59Z"),
    await dated("2026-07-01T00:00:00Z"),
  ]).toEqual([null, first, first, later]);
  // What was fetched is forgotten, what its rules were is not; and what an older Crusader fetched is read when it is asked for.
  service.remove();
  expect(await dated("2026-05-02T00:00:00Z")).toBe(first);
  await service.fetch();
  rmSync(join(dataFolder, "production", "policies.json"));
  expect((await service.policyAt("2026-07-01T00:00:00Z"))?.policy).toMatchObject({
    forbidden_direct_calls: rules.builtInPolicy().policy.forbidden_direct_calls,
  });
});

describe("fetching", () => {
  test("a repository is fetched, pinned to its commit and kept; a newer commit is found, and pinned when asked", async () => {
    const { url, folder, commit, first } = repository();
    const { service, dataFolder } = bench();
    expect(service.status()).toMatchObject({ source: gitSource(PRODUCTION_REPOSITORY), pinned: null, newest: null });
    service.chooseSource(gitSource(url));
    const details: string[] = [];
    const status = await service.fetch({ onProgress: ({ detail }) => details.push(detail) });
    expect(status.pinned).toMatchObject({
      id: first,
      label: first.slice(0, 7),
      source: gitSource(url),
      committedAt: "2026-05-01T12:00:00.000Z",
      fetchedAt: "2026-05-02T00:00:00.000Z",
      files: 9,
      leftOut: [],
    });
    expect(status.newest).toEqual(status.pinned);
    expect(details).toContain("Reading files");

    appendFileSync(join(folder, "environments/arena/env.py"), "\nEXTRA_LIMIT = 3\n");
    const second = commit();
    expect(await service.fetch()).toMatchObject({ pinned: { id: first }, newest: { id: second } });
    expect(readdirSync(join(dataFolder, "production/revisions")).sort()).toEqual(
      [`${first}.json`, `${second}.json`].sort(),
    );
    expect(service.pin(second)).toMatchObject({ pinned: { id: second }, newest: { id: second } });
    expect(() => service.pin(first)).toThrow(/is not kept/);
    expect(readdirSync(join(dataFolder, "production/revisions"))).toEqual([`${second}.json`]);
    expect(leftovers(dataFolder)).toEqual([]);

    // What is kept needs neither the repository nor git.
    rmSync(folder, { recursive: true });
    const { service: offline } = bench({ dataFolder, env: { PATH: "/no/such/folder" } });
    expect(Object.keys((await offline.reading("pinned")).policy)).toContain("forbidden_modules");
    expect(offline.remove()).toMatchObject({ source: gitSource(url), pinned: null, newest: null });
    expect(readdirSync(join(dataFolder, "production/revisions"))).toEqual([]);
  });

  test("branches, tags and commits can be named", async () => {
    const { url, folder, commit, first } = repository();
    git(folder, "tag", "v1");
    appendFileSync(join(folder, "pyproject.toml"), "\n");
    commit();
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true");
    const { service } = bench();
    for (const reference of ["v1", first]) {
      service.chooseSource(gitSource(url, reference));
      expect((await service.fetch()).newest?.id).toBe(first);
    }
    service.chooseSource(gitSource(url, "no-such-branch"));
    await expect(service.fetch()).rejects.toMatchObject({
      code: "fetch_failed",
      message: expect.stringMatching(/no such branch/),
    });
    expect(service.status().newest?.id).toBe(first);
  });

  test("an empty repository, one without anything of interest, and none at all say so", async () => {
    const empty = temporaryFolder();
    git(empty, "init", "--quiet");
    const other = temporaryFolder();
    git(other, "init", "--quiet");
    writeFileSync(join(other, "notes.txt"), "nothing");
    git(other, "add", "--all");
    git(other, "commit", "--quiet", "--message=notes");
    const { service, dataFolder } = bench();
    for (const [url, message] of [
      [`file://${empty}`, /no such branch, tag or commit, or is empty/],
      [`file://${other}`, /no files in it that rules could stand in/],
      ["file:///no/such/repository", /There is no repository/],
    ] as const) {
      service.chooseSource(gitSource(url));
      await expect(service.fetch()).rejects.toMatchObject({
        code: "fetch_failed",
        message: expect.stringMatching(message),
      });
    }
    expect({ status: service.status().newest, left: leftovers(dataFolder) }).toEqual({ status: null, left: [] });
  });

  test("without git the error says what to install", async () => {
    const { service } = bench({ env: { PATH: "/no/such/folder" } });
    service.chooseSource(gitSource(repository().url));
    await expect(service.fetch()).rejects.toMatchObject({
      code: "git_missing",
      hint: expect.stringMatching(/[Ii]nstall/),
    });
  });

  test("a server that goes silent is given up after the time limit, and a cancel ends at once", async () => {
    const connections = new Set<string>();
    const server = createServer((request) => void connections.add(request.url ?? ""));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/repository`;
    // Stands in for an https server: what is tested is what happens to a git that waits.
    const wrapper = temporaryFolder();
    const found = spawnSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).stdout.trim();
    writeFileSync(join(wrapper, "git"), `#!/bin/sh\nGIT_ALLOW_PROTOCOL=http exec ${found} "$@"\n`);
    chmodSync(join(wrapper, "git"), 0o755);
    const options: GitOptions = {
      env: { ...process.env, PATH: `${wrapper}:${process.env.PATH}` },
      timeLimitMs: 1500,
      maxStoreBytes: 1e9,
      limits: SNAPSHOT_LIMITS,
    };
    const place = () => ({ url, reference: null, folder: temporaryFolder() });
    await expect(fetchCommit(place(), options, () => {})).rejects.toMatchObject({
      code: "fetch_failed",
      message: expect.stringMatching(/longer than 2 s/),
    });
    const controller = new AbortController();
    const cancelled = fetchCommit(place(), { ...options, timeLimitMs: 600_000 }, () => {}, controller.signal);
    connections.clear();
    await expect.poll(() => connections.size, { timeout: 20_000 }).toBe(1);
    controller.abort();
    await expect(cancelled).rejects.toBe(controller.signal.reason);
  });

  test("a network that is gone leaves what was fetched", async () => {
    const { url, folder, first } = repository();
    const { service, dataFolder } = bench();
    service.chooseSource(gitSource(url));
    await service.fetch();
    // Half of the objects are missing: the transfer breaks off.
    rmSync(join(folder, ".git/objects"), { recursive: true });
    mkdirSync(join(folder, ".git/objects"));
    await expect(service.fetch()).rejects.toMatchObject({ code: "fetch_failed" });
    expect({ newest: service.status().newest?.id, left: leftovers(dataFolder) }).toEqual({ newest: first, left: [] });
  });
});

describe("a hostile repository", () => {
  test("hooks, links, submodules, filters and odd names do nothing", async () => {
    const witness = join(temporaryFolder(), "ran");
    const { url, folder } = repository((made) => {
      for (const name of ["post-checkout", "post-merge", "reference-transaction", "post-index-change"]) {
        writeFileSync(join(made, ".git/hooks", name), `#!/bin/sh\ntouch ${witness}\n`, { mode: 0o755 });
      }
      symlinkSync("/etc/passwd", join(made, "link.py"));
      symlinkSync("/etc", join(made, "folder"));
      writeFileSync(join(made, ".gitattributes"), "*.py filter=evil\n*.json filter=lfs\n");
      writeFileSync(join(made, ".gitmodules"), `[submodule "s"]\n\tpath = sub\n\turl = ../../..\n`);
      writeFileSync(join(made, "a\\b.py"), "x = 1\n");
      writeFileSync(join(made, "line\nbreak.py"), "x = 1\n");
      writeFileSync(join(made, "\u009b31mred.py"), "x = 1\n");
      writeFileSync(join(made, "\u202eyp.reversed.py"), "x = 1\n");
      mkdirSync(join(made, "sub"));
      git(made, "add", ".gitattributes");
      git(made, "update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},sub`);
    });
    git(folder, "config", "filter.evil.smudge", `touch ${witness}`);
    // The maintainer's own commit ran them.
    rmSync(witness, { force: true });
    const { service } = bench();
    service.chooseSource(gitSource(url));
    const { newest } = await service.fetch();
    expect({ files: newest?.files, leftOut: newest?.leftOut, ran: existsSync(witness) }).toEqual({
      files: 9,
      leftOut: ["2 files that are links", "1 submodule"],
      ran: false,
    });
  });

  test("what a server says moves and hides nothing where it is shown", async () => {
    const wrapper = temporaryFolder();
    const said = "remote: \u001b]0;title\u0007\u202eklat\tx\n";
    writeFileSync(join(wrapper, "said"), said);
    // The other calls of git do nothing.
    const script = `#!/bin/sh\ncase "$*" in *" fetch "*) cat "$(dirname "$0")/said" >&2; exit 1;; esac\n`;
    writeFileSync(join(wrapper, "git"), script, { mode: 0o755 });
    const details: string[] = [];
    const { service } = bench({ env: { PATH: `${wrapper}:${process.env.PATH}` } });
    service.chooseSource(gitSource("file:///repository"));
    const shown = "remote: \u{FFFD}]0;title\u{FFFD}\u{FFFD}klat\tx";
    await expect(service.fetch({ onProgress: ({ detail }) => details.push(detail) })).rejects.toMatchObject({
      code: "fetch_failed",
      detail: shown,
    });
    expect(details).toContain(shown);
  });

  test("objects that git itself refuses are refused: a path that leads out", async () => {
    const { url, folder } = repository();
    // A tree with an entry named "..", which git does not make by itself.
    const blob = git(folder, "hash-object", "-w", "pyproject.toml");
    const row = Buffer.concat([Buffer.from("100644 ..\0", "latin1"), Buffer.from(blob, "hex")]);
    writeFileSync(join(folder, "tree"), row);
    const tree = git(folder, "hash-object", "-t", "tree", "-w", "--literally", "tree");
    git(folder, "update-ref", "refs/heads/main", git(folder, "commit-tree", tree, "-m", "out"));
    const { service } = bench();
    service.chooseSource(gitSource(url));
    await expect(service.fetch()).rejects.toMatchObject({
      code: "fetch_failed",
      message: expect.stringMatching(/objects that git refuses/),
    });
  });

  test.each([
    "ext::sh -c 'touch /tmp/owned'",
    "--upload-pack=touch /tmp/owned",
    "-u",
    "https://-oProxyCommand=x/y",
    "ssh://-oProxyCommand=x/y",
    "ssh://git@host/",
    "git@github.com:a/b",
    "git://host/a",
    "http://host/a",
    "fd::17",
    "https://user:secret@host/a",
    "https://host/a b",
    "https://host/a\n",
    "file:///etc",
    "/etc",
    "",
  ])("the address %j is refused before git sees it", (url) => {
    expect(repositoryUrlProblem(url)).not.toBeNull();
    expect(() => bench({ git: { allowFiles: false } }).service.chooseSource(gitSource(url))).toThrow();
  });

  test("addresses that are let through", () => {
    expect(
      [PRODUCTION_REPOSITORY, "https://host:8443/a/b.git", "ssh://git@host:2222/a.git", "https://[::1]/a"].map(
        repositoryUrlProblem,
      ),
    ).toEqual([null, null, null, null]);
  });

  test("file:// is fetched in tests only", async () => {
    const { url } = repository();
    const options: GitOptions = { env: process.env, timeLimitMs: 60_000, maxStoreBytes: 1e9, limits: SNAPSHOT_LIMITS };
    await expect(
      fetchCommit({ url, reference: null, folder: temporaryFolder() }, options, () => {}),
    ).rejects.toMatchObject({ code: "fetch_failed", detail: expect.stringMatching(/transport 'file' not allowed/) });
  });

  test("a huge one is refused by its number of files, by its size, and file by file", async () => {
    const { url } = repository((folder) => {
      writeFileSync(join(folder, "big.json"), `[${"1,".repeat(60_000)}1]`);
      for (let index = 0; index < 30; index += 1) writeFileSync(join(folder, `m${index}.py`), `x = ${index}\n`);
    });
    const limits = { maxEntries: 1000, maxFiles: 20, maxFileBytes: 100_000, maxTotalBytes: 1_000_000 };
    const { service } = bench({ git: { limits } });
    service.chooseSource(gitSource(url));
    expect((await service.fetch()).newest).toMatchObject({
      files: 20,
      leftOut: ["1 file larger than 100000 bytes", "19 files beyond the first 20"],
    });
    const few = bench({ git: { limits: { ...limits, maxEntries: 10 } } });
    few.service.chooseSource(gitSource(url));
    await expect(few.service.fetch()).rejects.toMatchObject({ code: "too_large" });
  });

  test("files that take the reader too long end the reading, and nothing is kept", async () => {
    const files = new Map([["a.py", Buffer.from("x = 1\n")]]);
    const policyJson = readFileSync(POLICY_FILE, "utf8");
    await expect(
      readSnapshot({ packageFolder: PACKAGE_FOLDER, policyJson, files, timeLimitMs: 1 }),
    ).rejects.toMatchObject({ code: "fetch_failed", message: expect.stringMatching(/takes longer than/) });
    const controller = new AbortController();
    const cancelled = readSnapshot({ packageFolder: PACKAGE_FOLDER, policyJson, files, signal: controller.signal });
    controller.abort();
    await expect(cancelled).rejects.toBe(controller.signal.reason);
  });
});

describe("a local folder", () => {
  test("is read without git; links out of it and pipes are left out", async () => {
    const folder = temporaryFolder();
    cpSync(EXAMPLE, folder, { recursive: true });
    const outside = temporaryFolder();
    writeFileSync(join(outside, "secret.py"), "FORBIDDEN_NAMES = {'secret'}\n");
    symlinkSync(join(outside, "secret.py"), join(folder, "secret.py"));
    symlinkSync(outside, join(folder, "elsewhere"));
    symlinkSync("pyproject.toml", join(folder, "inside.toml"));
    mkdirSync(join(folder, ".git"));
    writeFileSync(join(folder, ".git/config.json"), "{}");
    expect(spawnSync("mkfifo", [join(folder, "pipe.py")]).status).toBe(0);
    const { service } = bench({ env: { PATH: "/no/such/folder" } });
    service.chooseSource({ kind: "folder", path: folder });
    const { newest, source } = await service.fetch();
    expect({ source, newest }).toMatchObject({
      source: { kind: "folder", location: folder },
      newest: {
        id: expect.stringMatching(/^[0-9a-f]{64}$/),
        committedAt: null,
        files: 10,
        leftOut: ["1 file that are links out of the folder", "1 file that cannot be read"],
      },
    });
    // The same content is the same revision.
    expect((await service.fetch()).newest?.id).toBe(newest?.id);
    rmSync(folder, { recursive: true });
    await expect(service.fetch()).rejects.toMatchObject({ code: "not_found" });
    expect((await service.reading("newest")).hparams?.file).toBe("hparams/hparams.json");
  });

  test("another layout says what it lacks and goes on with the rest", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "deep/er"), { recursive: true });
    cpSync(join(EXAMPLE, "hparams/hparams.json"), join(folder, "deep/er/values.json"));
    const { service, rules, hparams } = bench();
    service.chooseSource({ kind: "folder", path: folder });
    const status = await service.fetch();
    const { changes, notFound } = await service.changes("in_force", "newest");
    expect(changes.map(({ name }) => name).sort()).toEqual([
      "eval_steps",
      "mfu.min_mfu",
      "verification.weight_relative_error_max",
    ]);
    expect(notFound).toContain("scan policy: forbidden_modules");
    expect(notFound).toContain("scanner: no function that parses a source and walks its tree");
    const id = status.newest?.id ?? "";
    await expect(service.apply(id, ["policy", "profile"])).rejects.toMatchObject({ code: "not_found" });
    expect(rules.applied()).toBeNull();
    expect(await service.apply(id, ["profile"])).toMatchObject({
      inForce: { productionProfile: "production-source", policySha256: rules.builtInPolicy().sha256 },
    });
    expect((await hparams.load("production-source")).raw.eval_steps).toBe(24);
  });
});

/** A record with these measured values, as an evaluation leaves it. */
function recordRun(
  runs: RunStore,
  more: { kind?: "production" | "rehearsal"; content?: object; policy?: string; path?: string; source?: string } = {},
) {
  const content = { evaluation_runs: 1, ...more.content };
  const plan: RunDraft["plan"] = {
    submission: { name: "train.py", path: more.path ?? "/mine/train.py" },
    profile: { name: "p", kind: more.kind ?? "production", sha256: "0", content },
    backend: "local",
    sandbox: "none",
    numRanks: 1,
    seeds: ["a"],
    seedFixed: false,
    environment: {},
    ...(more.policy === undefined ? {} : { policy: { sha256: more.policy, origin: "source 1234567" } }),
  };
  return runs.create(plan, Buffer.from(more.source ?? "x = 1\n"));
}

function finish(recorder: ReturnType<RunStore["create"]>, weights: number): string {
  recorder.finish({
    startedAt: "2026-05-01T00:00:00.000Z",
    finishedAt: "2026-05-01T00:01:00.000Z",
    outcome: "passed",
    failure: null,
    score: { kind: "mfu_percent", value: 60 },
    repeatsPlanned: 1,
    successRate: 1,
    minSuccessRate: 0.5,
    notComparable: [],
    repeats: [
      {
        outcome: "passed",
        failure: null,
        seed: "a",
        numRanks: 1,
        strategy: null,
        device: "cuda",
        mfuPercent: 60,
        relativeSpeed: 1,
        timedSeconds: 1,
        judgeSeconds: 1,
        referenceSeconds: 1,
        uniqueTokens: 1,
        tokensPerSecond: 1,
        parameters: 1,
        peakMemoryBytesPerRank: 1,
        versions: {},
        checks: [
          {
            name: "weights",
            state: "passed",
            value: weights,
            limit: 0.015,
            rule: "at_most",
            unit: "relative",
            used: null,
            productionLimit: null,
            code: null,
            message: "",
          },
        ],
        notes: [],
        stageSeconds: {},
        wallSeconds: 1,
      },
    ],
  });
  return recorder.runId;
}

describe("changes, and putting them in force", () => {
  const file = (name: string, text: string): OwnFile => ({
    file: { folderId: "f".repeat(16), name },
    source: Buffer.from(`${text}\ndef inner_steps(model, data_iterator, optimizer, num_steps, device): pass\n`),
  });

  test("say what they would do to the user's own runs and files", async () => {
    const files = [file("a.py", "print(1)"), file("b.py", "x = print\nimport asyncio"), file("c.py", "import urllib")];
    const { service, runs } = bench({ ownFiles: () => ({ files, truncated: true }) });
    const within = finish(recordRun(runs), 0.01);
    const between = finish(recordRun(runs, { kind: "rehearsal" }), 0.018);
    // What another Crusader says that it measured is none of the user's own.
    const { plan, result } = runs.show(between);
    if (result !== null) runs.import({ plan, result, events: [], source: runs.source(between), output: Buffer.of() });
    service.chooseSource({ kind: "folder", path: EXAMPLE });
    await service.fetch();
    const { from, to, changes, notes } = await service.changes("in_force", "newest");
    expect([from.label, to.label]).toEqual(["built-in", `source ${to.revision?.label}`]);
    const byName = new Map(changes.map((change) => [change.name, change]));
    const brief = ({ kind, before, after, added, removed, applies, consequences }: RuleChange) => ({
      kind,
      before,
      after,
      added,
      removed,
      applies,
      consequences: consequences.map(({ text, runIds, files: touched }) => [
        text,
        [...runIds, ...touched.map(({ name }) => name)],
      ]),
    });
    const common = { kind: "changed", before: null, after: null, added: [], removed: [], applies: true };
    expect(Object.fromEntries([...byName].map(([name, change]) => [name, brief(change)]))).toEqual({
      forbidden_names: {
        ...common,
        added: ["print"],
        consequences: [["`print` is now refused: 2 of your files use it.", ["a.py", "b.py"]]],
      },
      forbidden_modules: {
        ...common,
        added: ["asyncio"],
        removed: ["__main__", "urllib"],
        consequences: [
          ["`asyncio` is now refused: 1 of your files uses it.", ["b.py"]],
          ["1 of your files would have fewer findings.", ["c.py"]],
        ],
      },
      max_bytes_literal_elements: { ...common, before: 256, after: 128, consequences: [] },
      "verification.weight_relative_error_max": {
        ...common,
        before: 0.015,
        after: 0.02,
        consequences: [["1 of your runs would now pass this check, by what rehearsals measured.", [between]]],
      },
      "mfu.min_mfu": { ...common, before: 50, after: 55, consequences: [] },
      eval_steps: {
        ...common,
        before: 20,
        after: 24,
        consequences: [["1 of your runs was made with another value.", [within]]],
      },
      "base image": {
        ...common,
        before: "pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime",
        after: "pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime",
        applies: false,
        consequences: [],
      },
      timer_divergence_threshold: { ...common, before: 0.005, after: 0.004, applies: false, consequences: [] },
      weight_relative_error_max: { ...common, before: 0.015, after: 0.02, applies: false, consequences: [] },
      transformers: { ...common, before: "4.57.6", after: "4.58.0", applies: false, consequences: [] },
      numpy: { ...common, before: "2.2.6", after: "2.2.7", applies: false, consequences: [] },
    });
    expect(changes[0]?.consequences).not.toEqual([]);
    expect(byName.get("verification.weight_relative_error_max")).toMatchObject({
      title: "Weight error limit",
      place: { file: "hparams/hparams.json", line: 1 },
    });
    expect(notes).toEqual(["Of your files the first 3 were scanned."]);
  });

  test("also for the last version of each submission that was judged, once where it lies in a file, too", async () => {
    const files = [file("a.py", "print(1)")];
    const { service, runs } = bench({ ownFiles: () => ({ files, truncated: false }) });
    const record = (path: string, source: string) => finish(recordRun(runs, { path, source }), 0.01);
    const own = files[0]?.source.toString() ?? "";
    record("/mine/a.py", own);
    record("/mine/b.py", own.replace("print(1)", "import asyncio"));
    const last = record("/mine/b.py", own.replace("print(1)", "print(2)"));
    record("/mine/c.py", own.replace("print(1)", "print(2)"));
    service.chooseSource({ kind: "folder", path: EXAMPLE });
    await service.fetch();
    const { changes, notes } = await service.changes("in_force", "newest");
    const consequencesOf = (name: string) => changes.find((change) => change.name === name)?.consequences;
    expect(consequencesOf("forbidden_names")).toEqual([
      {
        text: "`print` is now refused: 1 of your files and 1 submission of your history use it.",
        runIds: ["4"],
        files: [files[0]?.file],
      },
    ]);
    expect([last, consequencesOf("forbidden_modules"), notes]).toEqual(["3", [], []]);
  });

  test("between two commits also name numbers of the code and the scanner's changed definitions", async () => {
    const { url, folder, commit } = repository();
    const { service } = bench();
    service.chooseSource(gitSource(url));
    await service.fetch();
    const env = join(folder, "environments/arena/env.py");
    const changed = readFileSync(env, "utf8")
      .replace("WARMUP_STEPS = 2", "WARMUP_STEPS = 3")
      .replace('f"the name {node.id}"', '"a name"');
    writeFileSync(env, changed);
    commit();
    await service.fetch();
    const { changes } = await service.changes("pinned", "newest");
    expect(changes.map(({ area, name, before, after, added }) => ({ area, name, before, after, added }))).toEqual([
      { area: "threshold", name: "warmup_steps", before: 2, after: 3, added: [] },
      {
        area: "scanner",
        name: "check_source_code",
        before: "check_source_code(code, num_gpus)",
        after: "check_source_code(code, num_gpus)",
        added: ["_why_not"],
      },
    ]);
  });

  test("are in force after one call, mark older runs as stale, and are taken back", async () => {
    const { service, rules, hparams, runs, dataFolder } = bench();
    const builtIn = rules.builtInPolicy();
    const current = (await hparams.load("production-2026-04")).resolved;
    const old = recordRun(runs, { content: current }).runId;
    const rehearsal = recordRun(runs, { kind: "rehearsal" }).runId;
    expect(await service.staleRuns()).toEqual([]);

    service.chooseSource({ kind: "folder", path: EXAMPLE });
    const { newest } = await service.fetch();
    const id = newest?.id ?? "";
    const status = await service.apply(id, ["policy", "profile"]);
    expect(status).toMatchObject({
      pinned: { id },
      inForce: {
        appliedFrom: { id, label: newest?.label },
        appliedAt: "2026-05-02T00:00:00.000Z",
        productionProfile: "production-source",
      },
    });
    const { policy, sha256, origin } = rules.policy();
    expect(origin).toBe(`source ${newest?.label}`);
    expect(policy.max_bytes_literal_elements).toBe(128);
    // What was not found in the source stays.
    expect(policy.forbidden_direct_calls).toEqual(builtIn.policy.forbidden_direct_calls);
    expect(Object.keys(policy).sort()).toEqual(Object.keys(builtIn.policy).sort());
    expect(await hparams.load("production-source")).toMatchObject({
      kind: "production",
      title: `Production, source ${newest?.label} (2026-05-02)`,
      resolved: { eval_steps: 24 },
    });
    const policyReason = "The scan policy was another one (built-in).";
    expect(await service.staleRuns()).toEqual([
      { runId: rehearsal, reasons: [policyReason] },
      {
        runId: old,
        reasons: [
          policyReason,
          "Weight error limit 0.015, now 0.02.",
          "Lowest MFU that passes 50, now 55.",
          "Steps of one run 20, now 24.",
        ],
      },
    ]);
    const after = recordRun(runs, { kind: "rehearsal", policy: sha256 }).runId;
    expect((await service.staleRuns()).map(({ runId }) => runId)).not.toContain(after);
    expect(await service.staleRuns([after])).toEqual([]);
    // Nothing is left to take over.
    const { changes } = await service.changes("in_force", "newest");
    expect(changes.filter(({ applies }) => applies)).toEqual([]);

    expect(service.revert()).toMatchObject({
      pinned: { id },
      inForce: { appliedFrom: null, productionProfile: "production-2026-04", policySha256: builtIn.sha256 },
    });
    expect(readdirSync(join(dataFolder, "hparams"))).toEqual([]);
  });

  test("never overwrite or remove a profile of the user's", async () => {
    const { service, rules, dataFolder } = bench();
    const path = join(dataFolder, "hparams/production-source.json");
    mkdirSync(dirname(path));
    writeFileSync(path, "{}");
    service.chooseSource({ kind: "folder", path: EXAMPLE });
    const id = (await service.fetch()).newest?.id ?? "";
    await expect(service.apply(id, ["policy", "profile"])).rejects.toMatchObject({ code: "conflict" });
    expect([rules.applied(), readFileSync(path, "utf8")]).toEqual([null, "{}"]);
    rmSync(path);
    await service.apply(id, ["policy", "profile"]);
    appendFileSync(path, "\n");
    service.revert();
    expect(existsSync(path)).toBe(true);
  });

  test("are refused where a value is not allowed, and nothing changes", async () => {
    const folder = temporaryFolder();
    cpSync(EXAMPLE, folder, { recursive: true });
    const hparamsFile = join(folder, "hparams/hparams.json");
    writeFileSync(hparamsFile, readFileSync(hparamsFile, "utf8").replace('"eval_steps": 24', '"eval_steps": -1'));
    const { service, rules, dataFolder } = bench();
    service.chooseSource({ kind: "folder", path: folder });
    const id = (await service.fetch()).newest?.id ?? "";
    await expect(service.apply(id, ["policy", "profile"])).rejects.toMatchObject({ code: "invalid_profile" });
    expect([rules.applied(), existsSync(join(dataFolder, "hparams")), leftovers(dataFolder)]).toEqual([
      null,
      false,
      [],
    ]);
  });
});

describe("the code that can judge", () => {
  const DOUBLE = join(ROOT, "simulator-image/tests/production_double");
  const files = { "env.py": "env.py", "crusades/core/security_defs.py": "crusades/core/security_defs.py" };

  /** A folder with the double's files at those paths, fetched. */
  async function fetched(places: Record<string, string>) {
    const folder = temporaryFolder();
    for (const [from, to] of Object.entries(places)) {
      mkdirSync(dirname(join(folder, to)), { recursive: true });
      cpSync(join(DOUBLE, from), join(folder, to));
    }
    const { service, dataFolder } = bench();
    service.chooseSource({ kind: "folder", path: folder });
    const { pinned } = await service.fetch();
    return { dataFolder, pinned };
  }
  const USUAL = {
    "env.py": "environments/templar/env.py",
    "crusades/core/security_defs.py": "src/crusades/core/security_defs.py",
  };

  test.for([
    ["where it usually lies", USUAL],
    ["where it was moved to", { "env.py": "judge/env.py", "crusades/core/security_defs.py": "lib/security_defs.py" }],
  ] as const)("%s", async ([, places]) => {
    const { dataFolder, pinned } = await fetched(places);
    const { revision, files: found } = productionCode(dataFolder);
    expect(revision).toEqual({ id: pinned?.id, label: pinned?.label });
    expect(Object.fromEntries(found.map(({ path, content }) => [path, Buffer.from(content, "base64")]))).toEqual(
      Object.fromEntries(Object.keys(files).map((path) => [path, readFileSync(join(DOUBLE, path))])),
    );
  });

  test("nothing was fetched, or what was fetched holds none", async () => {
    const { dataFolder, service } = bench();
    expect(() => productionCode(dataFolder)).toThrow(
      expect.objectContaining({ code: "not_found", hint: "Fetch it: crusader production fetch." }),
    );
    service.chooseSource({ kind: "folder", path: EXAMPLE });
    const { pinned } = await service.fetch();
    expect(() => productionCode(dataFolder)).toThrow(
      expect.objectContaining({
        message: `Revision ${pinned?.label} of the production source holds no env.py that can judge.`,
      }),
    );
  });

  test("two that could be it are none", async () => {
    const { dataFolder } = await fetched({ ...USUAL, "env.py": "one/env.py" });
    expect(productionCode(dataFolder).files).toHaveLength(2);
    const folder = temporaryFolder();
    for (const to of ["one/env.py", "two/env.py"]) {
      mkdirSync(dirname(join(folder, to)), { recursive: true });
      cpSync(join(DOUBLE, "env.py"), join(folder, to));
    }
    const other = bench();
    other.service.chooseSource({ kind: "folder", path: folder });
    await other.service.fetch();
    expect(() => productionCode(other.dataFolder)).toThrow("holds no env.py that can judge");
  });
});
