/**
 * What `docker build` prints, read as progress: BuildKit's `--progress=plain` and the classic builder's output. Pure: lines
 * and the time go in. Recorded outputs of real builders are in fixtures/builds.
 */
import type { BuildProgress } from "../../../common/images.ts";

export type EndedStep = { name: string; seconds: number; cached: boolean };
export type FailedStep = { name: string; lastLines: string[] };

export interface BuildReader {
  /** One line without its end; `atMs` on any clock. */
  take(line: string, atMs: number): void;
  progress(): BuildProgress;
  /** Steps that ended, in the order of their ends. */
  readonly ended: readonly EndedStep[];
  /** Those going on, and since when. */
  readonly running: readonly { name: string; sinceMs: number }[];
  /** The one that went wrong, or the last one begun; null before the first. */
  readonly failed: FailedStep | null;
}

const KEPT_LINES = 30;
const KEPT_CHARACTERS = 300;
const SENDING = "Sending the build context";
const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };
const AMOUNT = String.raw`(\d+(?:\.\d+)?) ?([kKMGT]?)i?B`;

/** "12.5", "M" -> 12,500,000 */
function bytesOf(number: string | undefined, unit: string | undefined): number {
  return Math.round(Number(number) * (UNITS[unit ?? ""] ?? 1));
}

/** Without colours and cursor movements. */
export function plainLine(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what goes
  return line.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "");
}

/** tqdm's bar: "model.safetensors:  20%|##   | 1.00G/4.98G [00:01<00:04, 300MB/s]" */
function downloadOf(text: string): BuildProgress["bytes"] {
  const bar = /\| *(\d+(?:\.\d+)?)([kMGT]?)B?\/(\d+(?:\.\d+)?)([kMGT]?)B? \[[^\]]*B\/s\]/.exec(text);
  if (bar === null) return null;
  const total = bytesOf(bar[3], bar[4]);
  return total > 0 ? { done: Math.min(bytesOf(bar[1], bar[2]), total), total } : null;
}

/**
 * How many steps BuildKit makes of a Dockerfile: each RUN, COPY, ADD and WORKDIR, and each base once. `args`: build
 * arguments, which may name bases.
 */
export function countSteps(dockerfile: string, args: Readonly<Record<string, string>>): number {
  const values: Record<string, string> = {};
  const stages = new Set<string>();
  const bases = new Set<string>();
  let steps = 0;
  const lines = dockerfile.split("\n").filter((line) => !line.startsWith("#"));
  for (const line of lines.join("\n").replaceAll("\\\n", " ").split("\n")) {
    const [instruction = "", first = "", , third = ""] = line.trim().split(/\s+/);
    if (["RUN", "COPY", "ADD", "WORKDIR"].includes(instruction)) steps += 1;
    if (instruction === "ARG") {
      const [name = "", value = ""] = first.split("=");
      values[name] = args[name] ?? value.replaceAll('"', "");
    }
    if (instruction === "FROM") {
      const base = first.replace(/\$\{(\w+)\}/g, (_all, name: string) => values[name] ?? "");
      if (!stages.has(base)) bases.add(base);
      if (third !== "") stages.add(third);
    }
  }
  return steps + bases.size;
}

type Vertex = {
  name: string;
  isStep: boolean;
  sinceMs: number;
  state: "running" | "done" | "cached" | "failed" | "cancelled";
  /** Of one that is done. */
  seconds: number;
  lines: string[];
  /** By what is on its way: a layer's digest, or "". */
  bytes: Map<string, { done: number; total: number | null }>;
  isUnpacking: boolean;
};

/** `docker build --progress=plain`: every line begins with the number of the vertex it is about. */
export class BuildKitReader implements BuildReader {
  readonly #expectedSteps: number;
  readonly #vertices = new Map<string, Vertex>();
  /** The one spoken of last. */
  #current: Vertex | null = null;

  /** `expectedSteps`: as `countSteps` says. */
  constructor(expectedSteps: number) {
    this.#expectedSteps = expectedSteps;
  }

  take(line: string, atMs: number): void {
    const [, number, text = ""] = /^#(\d+) (.*)$/.exec(plainLine(line)) ?? [];
    if (number === undefined) return;
    const vertex = this.#vertices.get(number);
    if (vertex === undefined) this.#begin(number, text, atMs);
    else if (text !== vertex.name) this.#said(vertex, text);
    if (text !== "...") this.#current = this.#vertices.get(number) ?? null;
  }

