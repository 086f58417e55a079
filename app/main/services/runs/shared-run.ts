/**
 * A run as it is passed on: the folder of its record, or the one file that `export` writes. What comes in this way was
 * made by somebody else, so nothing of it is believed: kinds of files, sizes, schemas, and what the parts say of each other.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { type ZodType, z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import { formatBytes } from "../../../common/format.ts";
import type { Plan, RecordedEvent, RunResult } from "../../../common/runs.ts";
import { planSchema, RECORD_VERSION, recordedEventSchema, runResultSchema } from "../../../common/runs.ts";
import { MAX_RANKS, MAX_REPEATS, runIdSchema } from "../../../common/simulation.ts";

/** Raised when a reader of the old form of an export would misread the new one. */
export const EXPORT_VERSION = 1;

export type SharedRun = {
  plan: Plan;
  result: RunResult;
  events: RecordedEvent[];
  source: Uint8Array;
  /** Untrusted bytes, as all logs are. */
  output: Uint8Array;
};

const MIB = 1024 * 1024;
/** Several times what a record of our own can hold, and little enough to be read at once. */
const MAX_BYTES = {
  "plan.json": MIB,
  "result.json": 8 * MIB,
  // Twenty minutes of eight GPUs are 3 MiB a repeat.
  "events.jsonl": 64 * MIB,
  "train.py": 64 * MIB,
  "output.log": 16 * MIB,
} as const;
const MAX_EXPORT_BYTES = 128 * MIB;
/** Of what lists show of every run: name, message, reasons. */
const MAX_SHOWN_CHARACTERS = 10_000;
const MAX_NAME_LENGTH = 255;
/** A profile's sections have sections of their own, and no more. */
const MAX_PROFILE_DEPTH = 20;

type RecordFile = keyof typeof MAX_BYTES;

const bytesSchema = z
  .union([z.object({ text: z.string() }), z.object({ base64: z.string() })])
  .transform((content) =>
    "text" in content ? Buffer.from(content.text, "utf8") : Buffer.from(content.base64, "base64"),
  );
const exportSchema = z.object({
  plan: z.unknown(),
  result: z.unknown(),
  events: z.array(z.unknown()),
  source: bytesSchema,
  output: bytesSchema,
});

/**
 * `path` is a run's folder or an exported run. Throws `not_found`, `access_denied`, `too_large`, or `invalid_record` where
 * it is none, not whole, or of a newer Crusader.
 */
export function readSharedRun(path: string): SharedRun {
  return readingFiles(path, () => {
    // The person chose this one, so a link in its place is theirs; links inside are not.
    const real = realpathSync(path);
    return statSync(real).isDirectory() ? readFolder(real) : readExport(real);
  });
}

function readFolder(folder: string): SharedRun {
  const read = (file: RecordFile) => readRegularFile(join(folder, file), file, MAX_BYTES[file]);
  const needed = (file: RecordFile, why: string) => {
    const content = read(file);
    if (content === null) throw unusable(`${file} is missing: ${why}`);
    return content;
  };
  const plan = needed("plan.json", "this is not the folder of a run");
  const result = needed("result.json", "the run goes on, or its process ended before it did");
  const lines = (read("events.jsonl") ?? Buffer.alloc(0)).toString("utf8").split("\n");
  return verified({
    plan: parsedJson(plan, "plan.json"),
    result: parsedJson(result, "result.json"),
    events: lines
      .filter((line) => line !== "")
      .map((line, index) => parsedJson(line, `line ${index + 1} of events.jsonl`)),
    source: needed("train.py", "what was judged is not there"),
    output: read("output.log") ?? Buffer.alloc(0),
  });
}

function readExport(file: string): SharedRun {
  const value = parsedJson(readRegularFile(file, "the file", MAX_EXPORT_BYTES) ?? "", "the file");
  const version = (value as { exportVersion?: unknown } | null)?.exportVersion;
  if (typeof version !== "number") throw unusable("it is no run that Crusader exported");
  refuseNewer("the file", version, EXPORT_VERSION);
  const content = checked("the file", value, exportSchema);
  if (content.result === null)
    throw unusable("it has no result: the run went on when it was exported, or was interrupted");
  const sizes = { "train.py": content.source.length, "output.log": content.output.length };
  for (const [name, bytes] of Object.entries(sizes)) refuseLarger(name, bytes, MAX_BYTES[name as RecordFile]);
  return verified(content);
}

type Unverified = Pick<SharedRun, "source" | "output"> & { plan: unknown; result: unknown; events: readonly unknown[] };

