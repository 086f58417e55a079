/** `crusader doctor`: whether a container engine is fit for runs, and what to do where it is not. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import packageJson from "../../../package.json" with { type: "json" };
import {
  condensed,
  type EngineReport,
  FINDING_GROUPS,
  type Finding,
  type FindingState,
  GROUP_TITLES,
  isFit,
  worstState,
} from "../../common/engines.ts";
import { CrusaderError } from "../../common/errors.ts";
import { containerChoiceSchema } from "../../common/runs.ts";
import { MAX_RANKS } from "../../common/simulation.ts";
import { EngineDoctor, findEndpoints, SshConnections } from "../services/engine/index.ts";
import { HparamsService } from "../services/hparams/index.ts";
import { Rules } from "../services/rules/index.ts";
import { dataFolder } from "../services/settings/index.ts";
import { DockerBackend } from "../services/simulation/index.ts";
import { askOnTerminal } from "./ask-ssh.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { ProgressLine } from "./progress.ts";
import { REQUIREMENTS_FOLDER, withCancelOnInterrupt } from "./setup.ts";
import { type Paint, paintFor, safeJson, safeLine, type Tone } from "./terminal.ts";

const HELP = `Says whether a container engine is fit for runs, and what to do where it is not: the engine itself, its image, what a
container with a run's flags finds inside, and the GPUs. Starts a short-lived container, which is removed again.

Usage: crusader doctor [options]

  --engine NAME       a Docker context, "default" or "podman" (default: what the docker command uses)
  --hparams NAME      fit for which runs: a profile of hparams/, or any hparams.json (default: rehearsal)
  --num-gpus N        ranks (default: the profile's)
  --gpus 0,1          the engine's numbers of the GPUs that a run is to use
  --run-profile NAME  the flags of the validator (default), or of the public simulator: public
  --image NAME        an image of your own instead of the profile's
  --json              print the report, and nothing else
  --help              this text

Exit codes: 0 fit for runs (also with notes and warnings), 1 a problem was found, 2 wrong use, 3 cancelled.
`;

const PROFILES_FOLDER = fileURLToPath(new URL("../../../hparams", import.meta.url));
const TONES: Record<FindingState, Tone> = {
  ok: "good",
  note: "faint",
  warning: "caution",
  problem: "bad",
  unknown: "caution",
};

export async function doctorCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { help, json, hparams: profileName, numRanks, container } = parse(args);
  if (help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const folder = dataFolder(process.env, process.platform);
  const rules = new Rules({ dataFolder: folder, builtInPolicyFile: `${PROFILES_FOLDER}/scan-policy.json` });
  const hparams = new HparamsService({
    profilesFolder: PROFILES_FOLDER,
    userProfilesFolder: `${folder}/hparams`,
    appliedProfile: () => rules.applied()?.profile?.name ?? null,
  });
  const ssh = new SshConnections({ ask: askOnTerminal(io) });
  const runs = new DockerBackend({
    dataFolder: folder,
    packageFolder: REQUIREMENTS_FOLDER,
    crusaderVersion: packageJson.version,
    ssh,
  });
  const profile = await hparams.load(profileName);
  const doctor = new EngineDoctor({ runs, env: process.env });
  const request = { profile: { name: profileName, resolved: profile.resolved }, numRanks, container };
  try {
    const report = await withCancelOnInterrupt((signal) => check(doctor, request, signal, json, io));
    if (report === null) {
      io.stderr.write("Cancelled; nothing was left on the engine.\n");
      return EXIT.environment;
    }
    io.stdout.write(json ? `${safeJson(report)}\n` : describeReport(report, paintFor(io.stdout)));
    return isFit(report) ? EXIT.passed : EXIT.problemFound;
  } finally {
    await ssh.close();
  }
}

async function check(
  doctor: EngineDoctor,
  request: Parameters<EngineDoctor["check"]>[0],
  signal: AbortSignal,
  json: boolean,
  io: CommandIo,
): Promise<EngineReport> {
  const progress = json ? null : new ProgressLine(io.stderr);
  try {
    let report: EngineReport | null = null;
    for await (const item of doctor.check(request, signal)) {
      if (item.doing !== null) progress?.update({ title: item.doing });
      report = item.report;
    }
    if (report === null) throw new Error("a check without an item");
    return report;
  } finally {
    progress?.stop();
  }
}

/** Findings by group, each with what to do below it; then the other engines there are. */
function describeReport(report: EngineReport, paint: Paint): string {
  const { engine, address, profile, numRanks, runProfile, findings } = report;
  const groups = FINDING_GROUPS.map((group) => condensed(findings.filter((finding) => finding.group === group)));
  const others = findEndpoints().filter(({ name }) => name !== engine);
  const flags = runProfile === "public" ? "the public simulator's flags" : "the validator's flags";
  return [
    `${paint("strong", `Container engine ${safeLine(engine)}`)} (${safeLine(address)})\n`,
    `for ${safeLine(profile)}, ${numRanks} ${numRanks === 1 ? "rank" : "ranks"}, ${flags}\n`,
    ...groups.flatMap((inGroup) =>
      inGroup.length === 0
        ? []
        : [`\n${GROUP_TITLES[(inGroup[0] as Finding).group]}\n`, ...inGroup.map((finding) => describe(finding, paint))],
    ),
    `\n${conclusion(report, paint)}\n`,
    ...(others.length === 0
      ? []
      : [`Other engines: ${others.map(({ name }) => safeLine(name)).join(", ")} (--engine).\n`]),
  ].join("");
}

