/** What differs between two sets of rules. Pure; consequences are added by `consequences.ts`. */
import type { Place, Reading, RuleChange } from "../../../common/production.ts";
import type { ScanPolicy } from "../../../common/scan.ts";

/** One side: our own rules, or a reading. What is null is not known there, and nothing is said about it. */
export type RuleSet = {
  policy: ScanPolicy;
  /** Content of an hparams.json, without our own section. */
  hparams: Record<string, unknown> | null;
  pins: Readonly<Record<string, string>> | null;
  /** Of a reading: every number of the code that is a limit. Of ours: the profile's, by the last part of their paths. */
  thresholds: { values: ReadonlyMap<string, readonly number[]>; isWholeCode: boolean } | null;
  scanner: Reading["scanners"][number] | null;
  /** Where a value stands, by area and name; ours have no places. */
  place: (area: RuleChange["area"], name: string) => Place | null;
};

/** A change without its consequences. */
export type BareChange = Omit<RuleChange, "consequences">;

const noPlace = (): null => null;

export function rulesOfOurs(
  policy: ScanPolicy,
  profile: Record<string, unknown>,
  pins: Readonly<Record<string, string>>,
): RuleSet {
  const { crusader: _ours, ...hparams } = profile;
  const numbers = [...(flattened(hparams) ?? [])].flatMap(([path, value]) =>
    typeof value === "number" ? [{ name: lastPart(path), value }] : [],
  );
  const thresholds = { values: valuesByName(numbers), isWholeCode: false };
  return { policy, hparams, pins, thresholds, scanner: null, place: noPlace };
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

export function rulesOfReading(reading: Reading): RuleSet {
  const places = new Map<string, Place>();
  for (const [key, { file, line }] of Object.entries(reading.policy)) places.set(`policy ${key}`, { file, line });
  for (const { name, file, line } of reading.pins) places.set(`container ${name}`, { file, line });
  for (const { name, file, line } of reading.thresholds) {
    if (!places.has(`threshold ${name}`)) places.set(`threshold ${name}`, { file, line });
  }
  const { hparams, scanners } = reading;
  const scanner = scanners[0] ?? null;
  const placeOf = (area: RuleChange["area"], name: string): Place | null => {
    if (area === "hparams") return hparams === null ? null : { file: hparams.file, line: 1 };
    if (area === "scanner") return scanner === null ? null : { file: scanner.entry.file, line: scanner.entry.line };
    return places.get(`${area} ${name}`) ?? null;
  };
  return {
    policy: Object.fromEntries(Object.entries(reading.policy).map(([key, { value }]) => [key, value])),
    hparams: hparams?.content ?? null,
    pins:
      reading.pins.length === 0 ? null : Object.fromEntries(reading.pins.map(({ name, version }) => [name, version])),
    thresholds:
      reading.thresholds.length === 0 ? null : { values: valuesByName(reading.thresholds), isWholeCode: true },
    scanner,
    place: placeOf,
  };
}

/** In the order of areas; only what both sides know. */
export function compareRules(from: RuleSet, to: RuleSet): BareChange[] {
  return [
    ...comparePolicies(from, to),
    ...compareValues("hparams", flattened(from.hparams), flattened(to.hparams), to, true),
    ...compareThresholds(from, to),
    ...compareValues("container", mapOf(from.pins), mapOf(to.pins), to, false),
    ...compareScanners(from, to),
  ];
}

function comparePolicies(from: RuleSet, to: RuleSet): BareChange[] {
  return Object.keys(to.policy)
    .filter((key) => Object.hasOwn(from.policy, key))
    .sort()
    .flatMap((key): BareChange[] => {
      const [before, after] = [from.policy[key], to.policy[key]];
      const common = {
        area: "policy",
        name: key,
        title: titleOf(key),
        kind: "changed",
        place: to.place("policy", key),
        applies: true,
      } as const;
      if (Array.isArray(before) && Array.isArray(after)) {
        const added = after.filter((item) => !before.includes(item)).sort();
        const removed = before.filter((item) => !after.includes(item)).sort();
        return added.length + removed.length === 0 ? [] : [{ ...common, before: null, after: null, added, removed }];
      }
      return before === after
        ? []
        : [{ ...common, before: before ?? null, after: after ?? null, added: [], removed: [] }];
    });
}

function compareValues(
  area: "hparams" | "container",
  from: ReadonlyMap<string, unknown> | null,
  to: ReadonlyMap<string, unknown> | null,
  side: RuleSet,
  applies: boolean,
): BareChange[] {
  if (from === null || to === null) return [];
  // A container pins what it likes: what only one side names is no change that anybody made.
  const names = area === "container" ? [...to.keys()].filter((name) => from.has(name)) : [...from.keys(), ...to.keys()];
  return [...new Set(names)].sort().flatMap((name): BareChange[] => {
    const [before, after] = [from.get(name), to.get(name)];
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [
      {
        area,
        name,
        title: titleOf(name),
        kind: before === undefined ? "added" : after === undefined ? "removed" : "changed",
        before: json(before),
        after: json(after),
        added: [],
        removed: [],
        place: after === undefined ? null : side.place(area, name),
        applies,
      },
    ];
  });
}

/**
 * Numbers of the code have names, and no addresses: one name may have several values. Our profile is no code: beside it
 * only names that both have say something, and how often a value is repeated says nothing.
 */
function compareThresholds({ thresholds: from }: RuleSet, to: RuleSet): BareChange[] {
  if (from === null || to.thresholds === null) return [];
  if (!from.isWholeCode && !to.thresholds.isWholeCode) return [];
  const areBothCode = from.isWholeCode && to.thresholds.isWholeCode;
  const [before, after] = [from.values, to.thresholds.values].map((values) =>
    areBothCode ? values : new Map([...values].map(([name, all]) => [name, [...new Set(all)]])),
  ) as [ReadonlyMap<string, readonly number[]>, ReadonlyMap<string, readonly number[]>];
  const names = areBothCode
    ? new Set([...before.keys(), ...after.keys()])
    : [...before.keys()].filter((name) => after.has(name));
  return [...names].sort().flatMap((name): BareChange[] => {
    const [old, current] = [before.get(name), after.get(name)];
    if (JSON.stringify(old) === JSON.stringify(current)) return [];
    return [
      {
        area: "threshold",
        name,
        title: titleOf(name),
        kind: old === undefined ? "added" : current === undefined ? "removed" : "changed",
        before: single(old),
        after: single(current),
        added: [],
        removed: [],
        place: current === undefined ? null : to.place("threshold", name),
        applies: false,
      },
    ];
  });
}

function valuesByName(thresholds: readonly { name: string; value: number }[]): Map<string, number[]> {
  const values = new Map<string, number[]>();
  for (const { name, value } of thresholds)
    values.set(
      name,
      [...(values.get(name) ?? []), value].sort((a, b) => a - b),
    );
  return values;
}

function single(values: readonly number[] | undefined): RuleChange["before"] {
  if (values === undefined) return null;
  return values.length === 1 ? (values[0] ?? null) : [...values];
}

function compareScanners(from: RuleSet, to: RuleSet): BareChange[] {
  if (from.scanner === null || to.scanner === null) return [];
  const [before, after] = [definitionsOf(from.scanner), definitionsOf(to.scanner)];
  const added = [...after].filter(([name, source]) => before.get(name) !== source).map(([name]) => name);
  const removed = [...before.keys()].filter((name) => !after.has(name));
  const [old, current] = [signature(from.scanner), signature(to.scanner)];
  if (added.length + removed.length === 0 && old === current) return [];
  return [
    {
      area: "scanner",
      name: to.scanner.entry.name,
      title: "The validator's scanner",
      kind: "changed",
      before: old,
      after: current,
      added: added.sort(),
      removed: removed.sort(),
      place: to.place("scanner", ""),
      applies: false,
    },
  ];
}

function definitionsOf({ definitions }: NonNullable<RuleSet["scanner"]>): Map<string, string> {
  return new Map(definitions.map(({ name, source }) => [name, source]));
}

function signature({ entry }: NonNullable<RuleSet["scanner"]>): string {
  return `${entry.name}(${entry.parameters.map(({ name }) => name).join(", ")})`;
}

function mapOf(pins: RuleSet["pins"]): Map<string, unknown> | null {
  return pins === null ? null : new Map(Object.entries(pins));
}

const MAX_DEPTH = 8;

/** Dotted path to value; lists are values. */
function flattened(content: Record<string, unknown> | null): Map<string, unknown> | null {
  if (content === null) return null;
  const leaves = new Map<string, unknown>();
  const visit = (value: unknown, path: string, depth: number) => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || depth > MAX_DEPTH)
      leaves.set(path, value);
    else
      for (const [key, child] of Object.entries(value)) visit(child, path === "" ? key : `${path}.${key}`, depth + 1);
  };
  visit(content, "", 0);
  return leaves;
}