  get ended(): readonly EndedStep[] {
    const ended = [...this.#vertices.values()].filter(({ isStep, state }) => isStep && /^(?:done|cached)$/.test(state));
    return ended.map(({ name, seconds, state }) => ({ name: stepName(name), seconds, cached: state === "cached" }));
  }

  get running() {
    return this.#running().map(({ name, sinceMs }) => ({ name: stepName(name), sinceMs }));
  }

  get failed(): FailedStep | null {
    const all = [...this.#vertices.values()];
    const vertex = all.find(({ state }) => state === "failed") ?? this.#current;
    return vertex === null ? null : { name: stepName(vertex.name), lastLines: [...vertex.lines] };
  }

  progress(): BuildProgress {
    const { ended } = this;
    const total = Math.max(this.#expectedSteps, ended.length + this.#running().length);
    // Whether a base that is there counts as kept differs from build to build.
    const cachedSteps = ended.filter(({ name, cached }) => cached && !name.startsWith("FROM ")).length;
    const vertex = this.#shown();
    if (vertex === null) return { step: null, doing: "", cachedSteps, bytes: null };
    const step = { number: Math.min(ended.length + 1, total), total, name: stepName(vertex.name) };
    return { step, doing: doingOf(vertex), cachedSteps, bytes: sumOf(vertex) };
  }

  #running(): Vertex[] {
    return [...this.#vertices.values()].filter(({ isStep, state }) => isStep && state === "running");
  }

  /** Of what goes on, what was spoken of last; else the step that has been going on for longest. */
  #shown(): Vertex | null {
    if (this.#current?.state === "running") return this.#current;
    return [...this.#vertices.values()].findLast(({ state }) => state === "running") ?? this.#current;
  }

  #begin(number: string, name: string, atMs: number): void {
    // "[stage-1 2/9] RUN ...", "[2/9] RUN ..."; not "[internal] ...", "exporting to image".
    const isStep = /^\[(?:\S+ +)?\d+\/\d+\] /.test(name);
    const vertex: Vertex = {
      name,
      isStep,
      sinceMs: atMs,
      state: "running",
      seconds: 0,
      lines: [],
      bytes: new Map(),
      isUnpacking: false,
    };
    this.#vertices.set(number, vertex);
  }

  #said(vertex: Vertex, text: string): void {
    const ended = /^(?:DONE (?<seconds>\d+(?:\.\d+)?)s|(?<cached>CACHED)|CANCELED)$/.exec(text)?.groups;
    if (ended !== undefined) {
      // A base is done once where it is named, and again when it was fetched.
      vertex.seconds += Number(ended.seconds ?? 0);
      vertex.state = ended.seconds !== undefined ? "done" : ended.cached !== undefined ? "cached" : "cancelled";
      vertex.bytes.clear();
      return;
    }
    if (text === "..." || /^sha256:[0-9a-f]{64}$/.test(text)) return;
    vertex.state = "running";
    if (text.startsWith("ERROR: ")) {
      vertex.state = "failed";
      vertex.lines.push(cut(text.slice("ERROR: ".length)));
      return;
    }
    const layer = new RegExp(String.raw`^(sha256:\S+) ${AMOUNT} / ${AMOUNT}`).exec(text);
    if (layer !== null) {
      const total = bytesOf(layer[4], layer[5]);
      vertex.bytes.set(layer[1] ?? "", { done: bytesOf(layer[2], layer[3]), total: total > 0 ? total : null });
      return;
    }
    const context = new RegExp(`^transferring (?:context|dockerfile): ${AMOUNT}`).exec(text);
    if (context !== null) {
      vertex.bytes.set("", { done: bytesOf(context[1], context[2]), total: null });
      return;
    }
    if (text.startsWith("extracting ")) vertex.isUnpacking = true;
    // What a program printed, behind the seconds since it began; of what it drew over, the last.
    const printed = /^\d+\.\d+ ?(.*)$/.exec(text);
    if (printed === null) return;
    const said = lastDrawn(printed[1] ?? "");
    const download = downloadOf(said);
    if (download !== null) vertex.bytes.set("", download);
    else vertex.bytes.delete("");
    keep(vertex.lines, said);
  }
}

/** The classic builder: one instruction after the other, "Step 3/12 : RUN ...". */
export class ClassicReader implements BuildReader {
  readonly #ended: EndedStep[] = [];
  #step: { number: number; total: number; name: string; sinceMs: number; cached: boolean } | null = null;
  #lines: string[] = [];
  #bytes: BuildProgress["bytes"] = null;
  #doing = "";

  take(line: string, atMs: number): void {
    const text = lastDrawn(plainLine(line));
    const begun = /^Step (\d+)\/(\d+) : (.*)$/.exec(text);
    if (begun !== null) {
      this.#endStep(atMs);
      const name = cut(begun[3] ?? "");
      this.#step = { number: Number(begun[1]), total: Number(begun[2]), name, sinceMs: atMs, cached: false };
      this.#lines = [];
      this.#bytes = null;
      this.#doing = name;
      return;
    }
    const context = new RegExp(`^Sending build context to Docker daemon +${AMOUNT}`).exec(text);
    if (context !== null) {
      this.#doing = SENDING;
      this.#bytes = { done: bytesOf(context[1], context[2]), total: null };
      return;
    }
    if (text.startsWith("Successfully built ")) {
      this.#endStep(atMs);
      return;
    }
    if (text === " ---> Using cache" && this.#step !== null) this.#step.cached = true;
    if (/^ ---> |^Removing intermediate container /.test(text) || text.trim() === "") return;
    this.#bytes = downloadOf(text);
    keep(this.#lines, text);
  }

  get ended(): readonly EndedStep[] {
    return this.#ended;
  }

  get running() {
    return this.#step === null ? [] : [{ name: this.#step.name, sinceMs: this.#step.sinceMs }];
  }

  get failed(): FailedStep | null {
    return this.#step === null && this.#lines.length === 0
      ? null
      : { name: this.#step?.name ?? "", lastLines: [...this.#lines] };
  }

  progress(): BuildProgress {
    const cachedSteps = this.#ended.filter(({ cached }) => cached).length;
    const step = this.#step;
    return {
      step: step === null ? null : { number: step.number, total: step.total, name: step.name },
      doing: this.#doing,
      cachedSteps,
      bytes: this.#bytes,
    };
  }

  #endStep(atMs: number): void {
    if (this.#step === null) return;
    const { name, sinceMs, cached } = this.#step;
    // The last one is ended again by the end of the build.
    if (this.#ended.length < this.#step.number) {
      this.#ended.push({ name, seconds: (atMs - sinceMs) / 1000, cached });
    }
  }
}

/**
 * How long the rest takes: from how long its steps took before (`before`); else, of the step that goes on, from how fast
 * its bytes came so far. Null where nothing tells.
 */
export function timeLeft(
  reader: BuildReader,
  before: readonly { name: string; seconds: number }[],
  nowMs: number,
): { seconds: number; of: "build" | "step" } | null {
  const running = new Map(reader.running.map(({ name, sinceMs }) => [name, (nowMs - sinceMs) / 1000]));
  const known = new Set(before.map(({ name }) => name));
  if (known.size > 0 && [...running.keys()].every((name) => known.has(name))) {
    const ended = new Set(reader.ended.map(({ name }) => name));
    const rest = before.filter(({ name }) => !ended.has(name));
    // Steps that run side by side are counted one after the other: rather too long than too short.
    const seconds = rest.reduce(
      (sum, { name, seconds: took }) => sum + Math.max(0, took - (running.get(name) ?? 0)),
      0,
    );
    return { seconds, of: "build" };
  }
  const { bytes, step } = reader.progress();
  const elapsed = step === null ? undefined : running.get(step.name);
  if (bytes === null || bytes.total === null || bytes.done === 0 || elapsed === undefined) return null;
  return { seconds: (elapsed * (bytes.total - bytes.done)) / bytes.done, of: "step" };
}

/** "[stage-1 2/9] RUN pip" and "[2/9] RUN pip" -> "RUN pip". */
function stepName(name: string): string {
  return cut(name.replace(/^\[[^\]]*\d+\/\d+\] /, ""));
}

function doingOf({ name, isUnpacking, bytes }: Vertex): string {
  if (name.startsWith("[internal] load build context")) return SENDING;
  if (name.startsWith("[internal] load metadata for ")) {
    return `Looking for the base image ${name.slice("[internal] load metadata for ".length)}`;
  }
  if (name.startsWith("[internal]")) return "Reading the Dockerfile";
  if (name.startsWith("exporting to ")) return "Writing the image";
  const step = stepName(name);
  if (!step.startsWith("FROM ")) return step;
  const base = step.slice("FROM ".length).replace(/@sha256:.*$/, "");
  return isUnpacking && sumOf({ bytes })?.done === sumOf({ bytes })?.total
    ? `Unpacking the base image ${base}`
    : `Fetching the base image ${base}`;
}

function sumOf({ bytes }: Pick<Vertex, "bytes">): BuildProgress["bytes"] {
  const all = [...bytes.values()];
  if (all.length === 0) return null;
  const done = all.reduce((sum, part) => sum + part.done, 0);
  const total = all.reduce<number | null>(
    (sum, part) => (sum === null || part.total === null ? null : sum + part.total),
    0,
  );
  return { done, total: total === 0 ? null : total };
}

/** What stays of a line that is drawn over and over. */
export function lastDrawn(text: string): string {
  return text.split("\r").findLast((part) => part.trim() !== "") ?? "";
}

function keep(lines: string[], text: string): void {
  if (text.trim() === "") return;
  lines.push(cut(text));
  if (lines.length > KEPT_LINES) lines.shift();
}

function cut(text: string): string {
  return text.length <= KEPT_CHARACTERS ? text : `${text.slice(0, KEPT_CHARACTERS)}..`;
}
