/** `crusader simulate`: judges a train.py as the validator would, check by check. */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import packageJson from "../../../package.json" with { type: "json" };
import { compareRuns } from "../../common/compare.ts";
import { CrusaderError } from "../../common/errors.ts";
import type { Stage } from "../../common/events.ts";
import { formatSeconds, productionText } from "../../common/format.ts";
import {
  containerChoiceSchema,
  type Evaluation,
  type Plan,
  type RepeatResult,
  type RunResult,
} from "../../common/runs.ts";
import { gpuNotes } from "../../common/telemetry.ts";
import { createArena } from "../services/arena/index.ts";
import { SshConnections } from "../services/engine/index.ts";
import { HparamsService, type Profile } from "../services/hparams/index.ts";
import { practiceWalletsFolder } from "../services/practice/index.ts";
import { productionCode } from "../services/production/index.ts";
import { PythonService } from "../services/python/index.ts";
import { Rules } from "../services/rules/index.ts";
import { RunStore } from "../services/runs/index.ts";
import { ScanService } from "../services/scan/index.ts";
import { ServerList } from "../services/servers/index.ts";
import { dataFolder, FileSecrets } from "../services/settings/index.ts";
import {
  DockerBackend,
  EvalServerBackend,
  LocalBackend,
  removeAbandonedFolders,
  type Simulation,
  type SimulationEvent,
  type SimulationRequest,
  SimulationService,
} from "../services/simulation/index.ts";
import { SigningRequests, WalletService, walletsFolder } from "../services/wallets/index.ts";
import { Templates } from "../services/workspace/index.ts";
import { askOnTerminal } from "./ask-ssh.ts";
import { type CommandIo, EXIT, type OutputStream } from "./io.ts";
import { logRows } from "./log.ts";
import { ProgressLine } from "./progress.ts";
import { counted, describeComparison, describeFailure, describeRepeat, scoreText, toneOf } from "./report.ts";
import { RunProgress } from "./run-progress.ts";
import { preparePython, REQUIREMENTS_FOLDER } from "./setup.ts";
import { renderTable } from "./table.ts";
import { type Paint, paintFor, safeJson, safeLine } from "./terminal.ts";

const HELP = `Judges a train.py as the validator would: the same stages, the same checks, each with its value and limit.

Usage: crusader simulate FILE [options]

  --profile NAME|FILE  what to judge by: a profile of hparams/, or any hparams.json (default: rehearsal)
  --backend NAME       where to run:
                         local       on this machine, in a sandbox (default)
                         docker      in a container, on this machine's engine or on that of another machine
                         evalServer  on a box that runs the production image's server (crusader servers)
  --runs N             evaluations, each with a seed of its own (default: the profile's evaluation_runs)
  --seed S             fix the seed; several runs take S, S-2, S-3 ...
  --num-gpus N         ranks (default: the profile's)
  --against FILE2      judge FILE2 too, in turns with FILE, and compare the two
  --ignore-cuda-needs  start the ranks on CPUs even if the file asks for CUDA
  --verbose            also print what the ranks printed
  --json               print the result record (with --against an array of two), and nothing else
  --help               this text

local:
  --no-sandbox         run your own file without a sandbox
docker:
  --engine NAME        a Docker context, "default" or "podman" (default: what the docker command uses)
  --run-profile NAME   validator (default): its flags, isolated; public: those of the public simulator's command, which
                       share the machine's memory segments, for your own files only
  --gpus 0,1           the engine's numbers of the GPUs to use (default: any)
  --image NAME         an image of your own instead of the profile's
  --evaluation NAME    whose code judges: crusader (default), or the validator's own: production (crusader production
                       fetch). It needs CUDA, and its result comes from the submission's own process
  --print-command      run nothing: print the docker commands that do the same, and write the order they read
  --write-order FILE   the same, with the order in FILE (default: order-by-hand.json in the data folder)
evalServer:
  --server NAME        which server; Ctrl-C ends the waiting, not its job

Ctrl-C cancels the run and ends its processes; a second one does not wait for the judge. A run in a container goes on
when the terminal closes; the window finds it again.
Exit codes: 0 passed, 1 the submission failed, 2 wrong use, 3 the environment (also: cancelled, needs CUDA).
`;