function verified({ plan: unknownPlan, result: unknownResult, events, source, output }: Unverified): SharedRun {
  const plan = checkedRecord("plan.json", unknownPlan, planSchema);
  const result = checkedRecord("result.json", unknownResult, runResultSchema);
  const recorded = events.map((event, index) =>
    checked(`line ${index + 1} of events.jsonl`, event, recordedEventSchema),
  );
  const repeats = plan.seeds.length;
  const { name, sha256, bytes } = plan.submission;
  const judged = result.repeats.some(({ outcome }) => outcome === "passed" || outcome === "failed");
  const shown = [
    plan.profile.name,
    plan.backend,
    plan.policy?.origin ?? "",
    result.failure?.message ?? "",
    ...result.notComparable,
  ];
  const claims: [boolean, string][] = [
    [runIdSchema.safeParse(plan.runId).success, "its number is none"],
    [result.runId === plan.runId, `its plan is that of run ${plan.runId}, its result that of another`],
    [isFileName(name), "the name of its submission is none"],
    [isNestedWithin(MAX_PROFILE_DEPTH, plan.profile.content), "its profile is nested too deeply"],
    [repeats <= MAX_REPEATS && plan.numRanks <= MAX_RANKS, "it has more repeats or ranks than a run may have"],
    [result.repeatsPlanned === repeats && result.repeats.length <= repeats, "plan and result differ in their repeats"],
    [recorded.every((event) => event.repeat < repeats), "it has events of a repeat that was not planned"],
    [!judged || recorded.length > 0, "events.jsonl is missing"],
    [result.output.keptBytes === 0 || output.length > 0, "output.log is missing"],
    [bytes === source.length && sha256 === sha256Of(source), "train.py is not what was judged"],
    [shown.every((text) => text.length <= MAX_SHOWN_CHARACTERS), "a name or message in it is too long to be shown"],
  ];
  const broken = claims.find(([holds]) => !holds);
  if (broken !== undefined) throw unusable(broken[1]);
  return { plan, result, events: recorded, source, output };
}

function isFileName(name: string): boolean {
  // Cc: control characters. The others change the direction of reading.
  const refused = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069/\\]/u;
  return name !== "" && name.length <= MAX_NAME_LENGTH && !refused.test(name);
}

/** Whether no more than `depth` lists and objects lie in each other; further down, writing it would end in an error. */
function isNestedWithin(depth: number, value: unknown): boolean {
  let level = [value];
  for (let left = depth; left >= 0; left -= 1) {
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
    if (level.length === 0) return true;
  }
  return false;
}

function checkedRecord<T>(file: string, value: unknown, schema: ZodType<T>): T {
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === "number") refuseNewer(file, version, RECORD_VERSION);
  return checked(file, value, schema);
}

function checked<T>(what: string, value: unknown, schema: ZodType<T>): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw unusable(`${what}: ${issue?.path.join(".") || "its content"}: ${issue?.message}`);
}

function refuseNewer(what: string, version: number, known: number): void {
  if (version <= known) return;
  throw new CrusaderError(
    "invalid_record",
    `The run was recorded by a newer Crusader (${what} has version ${version}; this one reads up to ${known}).`,
    "Update Crusader to import it. Nothing was imported.",
  );
}

function refuseLarger(what: string, bytes: number, limit: number): void {
  if (bytes > limit) throw new CrusaderError("too_large", `${what} is larger than ${formatBytes(limit)}.`, NOTHING);
}

function parsedJson(content: Uint8Array | string, what: string): unknown {
  try {
    return JSON.parse(content.toString());
  } catch {
    throw unusable(`${what} is no JSON`);
  }
}

/** Null where there is none. Neither links nor devices, and no more than `limit` bytes, whatever the size says. */
function readRegularFile(path: string, what: string, limit: number): Buffer | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  if (!found.isFile()) throw unusable(`${what} is no regular file`);
  refuseLarger(what, found.size, limit);
  // It may have become something else meanwhile: a link (refused), a pipe (not waited for).
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (!fstatSync(descriptor).isFile()) throw unusable(`${what} is no regular file`);
    const buffer = Buffer.alloc(found.size);
    let bytes = 0;
    for (let got = -1; got !== 0 && bytes < buffer.length; bytes += got) {
      got = readSync(descriptor, buffer, bytes, buffer.length - bytes, null);
    }
    return buffer.subarray(0, bytes);
  } finally {
    closeSync(descriptor);
  }
}

function readingFiles<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof CrusaderError || code === undefined) throw error;
    throw code === "ENOENT" || code === "ENOTDIR"
      ? new CrusaderError("not_found", `${path} does not exist.`, "Name the folder of a run, or an exported run.")
      : new CrusaderError("access_denied", `${path} cannot be read.`, NOTHING, message);
  }
}

const NOTHING = "Nothing was imported.";

function unusable(reason: string): CrusaderError {
  return new CrusaderError(
    "invalid_record",
    `The run cannot be imported: ${reason}.`,
    `${NOTHING} What can be: the whole folder of a run that has ended, or the file that Export made of it.`,
  );
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