const WORD_WIDTH = 7;
const INDENT = " ".repeat(WORD_WIDTH + 4);

function describe({ state, title, message, remedy, command }: Finding, paint: Paint): string {
  return [
    `  ${paint(TONES[state], state.padEnd(WORD_WIDTH))}  ${title}: ${safeLine(message)}\n`,
    ...(remedy === "" ? [] : [`${INDENT}${safeLine(remedy)}\n`]),
    ...(command === "" ? [] : [`${INDENT}${paint("strong", `$ ${safeLine(command)}`)}\n`]),
  ].join("");
}

function conclusion(report: EngineReport, paint: Paint): string {
  const problems = report.findings.filter(({ state }) => state === "problem").length;
  if (problems > 0)
    return paint("bad", problems === 1 ? "1 problem stands in the way." : `${problems} problems stand in the way.`);
  const worst = worstState(report.findings);
  return worst === "warning" || worst === "unknown"
    ? paint("caution", "Fit for runs; see the warnings.")
    : paint("good", "Fit for runs.");
}

function parse(args: readonly string[]) {
  const values = parseOptions(args);
  const { help = false, json = false, hparams = "rehearsal", engine, gpus, image, "num-gpus": numGpus } = values;
  if (numGpus !== undefined && !(/^[1-9]\d?$/.test(numGpus) && Number(numGpus) <= MAX_RANKS)) {
    throw new CrusaderError("usage", `--num-gpus takes a whole number from 1 to ${MAX_RANKS}, not "${numGpus}".`);
  }
  if (gpus !== undefined && !/^\d{1,2}(?:,\d{1,2})*$/.test(gpus)) {
    throw new CrusaderError("usage", `--gpus takes numbers with commas between them, not "${gpus}".`);
  }
  const { data, error } = containerChoiceSchema.safeParse({
    engine,
    image,
    runProfile: values["run-profile"],
    gpus: gpus?.split(",").map(Number),
  });
  if (error !== undefined) {
    const [{ path, message } = { path: [], message: "" }] = error.issues;
    const option = path[0] === "runProfile" ? "run-profile" : path.join(".");
    throw new CrusaderError("usage", `--${option}: ${message}`, "`crusader doctor --help` lists the options.");
  }
  return {
    help,
    json,
    hparams,
    container: data,
    numRanks: numGpus === undefined ? data.gpus?.length : Number(numGpus),
  };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        engine: { type: "string" },
        hparams: { type: "string" },
        "num-gpus": { type: "string" },
        gpus: { type: "string" },
        "run-profile": { type: "string" },
        image: { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader doctor --help` lists the options.");
  }
}