/** What came out of JSON; undefined is the absence of a value. */
function json(value: unknown): RuleChange["before"] {
  return value === undefined ? null : (value as RuleChange["before"]);
}

const TITLES: Readonly<Record<string, string>> = {
  "verification.weight_relative_error_max": "Weight error limit",
  "verification.max_loss_difference": "Loss difference limit",
  "verification.min_params_changed_ratio": "Share of parameters that must change",
  "verification.timer_divergence_threshold": "Clock difference limit",
  "mfu.min_mfu": "Lowest MFU that passes",
  "mfu.max_plausible_mfu": "Highest plausible MFU",
  "mfu.gpu_peak_tflops": "GPU peak TFLOPS",
  eval_steps: "Steps of one run",
  evaluation_runs: "Runs of one submission",
  eval_timeout: "Time limit of one run",
  min_success_rate: "Share of runs that must succeed",
  benchmark_model_name: "Model",
  benchmark_tokenizer_name: "Tokenizer",
  benchmark_sequence_length: "Sequence length",
  benchmark_batch_size: "Batch size",
  "docker.num_gpus": "GPUs",
  "base image": "Container base image",
};

/** "forbidden_names" -> "Forbidden names"; what has a name of its own keeps it. */
export function titleOf(name: string): string {
  const known = TITLES[name];
  if (known !== undefined) return known;
  if (!name.includes("_")) return name;
  const words = name.replaceAll("_", " ").replaceAll(".", ": ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
