/** Container engines, and what the doctor finds about one (docs/architecture.md, "The doctor"). */
import { z } from "zod";
import { errorReportSchema } from "./errors.ts";
import { containerChoiceSchema, runProfileSchema } from "./runs.ts";
import { MAX_RANKS, profileNameSchema } from "./simulation.ts";

/** A container engine, and why it cannot be used where it cannot. */
export const engineChoiceSchema = z.object({
  name: z.string(),
  address: z.string(),
  /** Whether the docker command would use it now. */
  current: z.boolean(),
  problem: errorReportSchema.nullable(),
});

/** Which engine, and what it has to be fit for. */
export const engineNeedsSchema = z.object({
  container: containerChoiceSchema.optional(),
  profile: profileNameSchema.default("rehearsal"),
  /** Default: the profile's. */
  numRanks: z.number().int().min(1).max(MAX_RANKS).optional(),
});

/**
 * `problem`: a run fails, or is not kept apart as it must be. `warning`: it runs, and its score may not compare, or it may
 * run into a limit. `note`: another way than usual, of no harm. `unknown`: it could not be found out, and why.
 */
export const FINDING_STATES = ["ok", "note", "warning", "problem", "unknown"] as const;
export const FINDING_GROUPS = ["engine", "image", "container", "gpus"] as const;
export type FindingState = (typeof FINDING_STATES)[number];
export type FindingGroup = (typeof FINDING_GROUPS)[number];
export const GROUP_TITLES: Record<FindingGroup, string> = {
  engine: "Engine",
  image: "Image",
  container: "In a container",
  gpus: "GPUs",
};

export const findingSchema = z.object({
  /** "gpu_busy": stays the same from check to check. */
  id: z.string(),
  group: z.enum(FINDING_GROUPS),
  /** A word or two: "Clock". */
  title: z.string(),
  state: z.enum(FINDING_STATES),
  /** One sentence. */
  message: z.string(),
  /** What to do; "" where there is nothing. */
  remedy: z.string(),
  /** The same to be pasted into a terminal of the engine's host; "" where no command does it. */
  command: z.string(),
});
export type Finding = z.infer<typeof findingSchema>;

/** A GPU as its driver tells; null: it does not. Percentages and watts as nvidia-smi means them. */
export const engineGpuSchema = z.object({
  index: z.number().int().nonnegative(),
  name: z.string(),
  memoryBytes: z.number().nullable(),
  usedBytes: z.number().nullable(),
  utilizationPercent: z.number().nullable(),
  /** Anything but this probe uses it. */
  busy: z.boolean(),
  /** Dense bf16 TFLOP/s of this model; null where it is not in our table. */
  bf16Tflops: z.number().nullable(),
});
export type EngineGpu = z.infer<typeof engineGpuSchema>;

export const engineReportSchema = z.object({
  engine: z.string(),
  address: z.string(),
  profile: z.string(),
  numRanks: z.number().int(),
  runProfile: runProfileSchema,
  checkedAt: z.iso.datetime(),
  findings: z.array(findingSchema),
  gpus: z.array(engineGpuSchema),
});
export type EngineReport = z.infer<typeof engineReportSchema>;

/** One item of `engines.check`: what is known so far. */
export const engineCheckSchema = z.object({
  report: engineReportSchema,
  /** What it is doing now; null in the last item. */
  doing: z.string().nullable(),
});
export type EngineCheck = z.infer<typeof engineCheckSchema>;

/** The worst there is; what could not be found out counts between a note and a warning. */
export function worstState(findings: readonly Pick<Finding, "state">[]): FindingState {
  const order: readonly FindingState[] = ["problem", "warning", "unknown", "note", "ok"];
  return order.find((state) => findings.some((finding) => finding.state === state)) ?? "ok";
}

/** Whether a run can be started there and is kept apart as it must be. */
export function isFit({ findings }: Pick<EngineReport, "findings">): boolean {
  return findings.every(({ state }) => state !== "problem");
}

/** For people: neighbours about which nothing is known for the same reason as one. */
export function condensed(findings: readonly Finding[]): Finding[] {
  const shown: Finding[] = [];
  for (const finding of findings) {
    const before = shown.at(-1);
    const isSame =
      finding.state === "unknown" &&
      before?.state === "unknown" &&
      before.group === finding.group &&
      before.message === finding.message;
    if (isSame) shown[shown.length - 1] = { ...before, title: `${before.title}, ${lowerFirst(finding.title)}` };
    else shown.push(finding);
  }
  return shown;
}

/** "Shared memory" within a list; "GPUs" and "MIG" as they are. */
function lowerFirst(title: string): string {
  return /^[A-Z][a-z]/.test(title) ? title.charAt(0).toLowerCase() + title.slice(1) : title;
}

/** The whole report, to be passed on. */
export function reportText(report: EngineReport): string {
  const { engine, address, profile, numRanks, runProfile, checkedAt, findings } = report;
  const lines = FINDING_GROUPS.flatMap((group) => {
    const inGroup = condensed(findings.filter((finding) => finding.group === group));
    if (inGroup.length === 0) return [];
    return ["", GROUP_TITLES[group], ...inGroup.flatMap(findingLines)];
  });
  const ranks = numRanks === 1 ? "1 rank" : `${numRanks} ranks`;
  return `${[
    `Container engine ${engine} (${address})`,
    `for profile ${profile}, ${ranks}, flags of the ${runProfile === "public" ? "public simulator" : "validator"}`,
    `checked ${checkedAt}`,
    ...lines,
  ].join("\n")}\n`;
}

function findingLines({ state, title, message, remedy, command }: Finding): string[] {
  return [
    `  ${state.padEnd(7)}  ${title}: ${message}`,
    ...(remedy === "" ? [] : [`           ${remedy}`]),
    ...(command === "" ? [] : [`           $ ${command}`]),
  ];
}