const TEMPLATES_FOLDER = fileURLToPath(new URL("../../../templates", import.meta.url));
const PROFILES_FOLDER = fileURLToPath(new URL("../../../hparams", import.meta.url));
const OUTPUT_LINES = 20;
const REDRAW_MS = 250;
const MAX_RUNS = 100;
const MAX_RANKS = 64;

export async function simulateCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const options = parse(args);
  if (options.help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  // Progress is for people: a script that reads JSON gets it on a terminal only.
  const quiet = options.json && io.stderr.isTTY !== true;
  const talk: CommandIo = quiet ? { stdout: io.stdout, stderr: SILENT } : io;
  const interrupt = new Interrupt();
  const folder = dataFolder(process.env, process.platform);
  const store = new RunStore({ dataFolder: folder });
  const arena = createArena({
    dataFolder: folder,
    secrets: new FileSecrets({ dataFolder: folder }),
    store,
    wallets: new WalletService({
      folders: {
        bittensor: walletsFolder(homedir(), process.env),
        practice: practiceWalletsFolder(folder),
      },
      requests: new SigningRequests(),
    }),
    templates: new Templates(TEMPLATES_FOLDER),
  });
  const ssh = new SshConnections({ ask: askOnTerminal(io) });
  const scan = new ScanService({
    packageFolder: join(REQUIREMENTS_FOLDER, "crusades_eval"),
    policyJson: readFileSync(join(PROFILES_FOLDER, "scan-policy.json"), "utf8"),
  });
  try {
    const python = new PythonService({ dataFolder: folder, requirementsFolder: REQUIREMENTS_FOLDER });
    const rules = new Rules({ dataFolder: folder, builtInPolicyFile: join(PROFILES_FOLDER, "scan-policy.json") });
    const hparams = new HparamsService({
      profilesFolder: PROFILES_FOLDER,
      userProfilesFolder: join(folder, "hparams"),
      appliedProfile: () => rules.applied()?.profile?.name ?? null,
    });
    const service = new SimulationService({
      dataFolder: folder,
      store,
      hparams,
      policy: () => rules.policy(),
      productionCode: () => productionCode(folder),
      originOf: (path, source) => arena.originOf(path, createHash("sha256").update(source).digest("hex")),
      backends: [
        new LocalBackend({
          python: () => preparePython(python, talk, { signal: interrupt.signal }),
          packageFolder: REQUIREMENTS_FOLDER,
        }),
        new DockerBackend({
          dataFolder: folder,
          packageFolder: REQUIREMENTS_FOLDER,
          crusaderVersion: packageJson.version,
          ssh,
        }),
        new EvalServerBackend({
          servers: new ServerList({ dataFolder: folder, secrets: new FileSecrets({ dataFolder: folder }) }),
          scan: (...request) => scan.scan(...request),
        }),
      ],
      crusaderVersion: packageJson.version,
      now: Date.now,
      randomSeed: () => randomBytes(16).toString("hex"),
    });
    const profile = await hparams.load(options.profile);
    describeProfile(profile, talk.stderr);
    if (options.printCommand) {
      const orderFile = options.orderFile ?? join(folder, "order-by-hand.json");
      const { commands, order } = await service.byHand(options, orderFile);
      if (options.orderFile === undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeOrder(orderFile, order, options.orderFile === undefined);
      io.stdout.write(commands);
      return EXIT.passed;
    }
    await cleanUp(service, talk.stderr);
    const simulation = await begin(service, options, io.stderr, interrupt);
    if (simulation === null) {
      io.stderr.write("Cancelled before anything was judged.\n");
      return EXIT.environment;
    }
    interrupt.watch(simulation, talk.stderr);
    await follow(simulation, service, talk.stderr, io.stderr);
    if (interrupt.hasLeft) {
      io.stderr.write("The run goes on in its container; the window finds it again (crusader serve).\n");
      return EXIT.environment;
    }
    const results = await simulation.done;
    if (options.json) io.stdout.write(`${safeJson(options.against === undefined ? results[0] : results)}\n`);
    else report(simulation.plans, results, store, options.verbose, io);
    return exitCode(results);
  } finally {
    interrupt.stop();
    await Promise.all([ssh.close(), scan.close()]);
    await arena.close();
    store.close();
  }
}

/** Throws `usage` where a file is there that is not ours to replace. */
function writeOrder(file: string, order: string, replace: boolean): void {
  try {
    writeFileSync(file, order, { mode: 0o600, flag: replace ? "w" : "wx" });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new CrusaderError("usage", `${file} is there already.`, "Nothing was overwritten.");
    throw new CrusaderError("access_denied", `${file} cannot be written.`, "Name another file.", message);
  }
}

const SILENT: OutputStream = { write: () => true };

type Options = SimulationRequest & {
  runs: number | undefined;
  against: string | undefined;
  noSandbox: boolean;
  printCommand: boolean;
  /** Where the order is written for those commands. */
  orderFile: string | undefined;
  verbose: boolean;
  json: boolean;
  help: boolean;
};

function parse(args: readonly string[]): Options {
  const { values, positionals } = parseOptions(args);
  const help = values.help ?? false;
  if (!help && positionals.length !== 1) {
    const message = positionals.length === 0 ? "Name the file to judge." : "`crusader simulate` takes one file.";
    throw new CrusaderError("usage", message, "`crusader simulate --help` shows how; --against compares two files.");
  }
  // Printable and short: it stands in tables and commands.
  if (values.seed !== undefined && !/^[\x21-\x7e]{1,128}$/.test(values.seed)) {
    throw new CrusaderError("usage", "--seed takes up to 128 printable characters without blanks.");
  }
  const backend = values.backend ?? (values.server === undefined ? "local" : "evalServer");
  if (values["no-sandbox"] === true && (backend === "docker" || backend === "evalServer")) {
    throw new CrusaderError("usage", "--no-sandbox is for --backend local: what a container keeps in, it always does.");
  }
  return {
    path: positionals[0] ?? "",
    profile: values.profile ?? "rehearsal",
    backend,
    server: values.server,
    sandbox: "bubblewrap",
    container: containerOf(values, backend === "docker"),
    evaluation: evaluationOf(values.evaluation),
    printCommand: values["print-command"] ?? values["write-order"] !== undefined,
    orderFile: values["write-order"],
    runs: wholeNumber("runs", values.runs, MAX_RUNS),
    numRanks: wholeNumber("num-gpus", values["num-gpus"], MAX_RANKS),
    seed: values.seed,
    ignoreCudaNeeds: values["ignore-cuda-needs"] ?? false,
    against: values.against,
    noSandbox: values["no-sandbox"] ?? false,
    verbose: values.verbose ?? false,
    json: values.json ?? false,
    help,
  };
}

function evaluationOf(text = "crusader"): Evaluation {
  if (text === "crusader" || text === "production") return text;
  throw new CrusaderError("usage", `--evaluation takes crusader or production, not "${text}".`);
}

type ContainerValues = {
  engine?: string | undefined;
  gpus?: string | undefined;
  "run-profile"?: string | undefined;
  image?: string | undefined;
  "print-command"?: boolean | undefined;
  "write-order"?: string | undefined;
};

function containerOf(values: ContainerValues, isDocker: boolean): SimulationRequest["container"] {
  const { engine, gpus, image, "run-profile": runProfile = "validator" } = values;
  if (!isDocker) {
    const options = ["engine", "gpus", "image", "run-profile", "print-command", "write-order"] as const;
    const given = options.find((option) => values[option] !== undefined);
    if (given !== undefined) throw new CrusaderError("usage", `--${given} needs --backend docker.`);
    return undefined;
  }
  if (runProfile !== "validator" && runProfile !== "public") {
    throw new CrusaderError("usage", `--run-profile takes validator or public, not "${runProfile}".`);
  }
  if (gpus !== undefined && !/^\d{1,2}(?:,\d{1,2})*$/.test(gpus)) {
    throw new CrusaderError("usage", `--gpus takes numbers with commas between them, not "${gpus}".`);
  }
  if (image !== undefined && !containerChoiceSchema.shape.image.safeParse(image).success) {
    throw new CrusaderError("usage", `--image takes the name of an image, not "${image}".`);
  }
  return { engine, image, runProfile, ...(gpus === undefined ? {} : { gpus: gpus.split(",").map(Number) }) };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        profile: { type: "string" },
        backend: { type: "string" },
        server: { type: "string" },
        engine: { type: "string" },
        gpus: { type: "string" },
        "run-profile": { type: "string" },
        image: { type: "string" },
        evaluation: { type: "string" },
        "print-command": { type: "boolean" },
        "write-order": { type: "string" },
        runs: { type: "string" },
        seed: { type: "string" },
        "num-gpus": { type: "string" },
        against: { type: "string" },
        "no-sandbox": { type: "boolean" },
        "ignore-cuda-needs": { type: "boolean" },
        verbose: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader simulate --help` lists the options.");
  }
}

function wholeNumber(option: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(text) || Number(text) > most) {
    throw new CrusaderError("usage", `--${option} takes a whole number from 1 to ${most}, not "${text}".`);
  }
  return Number(text);
}

// before the run

function describeProfile({ title, kind, unknownKeys, assumed }: Profile, stderr: OutputStream): void {
  stderr.write(`profile: ${safeLine(title)} (${kind})\n`);
  if (unknownKeys.length > 0) stderr.write(`  unknown keys, kept: ${safeLine(unknownKeys.join(", "))}\n`);
  if (assumed.length > 0) stderr.write(`  not stated by its source, assumed: ${safeLine(assumed.join(", "))}\n`);
}

/** What earlier runs left behind when they were killed. */
async function cleanUp(service: SimulationService, stderr: OutputStream): Promise<void> {
  const ended = await service.endLeftovers();
  if (ended.length > 0) {
    const processes = ended.map(({ pid, name }) => `${safeLine(name)} (${pid})`);
    stderr.write(`Ended what a killed run had left behind: ${processes.join(", ")}.\n`);
  }
  for (const removed of await service.removeLeftovers())
    stderr.write(`Removed a leftover of an ended run: ${safeLine(removed)}.\n`);
  await removeAbandonedFolders(Date.now());
}

/** Null when interrupted before there was a run. */
async function begin(
  service: SimulationService,
  options: Options,
  stderr: OutputStream,
  interrupt: Interrupt,
): Promise<Simulation<RunResult[]> | null> {
  try {
    return await startOrAsk(service, options, stderr, interrupt);
  } catch (error) {
    if (interrupt.signal.aborted) return null;
    throw error;
  }
}

/** Without a sandbox only with the user's word for it: the option, or the answer to a question. */
async function startOrAsk(
  service: SimulationService,
  options: Options,
  stderr: OutputStream,
  interrupt: Interrupt,
): Promise<Simulation<RunResult[]>> {
  try {
    if (options.noSandbox) {
      stderr.write(`No sandbox: ${safeLine(options.path)} can read, change and send whatever you can.\n`);
      return await start(service, { ...options, sandbox: "none" });
    }
    return await start(service, options);
  } catch (error) {
    const mayAsk = process.stdin.isTTY && stderr.isTTY === true;
    if (!(error instanceof CrusaderError && error.code === "sandbox_missing" && mayAsk)) throw error;
    stderr.write(`${safeLine(error.message)}\n${safeLine(error.hint)}\n`);
    const question = `Run ${safeLine(options.path)}, your own file, without a sandbox? [y/N] `;
    if (!(await agrees(question, interrupt))) throw error;
    return await start(service, { ...options, sandbox: "none" });
  }
}

async function start(service: SimulationService, options: Options): Promise<Simulation<RunResult[]>> {
  const request: SimulationRequest = { ...options, repeats: options.runs };
  if (options.against !== undefined) {
    return service.startComparison({ a: request, b: { path: options.against }, repeats: options.runs });
  }
  const simulation = await service.start(request);
  return { ...simulation, done: simulation.done.then((result) => [result]) };
}

async function agrees(question: string, interrupt: Interrupt): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // In raw mode the terminal sends no signal.
  terminal.on("SIGINT", () => interrupt.now());
  try {
    return /^y(?:es)?$/i.test((await terminal.question(question, { signal: interrupt.signal })).trim());
  } finally {
    terminal.close();
  }
}

/** Ctrl-C and its like: the first cancels in order, the second at once. */
class Interrupt {
  readonly #controller = new AbortController();
  readonly #listener = (signal: NodeJS.Signals) => (signal === "SIGHUP" ? this.leave() : this.now());
  #hasLeft = false;
  #simulation: Simulation<unknown> | null = null;
  #stderr: OutputStream = SILENT;

  constructor() {
    for (const signal of INTERRUPTS) process.on(signal, this.#listener);
  }

  /** Aborted by the first interrupt. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  now(): void {
    const atOnce = this.#controller.signal.aborted;
    this.#controller.abort();
    if (this.#simulation === null) return;
    this.#stderr.write(atOnce ? "\nKilling it.\n" : "\nCancelling; once more to kill it at once.\n");
    void this.#simulation.cancel({ atOnce });
  }

  /** The terminal is gone: what can go on without it does. */
  leave(): void {
    const detach = this.#simulation?.detach ?? null;
    if (detach === null) {
      this.now();
      return;
    }
    this.#hasLeft = true;
    void detach();
  }

  /** Whether the run was left to a later process. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  watch(simulation: Simulation<unknown>, stderr: OutputStream): void {
    this.#simulation = simulation;
    this.#stderr = stderr;
    // It came while the run was being prepared.
    if (this.#controller.signal.aborted) void simulation.cancel();
  }

  stop(): void {
    for (const signal of INTERRUPTS) process.off(signal, this.#listener);
  }
}

const INTERRUPTS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

// during the run

/** Shows what happens until it is over; what is no progress but a warning goes to `warnings`. */
async function follow(
  { plans, events }: Simulation<RunResult[]>,
  service: SimulationService,
  progress: OutputStream,
  warnings: OutputStream,
): Promise<void> {
  const line = new ProgressLine(progress);
  const live = new LiveRun(line, paintFor(progress), plans, service);
  for (const plan of plans) progress.write(`${planText(plan)}\n`);
  const timer = setInterval(() => live.draw(), REDRAW_MS);
  try {
    for await (const event of events) {
      live.take(event);
      if (event.type === "run_ended" && event.recordProblem !== null) {
        const { message, hint } = event.recordProblem;
        warnings.write(`${paintFor(warnings)("caution", "warning")}: ${message} ${hint}\n`);
      }
    }
  } finally {
    clearInterval(timer);
    line.stop();
  }
}

function planText(plan: Plan): string {
  const { runId, submission, profile, numRanks, backend, server, sandbox, against, production } = plan;
  const side = against === null ? "" : Number(runId) < Number(against) ? "A, " : "B, ";
  const where = `${server === undefined ? backend : `${backend} ${safeLine(server)}`}, ${sandbox === "none" ? "no sandbox" : `sandbox: ${sandbox}`}`;
  const what = `${safeLine(submission.name)} v${submission.version}`;
  const judge = production === undefined ? "" : `, judged by production ${safeLine(production.revision.label)}`;
  return `run ${runId}: ${side}${what}, profile ${safeLine(profile.name)}, ${counted(numRanks, "rank")}, ${where}${judge}`;
}

class LiveRun {
  readonly #line: ProgressLine;
  readonly #paint: Paint;
  readonly #plans: Plan[];
  readonly #expected: Partial<Record<Stage, number>>;
  #title = "";
  #progress: RunProgress | null = null;
  /** What goes on elsewhere is not heard. */
  #isLost = false;

  constructor(line: ProgressLine, paint: Paint, plans: Plan[], service: SimulationService) {
    this.#line = line;
    this.#paint = paint;
    this.#plans = plans;
    const [plan] = plans;
    this.#expected =
      plan === undefined
        ? {}
        : service.expectedStageSeconds(
            plan.profile.name,
            plan.numRanks,
            plan.production === undefined ? "crusader" : "production",
          );
  }

  draw(): void {
    if (this.#progress === null) return;
    const { fraction, detail } = this.#progress;
    const share = fraction === null ? {} : { done: fraction, total: 1 };
    this.#line.update({ title: this.#title, ...share, detail });
  }

  take(said: SimulationEvent): void {
    if (said.type === "waiting") {
      const who = said.behindRunId === null ? "another run" : `run ${said.behindRunId}`;
      this.#line.update({ title: `Waiting: one run at a time, ${who} goes first` });
    } else if (said.type === "repeat_started") {
      const plan = this.#plans.find(({ runId }) => runId === said.runId);
      const repeats = plan?.seeds.length ?? 1;
      this.#title = `run ${said.runId}${repeats === 1 ? "" : `, ${said.repeat + 1} of ${repeats}`}`;
      this.#progress = new RunProgress(this.#expected, () => performance.now() / 1000);
      this.#line.stop();
      this.#line.print(`${this.#paint("strong", this.#title)}, seed ${said.seed}`);
    } else if (said.type === "judged") {
      this.#progress?.take(said.event);
      this.#tell(said.event);
      this.draw();
    } else if (said.type === "contact") {
      if (said.problem !== null && !this.#isLost) {
        this.#line.print(`  ${this.#paint("caution", "connection lost")}: ${safeLine(said.problem)}`);
        this.#line.print("  It is tried again, and the run goes on there.");
      } else if (said.problem === null && this.#isLost) this.#line.print("  The connection is back.");
      this.#isLost = said.problem !== null;
    } else if (said.type === "repeat_ended") {
      this.#progress = null;
      this.#line.stop();
    }
  }

  #tell(event: Extract<SimulationEvent, { type: "judged" }>["event"]): void {
    if (event.type === "stage" && event.seconds !== null) {
      const state = event.state === "failed" ? this.#paint("bad", "  not passed") : "";
      this.#line.print(`  ${event.stage.padEnd(STAGE_WIDTH)}${formatSeconds(event.seconds).padStart(8)}${state}`);
    } else if (event.type === "note" && event.level !== "info") {
      const where = event.line === null ? "" : `line ${event.line}: `;
      this.#line.print(`  ${this.#paint("caution", event.level)}: ${where}${safeLine(event.message)}`);
    }
  }
}

