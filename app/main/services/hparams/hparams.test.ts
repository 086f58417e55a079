import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseContainerSize } from "../../../common/container-size.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { HparamsService } from "./index.ts";

const profilesFolder = fileURLToPath(new URL("../../../../hparams", import.meta.url));
const minimal = {
  evaluation_runs: 2,
  eval_steps: 5,
  eval_timeout: 600,
  benchmark_model_name: "Qwen/Qwen2.5-7B",
  benchmark_data_samples: 100,
  benchmark_sequence_length: 64,
  benchmark_batch_size: 4,
};

let folder: string;
let service: HparamsService;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "crusader-hparams-"));
  service = new HparamsService({ profilesFolder, userProfilesFolder: join(folder, "profiles") });
});
afterEach(() => rm(folder, { recursive: true }));

async function file(content: unknown, name = "mine.json"): Promise<string> {
  const path = join(folder, name);
  await writeFile(
    path,
    typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content, null, 2),
  );
  return path;
}

async function errorOf(content: unknown): Promise<CrusaderError> {
  const error: unknown = await service.load(await file(content)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CrusaderError);
  return error as CrusaderError;
}

test("every bundled profile is valid, known and complete", async () => {
  const profiles = await Promise.all((await service.list()).map(({ name }) => service.load(name)));
  expect(profiles.map(({ name, kind, unknownKeys }) => ({ name, kind, unknownKeys }))).toEqual([
    { name: "production-2026-04", kind: "production", unknownKeys: [] },
    { name: "production-3b", kind: "production", unknownKeys: [] },
    { name: "rehearsal", kind: "rehearsal", unknownKeys: [] },
  ]);
  for (const { resolved } of profiles) {
    const { docker, crusader } = resolved as {
      docker: Record<string, string>;
      crusader: Record<string, string | null>;
    };
    expect(parseContainerSize(docker.memory_limit as string)).toBeGreaterThan(0);
    expect(parseContainerSize(crusader.memory_per_rank ?? "1g")).toBeGreaterThan(0);
  }
});

test("a profile marks each value that its source does not state, and no other", async () => {
  const { raw, assumed } = await service.load("production-3b");
  const { crusader: _, ...production } = raw;
  const leaves = (value: object, prefix = ""): string[] =>
    Object.entries(value).flatMap(([key, child]) =>
      typeof child === "object" && !Array.isArray(child) ? leaves(child, `${prefix}${key}.`) : [prefix + key],
    );
  const stated = leaves(production).filter((path) => !assumed.includes(path));
  expect({ stated, strangers: assumed.filter((path) => !leaves(production).includes(path)) }).toEqual({
    stated: [
      "netuid",
      "evaluation_runs",
      "eval_steps",
      "benchmark_model_name",
      "benchmark_batch_size",
      "docker.num_gpus",
      "basilica.gpu_count",
      "basilica.gpu_models",
      "basilica.min_gpu_memory_gb",
    ],
    strangers: [],
  });
});

test("a production file is taken as it is; absent keys get production's defaults, unknown ones are kept and reported", async () => {
  const content = { ...minimal, novelty: { depth: 1 }, docker: { num_gpus: 2, color: "red" }, mfu: { min_mfu: 50 } };
  const path = await file(content);
  expect(await service.load(path)).toEqual({
    name: "mine",
    path,
    kind: "production",
    title: "mine",
    raw: content,
    resolved: {
      ...content,
      min_success_rate: 0.5,
      benchmark_tokenizer_name: null,
      docker: { num_gpus: 2, color: "red", memory_limit: "32g", shm_size: "8g" },
      verification: {
        max_loss_difference: 0.3,
        min_params_changed_ratio: 0.7,
        weight_relative_error_max: 0.008,
        timer_divergence_threshold: 0.005,
      },
      mfu: { gpu_peak_tflops: 312, max_plausible_mfu: 75, min_mfu: 50 },
      adaptive_threshold: { base_threshold: 0.002, decay_percent: 0.05, decay_interval_blocks: 100 },
      crusader: {
        kind: "production",
        title: "",
        device: "cuda",
        model: null,
        memory_per_rank: null,
        processes_per_rank: 1024,
        production: {},
        assumed: [],
      },
    },
    sha256: createHash("sha256")
      .update(await readFile(path))
      .digest("hex"),
    unknownKeys: ["novelty", "docker.color"],
    assumed: [],
  });
});

test("every wrong value is named with its line, path, value and range", async () => {
  const content = {
    ...minimal,
    evaluation_runs: "three",
    eval_steps: 0,
    docker: { memory_limit: "320 gigs", num_gpus: 2.5 },
    verification: { max_loss_difference: -0.1 },
    crusader: { kind: "rehearsal", device: "tpu" },
  };
  const { code, message } = await errorOf(content);
  expect({ code, lines: message.split("\n").slice(1) }).toEqual({
    code: "invalid_profile",
    lines: [
      '  line 2: evaluation_runs is "three"; allowed: a whole number from 1 to 100',
      "  line 3: eval_steps is 0; allowed: a whole number from 1 to 100,000",
      '  line 10: docker.memory_limit is "320 gigs"; allowed: a text such as "320g"',
      "  line 11: docker.num_gpus is 2.5; allowed: a whole number from 1 to 64",
      "  line 14: verification.max_loss_difference is -0.1; allowed: a number from 0 to 100",
      "  line 16: crusader.model is missing; allowed: an object or null",
      '  line 18: crusader.device is "tpu"; allowed: "cpu" or "cuda"',
    ],
  });
});

