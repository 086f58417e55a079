/** The images that evaluations run in: which an engine has, what a new one needs, building and removing them. */
import { readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { HUGGING_FACE, PYTORCH_CPU_INDEX } from "../../../common/addresses.ts";
import { bakedIn, IMAGE_LABELS, imageMismatch, imageName } from "../../../common/container-image.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { formatBytes } from "../../../common/format.ts";
import type {
  BuildProgress,
  BuildView,
  ImageCheck,
  ImageFinding,
  ImageList,
  ShownImage,
} from "../../../common/images.ts";
import { shownLines, shownText } from "../../../common/shown-text.ts";
import {
  type Endpoint,
  Engine,
  type EngineFacts,
  type EngineImage,
  findEndpoint,
  type SshConnections,
  type Surroundings,
} from "../engine/index.ts";
import type { HparamsService, Profile } from "../hparams/index.ts";
import type { Secrets } from "../settings/index.ts";
import { JsonFile } from "../storage/index.ts";
import {
  buildArguments,
  type Dockerfile,
  dockerfileOf,
  makeContext,
  removeContext,
  wheelsIn,
} from "./build-context.ts";
import { buildFailure } from "./build-failure.ts";
import {
  BuildKitReader,
  ClassicReader,
  countSteps,
  type EndedStep,
  lastDrawn,
  plainLine,
  timeLeft,
} from "./build-progress.ts";
import { type Builder, type DockerCommand, endpointArguments, findDockerCommand, runDocker } from "./docker-command.ts";
import { Hub, type HubAnswer, isHubName } from "./hub.ts";
import { imageSource } from "./image-source.ts";

export type ImageServiceOptions = {
  dataFolder: string;
  /** The folder that holds the Dockerfiles and the package `crusades_eval`. */
  packageFolder: string;
  hparams: HparamsService;
  secrets: Secrets;
  /** What the docker command gets: where it is, and where engines are. */
  env: NodeJS.ProcessEnv;
  /** Where engines are looked for; default: as the docker command does. */
  surroundings?: Surroundings | undefined;
  /** To engines behind ssh; default: of its own, which asks nobody. */
  ssh?: SshConnections | undefined;
  /** For tests. */
  hubAddress?: string;
};

export type ImageRequest = {
  /** Default: the engine that the docker command uses. */
  engine?: string | undefined;
  /** A profile's name; on the command line also its file. */
  profile: string;
  /** For rehearsals: another base image, with Python 3.11 or newer. */
  base?: string | undefined;
  wheelsFolder?: string | undefined;
  /** What it is called; default: what runs look for. */
  reference?: string | undefined;
};

export type BuildState = Pick<BuildView, "progress" | "fraction" | "timeLeft">;

export type BuildListener = {
  onProgress: (state: BuildState) => void;
  /** What the builder prints, line by line; the token struck out. */
  onLine: (line: string) => void;
};

export type BuiltImage = { engine: string; reference: string; id: string; seconds: number };

const TOKEN_SECRET = "hugging-face";
/** How the docker command hands the token on; only its own processes see it. */
const TOKEN_VARIABLE = "CRUSADER_HF_TOKEN";
const STRUCK_OUT = "********";
const HISTORY_VERSION = 1;
const MAX_HISTORY = 40;
const GIB = 1024 ** 3;
/**
 * Space that a build takes on the engine's host, the model beside: base image and packages, unpacked; with the compiler's
 * image where flash-attn is compiled. Estimates: the images are about 10 and 20 GiB.
 */
const SPACE_BYTES = { cpu: 4 * GIB, production: 25 * GIB, compiling: 45 * GIB };

const historySchema = z.object({
  builds: z.array(
    z.object({
      /** The engine's own id, the Dockerfile, and what is baked in. */
      key: z.string(),
      seconds: z.number().nonnegative(),
      steps: z.array(z.object({ name: z.string(), seconds: z.number().nonnegative() })),
    }),
  ),
});

export class ImageService {
  readonly #options: ImageServiceOptions;
  readonly #hub: Hub;
  readonly #history: JsonFile<z.infer<typeof historySchema>>;

  constructor(options: ImageServiceOptions) {
    this.#options = options;
    this.#hub = new Hub(options.hubAddress ?? HUGGING_FACE);
    this.#history = new JsonFile({
      path: join(options.dataFolder, "image-builds.json"),
      schema: historySchema,
      version: HISTORY_VERSION,
      initial: () => ({ builds: [] }),
    });
  }

  /** Images with our labels, the newest first. Throws `engine_unreachable` among others. */
  async list(engineName?: string): Promise<ImageList> {
    const endpoint = this.#endpoint(engineName);
    const images = await this.#asking(endpoint, (engine) => engine.images(IMAGE_LABELS.profile));
    const profiles = await this.#profiles();
    const source = imageSource(this.#options.packageFolder);
    return { engine: endpoint.name, images: images.map((image) => shown(image, profiles, source)) };
  }

  /**
   * What a build would do and what stands in its way; asks engine, docker command and hub. Throws `not_found` and
   * `invalid_profile` for the request itself; all else is a finding.
   */
  async check(request: ImageRequest, signal?: AbortSignal): Promise<ImageCheck> {
    const { endpoint, profile, dockerfile, reference } = await this.#resolve(request);
    const [docker, onEngine, hub] = await Promise.all([
      findDockerCommand(endpoint, this.#options.env, signal),
      this.#lookAtEngine(endpoint, reference),
      dockerfile === "Dockerfile" ? this.#askHub(profile, signal) : { findings: [], bytes: 0 },
    ]);
    const wheels = wheelsOf(request);
    const isCompiling = dockerfile === "Dockerfile" && !wheels.some((name) => name.startsWith("flash_attn-"));
    const builder = docker.state === "ready" ? docker.builder : null;
    return {
      engine: endpoint.name,
      profile: request.profile,
      reference,
      dockerfile,
      builder,
      findings: [
        dockerFinding(docker, endpoint),
        ...(builder === null ? [] : [builderFinding(builder, dockerfile, onEngine)]),
        ...(typeof onEngine === "string"
          ? []
          : [
              this.#imageFinding(onEngine.image, reference, profile),
              diskFinding(onEngine.facts, endpoint, neededBytes(dockerfile, isCompiling, hub.bytes)),
            ]),
        ...(dockerfile === "Dockerfile" && typeof onEngine !== "string" && /aarch64|arm64/.test(onEngine.facts.system)
          ? [
              finding(
                "architecture",
                "problem",
                "The production image is for x86-64 only.",
                "Choose an engine on such a machine.",
              ),
            ]
          : []),
        ...hub.findings,
        ...(isCompiling
          ? [
              finding(
                "flash-attn",
                "warning",
                "flash-attn is compiled: an hour and more, and some 10 GB of memory a job.",
                "A wheel of flash-attn 2.8.3 for PyTorch 2.9, CUDA 12 and Python 3.11, in a folder of wheels (--wheels), saves that.",
              ),
            ]
          : []),
      ],
      duration: this.#durationInWords(onEngine, dockerfile, profile, { isCompiling, hasWheels: wheels.length > 0 }),
    };
  }

  /**
   * Builds, and returns when it is done. Throws `build_failed`, `disk_full`, `engine_unreachable`, `unsupported` with the
   * reason; `invalid_profile` for names that a profile may not have; the signal's reason when that aborts, once every process is gone, with nothing named that is not whole.
   */
  async build(request: ImageRequest, listener: BuildListener, signal?: AbortSignal): Promise<BuiltImage> {
    const { endpoint, profile, dockerfile, reference } = await this.#resolve(request);
    if (dockerfile === "Dockerfile") refuseNames(profile);
    const docker = await findDockerCommand(endpoint, this.#options.env, signal);
    const problem = dockerFinding(docker, endpoint);
    if (docker.state !== "ready") throw new CrusaderError("unsupported", problem.message, problem.hint);
    const { engineId, networks } = await this.#asking(endpoint, async (engine) => ({
      engineId: (await engine.facts()).id,
      networks: (await engine.networks({})).map(({ name }) => name),
    }));
    const token = dockerfile === "Dockerfile" ? this.#options.secrets.read(TOKEN_SECRET) : null;
    const usesIndex = dockerfile === "Dockerfile.cpu" && request.wheelsFolder === undefined;
    const args = buildArguments(this.#options.packageFolder, profile.resolved, {
      base: request.base,
      torchIndex: usesIndex ? PYTORCH_CPU_INDEX : null,
    });
    const context = makeContext(this.#options, { profile, wheelsFolder: request.wheelsFolder });
    const startedMs = performance.now();
    const key = historyKey(engineId, dockerfile, profile);
    const before = this.#lastBuild(key)?.steps ?? [];
    const dockerfileText = readFileSync(join(context, dockerfile), "utf8");
    const reader =
      docker.builder === "buildkit" ? new BuildKitReader(countSteps(dockerfileText, args)) : new ClassicReader();
    let fraction = 0;
    const tell = () => {
      const progress = shownProgress(reader.progress());
      fraction = Math.max(fraction, fractionOf(progress));
      listener.onProgress({
        progress,
        fraction: progress.step === null ? null : fraction,
        timeLeft: timeLeft(reader, before, performance.now()),
      });
    };
    // Time goes on where the builder says nothing for long.
    const ticking = setInterval(tell, 1000);
    try {
      const { status, lastLines } = await runDocker(
        [
          ...endpointArguments(endpoint),
          "build",
          ...(docker.builder === "buildkit" ? ["--progress", "plain"] : ["--force-rm"]),
          ...networkArguments(networks, dockerfile, request),
          ...(token === null ? [] : ["--secret", `id=hf_token,env=${TOKEN_VARIABLE}`]),
          ...Object.entries(args).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
          ...["--file", join(context, dockerfile), "--tag", reference, context],
        ],
        {
          env: this.#options.env,
          variables: {
            DOCKER_BUILDKIT: docker.builder === "buildkit" ? "1" : "0",
            ...(token === null ? {} : { [TOKEN_VARIABLE]: token }),
          },
          signal,
          onLine: (raw) => {
            // No step prints it. One that did would tell everybody who is shown a log.
            const line = token === null ? raw : raw.replaceAll(token, STRUCK_OUT);
            reader.take(line, performance.now());
            listener.onLine(shownLines(lastDrawn(plainLine(line))));
            tell();
          },
        },
      );
      if (status === "missing") throw new CrusaderError("unsupported", DOCKER_MISSING.message, DOCKER_MISSING.hint);
      const strike = (line: string) => (token === null ? line : line.replaceAll(token, STRUCK_OUT));
      if (status !== 0) throw buildFailure({ failed: reader.failed, lastLines: lastLines.map(strike), status });
    } finally {
      clearInterval(ticking);
      removeContext(context);
    }
    const image = await this.#asking(endpoint, (engine) => engine.image(reference));
    if (image === null) {
      const hint = "The builder keeps it elsewhere: `docker buildx use default`, then build again.";
      throw new CrusaderError("build_failed", `The build ended well, and the engine has no ${reference}.`, hint);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    this.#remember(key, seconds, reader.ended);
    return { engine: endpoint.name, reference, id: image.id, seconds };
  }

  /**
   * Removes an image of ours with all its names. Throws `not_found`, `access_denied` for one that is not ours, `conflict`
   * for one that is used.
   */
  async remove(engineName: string | undefined, reference: string): Promise<{ removed: string[] }> {
    const endpoint = this.#endpoint(engineName);
    return this.#asking(endpoint, async (engine) => {
      const found = await engine.image(reference);
      if (found === null) {
        const hint = "Somebody may have removed it: look at the list again (crusader image list).";
        throw new CrusaderError("not_found", `The engine ${endpoint.name} has no image ${reference}.`, hint);
      }
      if (!(IMAGE_LABELS.profile in found.labels)) {
        const hint = "Crusader removes images only that it built. docker image rm removes any.";
        throw new CrusaderError("access_denied", `The image ${reference} is none of Crusader's.`, hint);
      }
      const image = (await engine.images(IMAGE_LABELS.profile)).find(({ id }) => id === found.id);
      const names = image === undefined || image.tags.length === 0 ? [found.id] : image.tags;
      const removed: string[] = [];
      for (const name of names) if (await engine.removeImage(name)) removed.push(name);
      return { removed };
    });
  }

  hasToken(): boolean {
    return this.#options.secrets.read(TOKEN_SECRET) !== null;
  }

  /** For gated models, tokenizers and data sets. Throws `disk_full` or `data_folder`. */
  setToken(token: string): void {
    this.#options.secrets.write(TOKEN_SECRET, token);
  }

  removeToken(): void {
    this.#options.secrets.remove(TOKEN_SECRET);
  }

  /** The engine and the name of the image that a request is about. */
  async target(request: ImageRequest): Promise<{ engine: string; reference: string }> {
    const { endpoint, reference } = await this.#resolve(request);
    return { engine: endpoint.name, reference };
  }

  async #resolve(request: ImageRequest) {
    const profile = await this.#options.hparams.load(request.profile);
    const dockerfile = dockerfileOf(profile.resolved);
    if (dockerfile === "Dockerfile" && request.base !== undefined) {
      const hint = "Only rehearsals may begin elsewhere. Leave --base out.";
      throw new CrusaderError("usage", "The production image's base is the validator's.", hint);
    }
    wheelsOf(request);
    const endpoint = this.#endpoint(request.engine);
    return { endpoint, profile, dockerfile, reference: request.reference ?? imageName(profile.resolved) };
  }

  async #lookAtEngine(endpoint: Endpoint, reference: string) {
    try {
      return await this.#asking(endpoint, async (engine) => ({
        facts: await engine.facts(),
        image: await engine.image(reference),
      }));
    } catch (error) {
      if (error instanceof CrusaderError) return error.message;
      throw error;
    }
  }

  #imageFinding(image: { labels: Record<string, string> } | null, reference: string, profile: Profile): ImageFinding {
    if (image === null) return finding("image", "ok", `The engine has no image ${reference} yet.`);
    const source = imageSource(this.#options.packageFolder);
    const mismatch = imageMismatch(image.labels, { profile: profile.resolved, source });
    return mismatch === null
      ? finding("image", "ok", `The engine has the image ${reference}, and it fits: there is no need to build it.`)
      : finding("image", "warning", `The engine has an image ${reference}, but ${mismatch}. A build takes its name.`);
  }

  async #askHub(
    profile: Profile,
    signal: AbortSignal | undefined,
  ): Promise<{ findings: ImageFinding[]; bytes: number | null }> {
    const token = this.#options.secrets.read(TOKEN_SECRET);
    const text = (key: string) => (typeof profile.resolved[key] === "string" ? (profile.resolved[key] as string) : "");
    const model = text("benchmark_model_name");
    const tokenizer = text("benchmark_tokenizer_name") || model;
    // As bake.py fetches them.
    const ofModel = (file: string) => /\.(?:json|txt|model|safetensors)$/.test(file);
    const ofTokenizer = (file: string) =>
      /^(?:tokenizer.*|vocab.*|merges\.txt|special_tokens_map\.json|config\.json)$/.test(file);
    const ask = (kind: "models" | "datasets", name: string, isWanted: (file: string) => boolean) =>
      this.#hub.ask(kind, name, { token, isWanted, ...(signal === undefined ? {} : { signal }) });
    const dataset = text("benchmark_dataset_name");
    const [ofItsModel, ofItsTokenizer, ofItsData] = await Promise.all([
      ask("models", model, ofModel),
      tokenizer === model ? null : ask("models", tokenizer, ofTokenizer),
      ask("datasets", dataset, () => false),
    ]);
    const hub = this.#hub;
    const has = token !== null;
    return {
      findings: [
        hubFinding({ id: "model", what: "model", name: model, page: hub.page("models", model) }, ofItsModel, has),
        ...(ofItsTokenizer === null
          ? []
          : [
              hubFinding(
                { id: "tokenizer", what: "tokenizer", name: tokenizer, page: hub.page("models", tokenizer) },
                ofItsTokenizer,
                has,
              ),
            ]),
        hubFinding(
          { id: "dataset", what: "data set", name: dataset, page: hub.page("datasets", dataset) },
          ofItsData,
          has,
        ),
      ],
      bytes: ofItsModel.state === "found" ? ofItsModel.bytes : null,
    };
  }

  #durationInWords(
    onEngine: { facts: EngineFacts } | string,
    dockerfile: Dockerfile,
    profile: Profile,
    { isCompiling, hasWheels }: { isCompiling: boolean; hasWheels: boolean },
  ): string {
    const key = typeof onEngine === "string" ? null : historyKey(onEngine.facts.id, dockerfile, profile);
    const last = key === null ? undefined : this.#lastBuild(key);
    if (last !== undefined)
      return `${minutes(last.seconds)}, as the last one on this engine; less where steps are kept`;
    if (dockerfile === "Dockerfile.cpu") {
      return hasWheels ? "a few minutes" : "5 to 15 minutes, most of it the download of about 1 GB of packages";
    }
    return isCompiling
      ? "an hour and more: downloads of 15 GB and the model, and flash-attn is compiled"
      : "half an hour and more, most of it downloads";
  }

  /** Undefined also where that cannot be read: no build fails for an estimate. */
  #lastBuild(key: string) {
    return unlessRefused(() => this.#history.read().builds.find((build) => build.key === key));
  }

  /** Where it can be written. */
  #remember(key: string, seconds: number, steps: readonly EndedStep[]): void {
    unlessRefused(() => this.#write(key, seconds, steps));
  }

  #write(key: string, seconds: number, steps: readonly EndedStep[]): void {
    const { builds } = this.#history.read();
    const before = builds.find((build) => build.key === key);
    // A kept step says nothing of how long it takes: what it took before stands.
    const known = new Map(before?.steps.map(({ name, seconds: took }) => [name, took]));
    const times = steps.map(({ name, seconds: took, cached }) => ({
      name,
      seconds: cached ? (known.get(name) ?? 0) : took,
    }));
    const isWhole = !steps.some(({ cached, name }) => cached && !name.startsWith("FROM "));
    const total = isWhole ? seconds : Math.max(seconds, before?.seconds ?? 0);
    const others = builds.filter((build) => build.key !== key);
    this.#history.write({ builds: [{ key, seconds: total, steps: times }, ...others].slice(0, MAX_HISTORY) });
  }

  async #profiles(): Promise<Profile[]> {
    const names = (await this.#options.hparams.list()).filter(({ error }) => error === null).map(({ name }) => name);
    return Promise.all(names.map((name) => this.#options.hparams.load(name)));
  }

  #endpoint(name: string | undefined): Endpoint {
    return findEndpoint(name, this.#options.surroundings);
  }

  async #asking<T>(endpoint: Endpoint, ask: (engine: Engine) => Promise<T>): Promise<T> {
    const engine = new Engine(endpoint, { ssh: this.#options.ssh });
    try {
      return await ask(engine);
    } finally {
      engine.close();
    }
  }
}

function shown(
  { id, tags, labels, sizeBytes, createdAt }: EngineImage,
  profiles: readonly Profile[],
  source: string,
): ShownImage {
  const fitting = profiles.filter(({ resolved }) => imageMismatch(labels, { profile: resolved, source }) === null);
  const [nearest] = profiles.filter(({ resolved }) => bakedIn(resolved) === labels[IMAGE_LABELS.profile]);
  const builtFor = labels[IMAGE_LABELS.profile] ?? "";
  const mismatch =
    fitting.length > 0
      ? null
      : nearest !== undefined
        ? imageMismatch(labels, { profile: nearest.resolved, source })
        : builtFor === ""
          ? "it does not say what it was built for"
          : "it was built for a profile that is not here";
  return {
    id,
    tags: tags.map(shownText),
    profile: shownText(builtFor),
    packages: shownText(labels[IMAGE_LABELS.packages] ?? ""),
    source: shownText(labels[IMAGE_LABELS.source] ?? ""),
    sizeBytes,
    createdAt: createdAt.toISOString(),
    fits: fitting.map(({ name }) => name),
    mismatch: mismatch === null ? null : shownText(mismatch),
  };
}

function shownProgress({ step, doing, ...progress }: BuildProgress): BuildProgress {
  const shownStep = step === null ? null : { ...step, name: shownText(step.name) };
  return { ...progress, step: shownStep, doing: shownText(doing) };
}

function finding(id: string, level: ImageFinding["level"], message: string, hint = ""): ImageFinding {
  return { id, level, message, hint };
}

const DOCKER_MISSING = finding(
  "docker",
  "problem",
  "Images are built with the docker command, and there is none on the path.",
  "Install Docker's command line (Debian: sudo apt install docker.io; also for Podman and remote engines), then build again.",
);

function dockerFinding(docker: DockerCommand, { name }: Endpoint): ImageFinding {
  switch (docker.state) {
    case "missing":
      return DOCKER_MISSING;
    case "no_engine":
      return finding(
        "docker",
        "problem",
        `The docker command does not reach the engine ${name}.`,
        docker.said.split("\n").at(-1) ?? "",
      );
    case "ready":
      return finding("docker", "ok", `The docker command ${docker.version} reaches the engine ${name}.`);
  }
}

function builderFinding(
  builder: Builder,
  dockerfile: Dockerfile,
  onEngine: { facts: EngineFacts } | string,
): ImageFinding {
  if (builder === "buildkit") return finding("builder", "ok", "BuildKit builds.");
  const isPodman = typeof onEngine !== "string" && /podman/i.test(`${onEngine.facts.id} ${onEngine.facts.version}`);
  if (dockerfile === "Dockerfile.cpu" || isPodman) return finding("builder", "ok", "The engine's own builder builds.");
  return finding(
    "builder",
    "problem",
    "The production image needs BuildKit, which the docker command lacks.",
    "Install its buildx plugin (Docker's docker-buildx-plugin, Debian's docker-buildx).",
  );
}

function neededBytes(dockerfile: Dockerfile, isCompiling: boolean, modelBytes: number | null): number {
  if (dockerfile === "Dockerfile.cpu") return SPACE_BYTES.cpu;
  // Once in the builder's cache and once in the image is one layer.
  return (isCompiling ? SPACE_BYTES.compiling : SPACE_BYTES.production) + (modelBytes ?? 0);
}

/** Its disk is this machine's where the engine listens on a socket here, and its folder is one of ours to see. */
function diskFinding({ dataFolder }: EngineFacts, { address }: Endpoint, needed: number): ImageFinding {
  const free = address.startsWith("unix:") && dataFolder !== "" ? freeBytes(dataFolder) : null;
  const wanted = `the build takes about ${formatBytes(needed)}`;
  if (free === null) {
    return finding(
      "disk",
      "unknown",
      `How much space is free where the engine keeps its data is not known; ${wanted}.`,
    );
  }
  if (free >= needed) return finding("disk", "ok", `${formatBytes(free)} are free in ${dataFolder}; ${wanted}.`);
  return finding(
    "disk",
    "problem",
    `${formatBytes(free)} are free in ${dataFolder}, and ${wanted}.`,
    "Free some: docker system df shows what the engine holds.",
  );
}

function freeBytes(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

type Hubs = { id: string; what: string; name: string; page: string };

function hubFinding({ id, what, name, page }: Hubs, answer: HubAnswer, hasToken: boolean): ImageFinding {
  const named = `The ${what} ${name}`;
  switch (answer.state) {
    case "unknown":
      return finding(
        id,
        "unknown",
        `${named}: size and licence are not known, as the Hugging Face hub was asked and ${answer.why}.`,
      );
    case "missing":
      return finding(
        id,
        "problem",
        `${named} is not on the Hugging Face hub, or hidden.`,
        "Check the name in the profile; a hidden one needs a token.",
      );
    case "found": {
      const size = answer.bytes === null ? "" : `, ${formatBytes(answer.bytes)} to download`;
      if (answer.access === "granted") return finding(id, "ok", `${named} is there${size}.`);
      if (answer.access === "unknown") {
        return finding(
          id,
          "unknown",
          `${named} is gated${size}; whether the token opens it is not known.`,
          `Its licence: ${page}`,
        );
      }
      return finding(
        id,
        "problem",
        hasToken
          ? `${named} is gated${size}, and the token does not open it.`
          : `${named} is gated${size}, and there is no token.`,
        `Accept its licence at ${page}, and give Crusader a token of that account (crusader image token --token-stdin).`,
      );
    }
  }
}

/** What steps of the build reach, where the engine's own network is not the answer. */
function networkArguments(networks: readonly string[], dockerfile: Dockerfile, request: ImageRequest): string[] {
  // All that it needs is in the context then.
  if (dockerfile === "Dockerfile.cpu" && request.wheelsFolder !== undefined) return ["--network", "none"];
  // An engine that was told to make none for its containers.
  return networks.some((name) => name === "bridge" || name === "podman") ? [] : ["--network", "host"];
}

/** Throws `not_found` for a folder without. */
function wheelsOf({ wheelsFolder }: ImageRequest): string[] {
  return wheelsFolder === undefined ? [] : wheelsIn(wheelsFolder);
}

/** They become a folder's name in the image, and stand in what it says of itself. */
function refuseNames({ resolved }: Profile): void {
  const keys = ["benchmark_model_name", "benchmark_tokenizer_name", "benchmark_dataset_name"];
  const bad = keys.find((key) => resolved[key] != null && !isHubName(String(resolved[key])));
  const key = bad ?? (/\p{Cc}/u.test(String(resolved.benchmark_dataset_split)) ? "benchmark_dataset_split" : null);
  if (key === null) return;
  throw new CrusaderError(
    "invalid_profile",
    `The profile's ${key} is no name that the Hugging Face hub has.`,
    'It is written "name" or "owner/name". Correct the profile, then build again.',
  );
}

function unlessRefused<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof CrusaderError) return undefined;
    throw error;
  }
}

function historyKey(engineId: string, dockerfile: Dockerfile, { resolved }: Profile): string {
  return `${engineId} ${dockerfile} ${bakedIn(resolved)}`;
}

/** Steps that ended, and of the one that goes on what its bytes tell. */
function fractionOf({ step, bytes }: BuildProgress): number {
  if (step === null) return 0;
  const within = bytes === null || bytes.total === null ? 0 : Math.min(1, bytes.done / bytes.total);
  return Math.min(1, (step.number - 1 + within) / step.total);
}

function minutes(seconds: number): string {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `about ${Math.round(seconds / 60)} minutes` : `about ${(seconds / 3600).toFixed(1)} hours`;
}