const STAGE_WIDTH = 9;

// after the run

function report(plans: Plan[], results: RunResult[], store: RunStore, verbose: boolean, io: CommandIo): void {
  const paint = paintFor(io.stdout);
  results.forEach((result, index) => {
    const plan = plans[index] as Plan;
    if (index > 0) io.stdout.write("\n");
    io.stdout.write(describeRun(plan, result, paint));
    if (verbose || result.outcome === "failed" || result.outcome === "error") {
      io.stdout.write(
        describeOutput(store.output(plan.runId), verbose ? Number.POSITIVE_INFINITY : OUTPUT_LINES, paint),
      );
    }
    io.stdout.write(`\n${describeVerdict(plan, result, paint)}`);
  });
  const [planA, planB] = plans;
  if (planA === undefined || planB === undefined) return;
  const side = (plan: Plan, result: RunResult | undefined) => ({
    plan,
    result: result ?? null,
    source: store.source(plan.runId).toString("utf8"),
  });
  io.stdout.write(`\n${describeComparison(compareRuns(side(planA, results[0]), side(planB, results[1])), paint)}`);
}

/** One repeat in full: the one that decided. The others in a line each. */
function describeRun(plan: Plan, result: RunResult, paint: Paint): string {
  const { repeats, repeatsPlanned } = result;
  const lines = repeats.map((repeat, index) => [
    `${index + 1}`,
    repeat.outcome,
    repeat.failure === null ? "" : (repeat.failure.code ?? repeat.failure.kind),
    repeat.relativeSpeed === null && repeat.mfuPercent === null ? "" : speedOf(repeat),
    repeat.timedSeconds === null ? "" : formatSeconds(repeat.timedSeconds),
    repeat.seed,
  ]);
  const columns = [
    { title: "repeat", align: "right" as const },
    { title: "outcome", tone: (cell: string) => toneOf(cell as RepeatResult["outcome"], true) },
    { title: "reason" },
    { title: "speed", align: "right" as const },
    { title: "timed", align: "right" as const },
    { title: "seed", maxWidth: 40 },
  ];
  const table = repeatsPlanned > 1 ? renderTable(columns, lines, { paint, indent: "  " }) : "";
  const deciding = repeats[decidingRepeat(result)];
  const detail =
    deciding === undefined
      ? ""
      : describeRepeat(deciding, repeats.indexOf(deciding) + 1, repeatsPlanned, paint, { withStages: false });
  const failure = result.failure === null ? "" : `\n${describeFailure(result.failure, paint)}`;
  return `${paint("strong", `run ${plan.runId}`)}\n${table}${detail}${failure}`;
}