test("a model config that torch could not build is refused with the rule", async () => {
  const model = {
    vocab_size: 512,
    hidden_size: 130,
    intermediate_size: 384,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 3,
    max_position_embeddings: 32,
  };
  const { message } = await errorOf({ ...minimal, crusader: { kind: "rehearsal", device: "cpu", model } });
  expect(message.split("\n").slice(1)).toEqual([
    "  line 14: crusader.model.hidden_size is 130; allowed: a multiple of num_attention_heads (4)",
    "  line 18: crusader.model.num_key_value_heads is 3; allowed: a divisor of num_attention_heads (4)",
    "  line 19: crusader.model.max_position_embeddings is 32; allowed: at least benchmark_sequence_length (64)",
  ]);
});

test.each([
  ["a trailing comma", '{"a": 1,\n }', "property name expected at line 2, column 2"],
  ["a truncated file", '{"a": 1', "close brace expected at line 1, column 8"],
  ["a comment", '{"a": 1}\n// x', "invalid comment token at line 2, column 1"],
  ["NaN", '{"a": NaN}', "invalid symbol at line 1, column 7"],
  ["an empty file", "", "value expected at line 1, column 1"],
  ["a list", "[1]", "holds no JSON object"],
  ["another encoding", Uint8Array.of(0x7b, 0xff, 0x7d), "no text in UTF-8"],
  ["deep nesting", "[".repeat(100_000), "nested too deeply"],
  ["a huge file", " ".repeat(1024 * 1024 + 1), "too large"],
])("%s is refused with its place", async (_name, content, words) => {
  expect(await errorOf(content)).toMatchObject({ code: "invalid_profile", message: expect.stringContaining(words) });
});

test("a byte order mark is let pass", async () => {
  expect((await service.load(await file(`\ufeff${JSON.stringify(minimal)}`))).raw).toEqual(minimal);
});

test("a missing profile names the nearest and those there are", async () => {
  const hint = "There are: production-2026-04, production-3b, rehearsal. A path to a file works too.";
  await expect(service.load("rehersal")).rejects.toMatchObject({
    code: "not_found",
    hint: `Did you mean rehearsal? ${hint}`,
  });
  await expect(service.load(join(folder, "zzz.json"))).rejects.toMatchObject({ code: "not_found", hint });
});

test("the user's profiles stand beside the bundled ones and cannot take their names", async () => {
  await mkdir(join(folder, "profiles"));
  await file({ ...minimal, crusader: { title: "Mine" } }, "profiles/own.json");
  await file(minimal, "profiles/rehearsal.json");
  await file("{", "profiles/torn.json");
  const list = await service.list();
  expect(list.slice(3).map(({ name, title, error }) => ({ name, title, code: error?.code ?? null }))).toEqual([
    { name: "own", title: "Mine", code: null },
    { name: "rehearsal", title: null, code: "invalid_profile" },
    { name: "torn", title: null, code: "invalid_profile" },
  ]);
  expect([(await service.load("own")).title, (await service.load("rehearsal")).path]).toEqual([
    "Mine",
    join(profilesFolder, "rehearsal.json"),
  ]);
});

test("a rehearsal shows the production limits in force beside its own, and keeps what was not taken over", async () => {
  const limits = async (appliedProfile: () => string | null) => {
    const userProfilesFolder = join(folder, "profiles");
    const { raw, resolved, sha256 } = await new HparamsService({
      profilesFolder,
      userProfilesFolder,
      appliedProfile,
    }).load("rehearsal");
    const { verification, crusader } = resolved as { verification: unknown; crusader: { production: unknown } };
    return { raw, sha256, verification, production: crusader.production };
  };
  const builtIn = await limits(() => null);
  await mkdir(join(folder, "profiles"));
  await file(
    { ...minimal, verification: { weight_relative_error_max: 0.02 }, mfu: { min_mfu: 55 } },
    "profiles/new.json",
  );
  await file("{", "profiles/broken.json");
  const production = {
    verification: {
      max_loss_difference: expect.any(Number),
      min_params_changed_ratio: expect.any(Number),
      weight_relative_error_max: 0.02,
      timer_divergence_threshold: expect.any(Number),
    },
    mfu: { max_plausible_mfu: expect.any(Number), min_mfu: 55 },
  };
  expect(await limits(() => "new")).toEqual({ ...builtIn, production });
  expect(await limits(() => "gone")).toEqual(builtIn);
  expect(await limits(() => "broken")).toEqual(builtIn);
});
