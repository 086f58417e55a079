/** `crusader image`: the images that evaluations in containers run in. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CrusaderError } from "../../common/errors.ts";
import { formatBytes } from "../../common/format.ts";
import { hubTokenSchema, type ImageCheck, type ImageFinding, type ImageList } from "../../common/images.ts";
import { SshConnections } from "../services/engine/index.ts";
import { HparamsService } from "../services/hparams/index.ts";
import { type BuildState, type ImageRequest, ImageService } from "../services/images/index.ts";
import { Rules } from "../services/rules/index.ts";
import { dataFolder, FileSecrets } from "../services/settings/index.ts";
import { askOnTerminal } from "./ask-ssh.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { formatSeconds, ProgressLine } from "./progress.ts";
import { readToken } from "./servers.ts";
import { REQUIREMENTS_FOLDER, withCancelOnInterrupt } from "./setup.ts";
import { renderTable } from "./table.ts";
import { type Paint, paintFor, safeJson, safeLine, type Tone } from "./terminal.ts";

const HELP = `Builds and lists the images that \`crusader simulate --backend docker\` runs in.

Usage: crusader image COMMAND [options]

  list                 images of ours on the engine
  check                what a build would do, and what stands in its way
  build                build the profile's image; Ctrl-C cancels, and the next build goes on from there
  remove IMAGE         remove one of ours, by name or id
  token                keep a Hugging Face token (--token-file, --token-stdin), forget it (--forget), or say whether
                       there is one

  --hparams NAME|FILE  whose image: a profile of hparams/, or any hparams.json (default: rehearsal)
  --engine NAME        a Docker context, "default" or "podman" (default: what the docker command uses)
  --wheels DIR         take packages from the wheels in this folder before anything is fetched; a rehearsal's image is then
                       built without network
  --base IMAGE         for rehearsals: begin with this image, which has Python 3.11 or newer
  --verbose            build: print what the builder prints
  --json               print the answer as JSON
  --help               this text

A build needs the docker command, on this machine, for any engine. The production image needs BuildKit (Docker's buildx).
The token is for gated models, tokenizers and data sets. It is kept in the data folder's secrets.json, and goes to the hub,
and as a build secret to the build; into no layer, argument or log.
Exit codes: 0 done, 2 wrong use, 3 it could not be done; check: 3 where a problem stands in the way.
`;

const PROFILES_FOLDER = fileURLToPath(new URL("../../../hparams", import.meta.url));
const TONES: Record<ImageFinding["level"], Tone> = { ok: "good", unknown: "faint", warning: "caution", problem: "bad" };

export async function imageCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  if (values.help === true) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const folder = dataFolder(process.env, process.platform);
  const ssh = new SshConnections({ ask: askOnTerminal(io) });
  const rules = new Rules({ dataFolder: folder, builtInPolicyFile: `${PROFILES_FOLDER}/scan-policy.json` });
  const images = new ImageService({
    dataFolder: folder,
    packageFolder: REQUIREMENTS_FOLDER,
    hparams: new HparamsService({
      profilesFolder: PROFILES_FOLDER,
      userProfilesFolder: `${folder}/hparams`,
      appliedProfile: () => rules.applied()?.profile?.name ?? null,
    }),
    secrets: new FileSecrets({ dataFolder: folder }),
    env: process.env,
    ssh,
  });
  const request: ImageRequest = {
    engine: values.engine,
    profile: values.hparams,
    base: values.base,
    wheelsFolder: values.wheels,
  };
  const json = values.json;
  const expect = (count: number, how: string) => {
    if (rest.length === count) return;
    throw new CrusaderError("usage", `Usage: crusader image ${how}`, "`crusader image --help` shows more.");
  };
  try {
    switch (command) {
      case "list":
        expect(0, "list");
        showList(await images.list(request.engine), json, io);
        return EXIT.passed;
      case "check": {
        expect(0, "check");
        const check = await images.check(request);
        io.stdout.write(json ? `${safeJson(check)}\n` : describeCheck(check, paintFor(io.stdout)));
        return check.findings.some(({ level }) => level === "problem") ? EXIT.environment : EXIT.passed;
      }
      case "build":
        expect(0, "build");
        return await build(images, request, { json, verbose: values.verbose }, io);
      case "remove": {
        expect(1, "remove IMAGE");
        const { removed } = await images.remove(request.engine, rest[0] ?? "");
        io.stdout.write(json ? `${safeJson({ removed })}\n` : `Removed: ${removed.map(safeLine).join(", ")}\n`);
        return EXIT.passed;
      }
      case "token":
        expect(0, "token");
        return token(images, values, io);
      default:
        throw new CrusaderError(
          "usage",
          command === undefined ? "Say what to do with images." : `There is no \`crusader image ${command}\`.`,
          "There are: list, check, build, remove, token. `crusader image --help` shows how.",
        );
    }
  } finally {
    await ssh.close();
  }
}

async function build(
  images: ImageService,
  request: ImageRequest,
  { json, verbose }: { json: boolean; verbose: boolean },
  io: CommandIo,
): Promise<number> {
  const check = await images.check(request);
  const paint = paintFor(io.stderr);
  for (const finding of check.findings) if (finding.level !== "ok") io.stderr.write(describeFinding(finding, paint));
  io.stderr.write(`Building ${check.reference} on ${safeLine(check.engine)}: ${check.duration}.\n`);
  const progress = new ProgressLine(io.stderr);
  const built = await withCancelOnInterrupt((signal) =>
    images.build(
      request,
      {
        onProgress: (state) => progress.update(describeState(state)),
        onLine: (line) => {
          if (verbose) progress.print(safeLine(line));
        },
      },
      signal,
    ),
  ).finally(() => progress.stop());
  if (built === null) {
    io.stderr.write("Cancelled. What was built so far is kept; the next build goes on from there.\n");
    return EXIT.environment;
  }
  const { reference, engine, seconds } = built;
  io.stdout.write(
    json ? `${safeJson(built)}\n` : `${reference} is on ${safeLine(engine)}, after ${formatSeconds(seconds)}.\n`,
  );
  return EXIT.passed;
}

function describeState({ progress: { step, doing, bytes }, timeLeft }: BuildState) {
  const left = timeLeft?.of === "build" ? `about ${formatSeconds(timeLeft.seconds)} left in all` : "";
  return {
    title: step === null ? "Reading the Dockerfile" : `Step ${step.number} of ${step.total}`,
    ...(bytes === null ? {} : { done: bytes.done, total: bytes.total ?? undefined, unit: "bytes" }),
    detail: [left, safeLine(doing)].filter((part) => part !== "").join("  "),
  };
}

function describeCheck({ reference, engine, findings, duration }: ImageCheck, paint: Paint): string {
  const all = findings.map((finding) => describeFinding(finding, paint)).join("");
  return `Image ${reference} on ${safeLine(engine)}\n${all}It takes: ${duration}.\n`;
}

function describeFinding({ level, message, hint }: ImageFinding, paint: Paint): string {
  const said = `${paint(TONES[level], level.padEnd(8))} ${safeLine(message)}\n`;
  return hint === "" ? said : `${said}         ${safeLine(hint)}\n`;
}

function showList({ engine, images }: ImageList, json: boolean, io: CommandIo): void {
  if (json) io.stdout.write(`${safeJson({ engine, images })}\n`);
  else if (images.length === 0) io.stdout.write(`The engine ${safeLine(engine)} has none of Crusader's images.\n`);
  else {
    const rows = images.map(({ id, tags, sizeBytes, createdAt, fits, mismatch }) => [
      tags.length === 0 ? id.replace("sha256:", "").slice(0, 12) : tags.join(", "),
      formatBytes(sizeBytes),
      createdAt.slice(0, 16).replace("T", " "),
      mismatch === null ? fits.join(", ") : `none: ${mismatch}`,
    ]);
    const columns = [
      { title: "image" },
      { title: "size", align: "right" as const },
      { title: "built" },
      { title: "fits" },
    ];
    io.stdout.write(renderTable(columns, rows, { paint: paintFor(io.stdout) }));
  }
}

type TokenOptions = { forget: boolean; json: boolean; "token-file"?: string; "token-stdin": boolean };

function token(images: ImageService, options: TokenOptions, io: CommandIo): number {
  const given = readToken(options["token-file"], options["token-stdin"]);
  if (given !== null && options.forget) throw new CrusaderError("usage", "--forget and a token exclude each other.");
  // Without what was read: it may be another secret.
  if (given !== null && !hubTokenSchema.safeParse(given).success) {
    throw new CrusaderError(
      "usage",
      "That is no token of the Hugging Face hub: one printable word of 8 characters and more.",
    );
  }
  if (given !== null) images.setToken(given);
  if (options.forget) images.removeToken();
  const hasToken = images.hasToken();
  const said = hasToken ? "A Hugging Face token is kept." : "No Hugging Face token is kept.";
  io.stdout.write(options.json ? `${safeJson({ hasToken })}\n` : `${said}\n`);
  return EXIT.passed;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        hparams: { type: "string", default: "rehearsal" },
        engine: { type: "string" },
        wheels: { type: "string" },
        base: { type: "string" },
        "token-file": { type: "string" },
        "token-stdin": { type: "boolean", default: false },
        forget: { type: "boolean", default: false },
        verbose: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader image --help` lists the options.");
  }
}