function speedOf({ mfuPercent, relativeSpeed }: RepeatResult): string {
  return mfuPercent === null
    ? scoreText({ kind: "relative_speed", value: relativeSpeed ?? 0 })
    : scoreText({ kind: "mfu_percent", value: mfuPercent });
}

function decidingRepeat({ outcome, score, repeats }: RunResult): number {
  const decided = repeats.findIndex((repeat) =>
    outcome === "passed"
      ? repeat.outcome === "passed" && (repeat.mfuPercent ?? repeat.relativeSpeed) === score?.value
      : repeat.outcome === outcome,
  );
  return decided === -1 ? repeats.length - 1 : decided;
}

function describeOutput(output: Buffer, lines: number, paint: Paint): string {
  const all = logRows(output, null, paint);
  if (all.length === 0) return "";
  const shown = all.slice(-lines);
  const title = shown.length < all.length ? `last ${shown.length} lines of the ranks' output` : "the ranks' output";
  return `\n${paint("faint", title)}\n${shown.map((line) => `  | ${line}\n`).join("")}`;
}

function describeVerdict(plan: Plan, result: RunResult, paint: Paint): string {
  const { outcome, score, notComparable, repeats, repeatsPlanned, minSuccessRate } = result;
  const tone = toneOf(outcome, notComparable.length === 0);
  const passed = repeats.filter((repeat) => repeat.outcome === "passed").length;
  const lines = [
    `${paint(tone, outcome.toUpperCase())}  ${safeLine(plan.submission.name)} v${plan.submission.version}`,
  ];
  if (score?.kind === "relative_speed") {
    lines.push(`  ${scoreText(score)} of the reference run's speed - a rehearsal, not an MFU`);
  } else if (score !== null) lines.push(`  MFU ${scoreText(score)}`);
  if (repeatsPlanned > 1) {
    lines.push(
      `  ${passed} of ${repeatsPlanned} passed; the profile asks for ${Math.ceil(minSuccessRate * repeatsPlanned)}`,
    );
  }
  lines.push(...gpuNotes(repeats).map((note) => `  ${paint("caution", "GPU")}: ${note}`));
  if (score !== null) lines.push(...notComparable.map((reason) => `  no leaderboard score: ${safeLine(reason)}`));
  if (plan.production !== undefined && score === null) lines.push(`  ${productionText(plan.production)}`);
  lines.push(`  again: crusader runs show ${plan.runId}`);
  return `${lines.join("\n")}\n`;
}

/** Trouble outweighs a failure: it leaves a verdict open. */
function exitCode(results: RunResult[]): number {
  const outcomes = results.map(({ outcome }) => outcome);
  if (outcomes.some((outcome) => outcome === "error" || outcome === "cancelled")) return EXIT.environment;
  return outcomes.includes("failed") ? EXIT.submissionFailed : EXIT.passed;
}
