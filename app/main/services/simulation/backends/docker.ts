/** Evaluations in containers (spec/evaluation.md section 6), on this machine's engine or a remote one. */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { imageMismatch, imageName } from "../../../../common/container-image.ts";
import { CrusaderError } from "../../../../common/errors.ts";
import type { Note } from "../../../../common/events.ts";
import { formatBytes } from "../../../../common/format.ts";
import type { ContainerChoice, PlannedContainer } from "../../../../common/runs.ts";
import {
  type Endpoint,
  Engine,
  type EngineFacts,
  findEndpoint,
  findEndpoints,
  type ImageState,
  SshConnections,
  type Surroundings,
} from "../../engine/index.ts";
import { imageSource } from "../../images/index.ts";
import { JsonFile } from "../../storage/index.ts";
import type { Backend, ByHand, Evaluation, Listener, Needs, Order, Recorded } from "../backend.ts";
import { folderKey } from "../marked-processes.ts";
import { type ContainerOptions, containerOptions, dockerCommands } from "./container-options.ts";
import { DockerEvaluation } from "./docker-evaluation.ts";

export type DockerBackendOptions = {
  dataFolder: string;
  /** The folder that holds the package `crusades_eval`. */
  packageFolder: string;
  crusaderVersion: string;
  /** Where engines are looked for; default: as the docker command does. */
  surroundings?: Surroundings | undefined;
  /** To engines behind ssh; default: of its own, which asks nobody. */
  ssh?: SshConnections | undefined;
};

/** An engine that can be chosen, and why not where it cannot. */
export type EngineChoice = { name: string; address: string; current: boolean; problem: CrusaderError | null };

type Seen = {
  engine: Engine;
  reference: string;
  facts: EngineFacts;
  image: { id: string; labels: Record<string, string> } | null;
  atMs: number;
};

/** The steps of one start, one after the other, ask the same. */
const SEEN_FOR_MS = 5000;
const ORDER_VERSION = 1;
/** An image whose judge knows nothing of production's code refuses it, instead of judging by its own. */
const PRODUCTION_ORDER_VERSION = 2;
const BY_HAND = "crusader-by-hand";
/** Where it is only asked whether an engine is there. */
const LOOK_MS = 3000;
const LABELS = {
  home: "crusader.home",
  run: "crusader.run",
  repeat: "crusader.repeat",
  version: "crusader.version",
  /** Of a container that only looks around: milliseconds since 1970 at which it was asked for. */
  probe: "crusader.probe",
};
/** As the engine's API counts. */
const ALL_GPUS = -1;
/** A probe that is older is nobody's any more. */
const PROBE_IS_LEFT_MS = 600_000;
/** Engines that hold, or may hold, something of this data folder's. */
const usedSchema = z.object({ engines: z.array(z.object({ name: z.string(), address: z.string() })) });

export class DockerBackend implements Backend {
  readonly name = "docker";
  readonly confinement = "container";
  readonly survives = true;
  readonly #options: DockerBackendOptions;
  readonly #engines = new Map<string, Engine>();
  readonly #ssh: SshConnections;
  #lastSeen: Seen | null = null;
  readonly #used: JsonFile<z.infer<typeof usedSchema>>;

  constructor(options: DockerBackendOptions) {
    this.#options = options;
    this.#ssh = options.ssh ?? new SshConnections();
    this.#used = new JsonFile({
      path: join(options.dataFolder, "engines.json"),
      schema: usedSchema,
      version: 1,
      initial: () => ({ engines: [] }),
    });
  }

  /** Every engine there is, asked whether it answers. */
  async engines(): Promise<EngineChoice[]> {
    return Promise.all(
      findEndpoints(this.#options.surroundings).map(async (endpoint) => {
        const { name, address, current } = endpoint;
        const engine = this.#look(endpoint);
        const problem = await engine.facts().then(
          () => null,
          (error: CrusaderError) => error,
        );
        engine.close();
        return { name, address, current, problem };
      }),
    );
  }

  /** One run at a time has an engine. */
  queueName({ container }: Needs): string {
    const name = this.endpoint(container?.engine).name;
    return name === "default" ? this.name : `${this.name}-${name.replace(/[^\w.-]/g, "_")}`;
  }

  async check({ profile, profileName, numRanks, container }: Needs): Promise<CrusaderError[]> {
    try {
      const engine = this.engine(this.endpoint(container?.engine));
      const { facts, image } = await this.#see(engine, container?.image ?? imageName(profile));
      const gpus = deviceOf(profile) === "cuda" ? gpuProblem(engine.endpoint, facts, numRanks, container) : null;
      const mismatch = this.#imageProblem(engine.endpoint, image, { profile, profileName, container });
      return [gpus, mismatch].filter((problem) => problem !== null);
    } catch (error) {
      if (error instanceof CrusaderError) return [error];
      throw error;
    }
  }

  async environment({ profile, container }: Needs): Promise<Record<string, string>> {
    const engine = this.engine(this.endpoint(container?.engine));
    const { facts, image } = await this.#seen(engine, container?.image ?? imageName(profile));
    const { version, host, system, cores, memoryBytes } = facts;
    const labels = Object.entries(image?.labels ?? {}).filter(([name]) => name.startsWith("crusader."));
    return {
      engine: `${engine.endpoint.name}, version ${version}, on ${host}`,
      system,
      cores: String(cores),
      memory: formatBytes(memoryBytes),
      ...Object.fromEntries(labels.map(([name, value]) => [name.replace("crusader.", "image "), value])),
    };
  }

  async plan({ profile, profileName, container }: Needs): Promise<PlannedContainer> {
    const engine = this.engine(this.endpoint(container?.engine));
    const image = container?.image ?? imageName(profile);
    const { facts, image: found } = await this.#seen(engine, image);
    if (found === null) throw missingImage(image, engine.endpoint, { profileName, container });
    const { name, address } = engine.endpoint;
    return {
      engine: name,
      engineId: facts.id,
      address,
      image,
      imageId: found.id,
      runProfile: container?.runProfile ?? "validator",
      gpus: container?.gpus ?? null,
    };
  }

  byHand(order: Parameters<NonNullable<Backend["byHand"]>>[0], source: Uint8Array, orderFile: string): ByHand {
    const { profile, numRanks, container } = order;
    const endpoint = this.endpoint(container?.engine);
    const options = containerOptions({
      name: BY_HAND,
      image: container?.image ?? imageName(profile),
      labels: {},
      runProfile: container?.runProfile ?? "validator",
      numRanks,
      device: deviceOf(profile),
      gpus: container?.gpus ?? null,
      limits: limitsOf(profile),
    });
    const isContext = endpoint.name !== "default" && endpoint.name !== "podman";
    const choice = endpoint.current ? [] : isContext ? ["--context", endpoint.name] : ["--host", endpoint.address];
    return {
      commands: dockerCommands(options, ["docker", ...choice], orderFile),
      order: containerOrder({ ...order, container: undefined, marker: "by-hand", repeat: 0 }, source),
    };
  }

  async launch(order: Order, listener: Listener): Promise<Evaluation> {
    const container = planned(order);
    const engine = this.engine(this.endpoint(container.engine));
    const options = this.#containerOptions(order, container);
    const line = containerOrder(order, readFileSync(order.sourcePath));
    this.remember(engine.endpoint);
    const notes: Note[] = [];
    try {
      await this.#start(engine, options, line);
    } catch (error) {
      // The validator's flags hold no such limit, so nothing differs from production without it.
      if (!isRefusedLimit(error) || options.create.HostConfig?.Ulimits === undefined) throw error;
      const message = "The engine refuses to raise the limit of locked memory: the ranks run without.";
      notes.push({ level: "warning", id: "memlock_refused", message, line: null });
      delete options.create.HostConfig.Ulimits;
      await this.#start(engine, options, line);
    }
    return this.#evaluation(engine, order, options, listener, notes, true);
  }

  async reattach(order: Order, _recorded: Recorded, listener: Listener): Promise<Evaluation | null> {
    const container = planned(order);
    const engine = this.engine(this.endpoint(container.engine));
    const options = this.#containerOptions(order, container);
    const { name } = options.create;
    // Where it cannot be asked soon, whoever follows the container asks on.
    const asked = this.#look(engine.endpoint);
    const state = await asked.container(name).catch(() => undefined);
    asked.close();
    if (state?.status === "created") {
      await removeAll(engine, options);
      return null;
    }
    return this.#evaluation(engine, order, options, listener, [], false);
  }

  async removeLeftovers(isOver: (runId: string) => boolean): Promise<string[]> {
    const { engines } = this.#used.read();
    const removed = await Promise.all(
      engines.map(async ({ name, address }) => {
        const endpoint = findEndpoints(this.#options.surroundings).find((candidate) => candidate.name === name);
        if (endpoint?.address !== address) return [];
        const engine = this.#look(endpoint);
        // An engine that does not answer is asked at a later start.
        const found = await this.#removeFrom(engine, isOver).catch(() => []);
        engine.close();
        return found;
      }),
    );
    return removed.flat();
  }

  async #removeFrom(engine: Engine, isOver: (runId: string) => boolean): Promise<string[]> {
    const ours = { [LABELS.home]: folderKey(this.#options.dataFolder) };
    const isLeft = ({ labels }: { labels: Record<string, string> }) => {
      const [runId, probe] = [labels[LABELS.run], labels[LABELS.probe]];
      return (runId !== undefined && isOver(runId)) || (probe !== undefined && isLeftProbe(probe));
    };
    const removed: string[] = [];
    for (const { id, name } of (await engine.containers(ours)).filter(isLeft)) {
      if (await engine.removeContainer(id)) removed.push(`container ${name}`);
    }
    for (const { id, name } of (await engine.networks(ours)).filter(isLeft)) {
      if (await engine.removeNetwork(id)) removed.push(`network ${name}`);
    }
    return removed;
  }

  /** Makes it, starts it, and hands it its order; leaves nothing behind where that fails. */
  async #start(engine: Engine, options: ContainerOptions, order: string): Promise<void> {
    const { create, network } = options;
    try {
      if (network !== null) await engine.createNetwork(network.name, network.labels);
      await engine.create(create);
      const input = await engine.input(create.name);
      // What it does to the connection is of no interest once the order was read.
      input.on("error", () => {});
      await engine.start(create.name);
      await new Promise<void>((resolve) => input.end(order, () => resolve()));
      input.resume();
    } catch (error) {
      await removeAll(engine, options).catch(() => {});
      throw error;
    }
  }

  /** `isNew`: launched just now, so that nobody needs to ask whether this is still its engine. */
  #evaluation(
    engine: Engine,
    order: Order,
    options: ContainerOptions,
    listener: Listener,
    notes: Note[],
    isNew: boolean,
  ): Evaluation {
    return new DockerEvaluation(
      {
        engine,
        isNew,
        engineId: planned(order).engineId,
        name: options.create.name,
        hasNetwork: options.network !== null,
        fallback: { seed: order.seed, numRanks: order.numRanks, device: deviceOf(order.profile) },
        notes,
      },
      listener,
    );
  }

  #containerOptions({ marker, repeat, profile, numRanks }: Order, container: PlannedContainer): ContainerOptions {
    const [home = "", runId = ""] = marker.split(".");
    return containerOptions({
      name: `crusader-${home}-${runId}-${repeat}`,
      image: container.imageId,
      labels: {
        [LABELS.home]: home,
        [LABELS.run]: runId,
        [LABELS.repeat]: String(repeat),
        [LABELS.version]: this.#options.crusaderVersion,
      },
      runProfile: container.runProfile,
      numRanks,
      device: deviceOf(profile),
      gpus: container.gpus,
      limits: limitsOf(profile),
    });
  }

  /** Whether the image of a run with these needs is there and fits, and what builds it. */
  async imageState(engine: Engine, { profile, profileName, container }: Needs): Promise<ImageState> {
    const reference = container?.image ?? imageName(profile);
    const found = await engine.image(reference);
    const problem = this.#imageProblem(engine.endpoint, found, { profile, profileName, container });
    return {
      reference,
      isByHand: container?.image !== undefined,
      isMissing: found === null,
      problem: problem?.report() ?? null,
      command: buildCommand(profileName, engine.endpoint),
    };
  }

  /**
   * A container with the flags of a run with these needs, and all GPUs, for a command that ends by itself. One that is
   * left behind is found again by its labels, on an engine that is remembered.
   */
  prepareProbe({ profile, numRanks, container }: Needs, command: string[]): ContainerOptions {
    const home = folderKey(this.#options.dataFolder);
    const { create, network } = containerOptions({
      name: `crusader-${home}-probe-${randomBytes(4).toString("hex")}`,
      image: container?.image ?? imageName(profile),
      labels: {
        [LABELS.home]: home,
        [LABELS.probe]: String(Date.now()),
        [LABELS.version]: this.#options.crusaderVersion,
      },
      runProfile: container?.runProfile ?? "validator",
      numRanks,
      device: deviceOf(profile),
      gpus: null,
      limits: limitsOf(profile),
    });
    const { DeviceRequests } = create.HostConfig ?? {};
    const all = DeviceRequests?.map((request) => ({ ...request, Count: ALL_GPUS }));
    return {
      create: {
        ...create,
        Cmd: command,
        AttachStdin: false,
        OpenStdin: false,
        StdinOnce: false,
        HostConfig: { ...create.HostConfig, ...(all === undefined ? {} : { DeviceRequests: all }) },
      },
      network,
    };
  }

  async #see(engine: Engine, reference: string): Promise<Seen> {
    const [facts, image] = await Promise.all([engine.facts(), engine.image(reference)]);
    const seen = { engine, reference, facts, image, atMs: performance.now() };
    this.#lastSeen = seen;
    return seen;
  }

  /** What the step before was told; asked anew where that is not just now. */
  async #seen(engine: Engine, reference: string): Promise<Seen> {
    const seen = this.#lastSeen;
    const isIt = seen?.engine === engine && seen.reference === reference;
    return isIt && performance.now() - seen.atMs < SEEN_FOR_MS ? seen : this.#see(engine, reference);
  }

  #imageProblem(
    endpoint: Endpoint,
    image: Seen["image"],
    { profile, profileName, container }: Pick<Needs, "profile" | "profileName" | "container">,
  ): CrusaderError | null {
    const reference = container?.image ?? imageName(profile);
    if (image === null) return missingImage(reference, endpoint, { profileName, container });
    // Named by hand: whoever names it answers for it.
    if (container?.image !== undefined) return null;
    const source = imageSource(this.#options.packageFolder);
    const mismatch = imageMismatch(image.labels, { profile, source });
    if (mismatch === null) return null;
    const message = `The image ${reference} does not fit: ${mismatch}.`;
    return new CrusaderError("image_missing", message, `Build it anew: ${buildCommand(profileName, endpoint)}`);
  }

  /** Something of this data folder's may be there from now on. */
  remember({ name, address }: Endpoint): void {
    const { engines } = this.#used.read();
    const isKnown = engines.some((engine) => engine.name === name && engine.address === address);
    if (!isKnown) this.#used.write({ engines: [...engines, { name, address }] });
  }

  endpoint(name: string | undefined): Endpoint {
    return findEndpoint(name, this.#options.surroundings);
  }

  /** Where it is only asked whether something is there: soon, and no person. */
  #look(endpoint: Endpoint): Engine {
    return new Engine(endpoint, { callMs: LOOK_MS, ssh: this.#ssh, asks: false });
  }

  engine(endpoint: Endpoint): Engine {
    const key = JSON.stringify({ ...endpoint, current: null });
    const engine = this.#engines.get(key) ?? new Engine(endpoint, { ssh: this.#ssh });
    this.#engines.set(key, engine);
    return engine;
  }
}

function isLeftProbe(startedAt: string): boolean {
  return !(Date.now() - Number(startedAt) < PROBE_IS_LEFT_MS);
}

function missingImage(
  reference: string,
  endpoint: Endpoint,
  { profileName, container }: Pick<Needs, "profileName" | "container">,
): CrusaderError {
  const hint =
    container?.image === undefined
      ? `Build it: ${buildCommand(profileName, endpoint)}`
      : "It was named by hand: fetch it there (docker pull), or leave the name out for the profile's own.";
  return new CrusaderError("image_missing", `The engine ${endpoint.name} has no image ${reference}.`, hint);
}

/** What builds the image of that profile on that engine; the window has a button for it. */
function buildCommand(profileName: string | undefined, { name, current }: Endpoint): string {
  const quoted = (word: string) => (/^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  const profile = profileName === undefined ? "" : ` --hparams ${quoted(profileName)}`;
  return `crusader image build${profile}${current ? "" : ` --engine ${quoted(name)}`}`;
}

function planned({ container }: Order): PlannedContainer {
  if (container === undefined) throw new Error("an order for containers without a container");
  return container;
}

/** One line. The file itself is in it: a remote host has no other way to it. */
function containerOrder(
  { marker, repeat, profile, policy, numRanks, seed, ignoreCudaNeeds, production }: Omit<Order, "sourcePath">,
  source: Uint8Array,
): string {
  return `${JSON.stringify({
    version: production === undefined ? ORDER_VERSION : PRODUCTION_ORDER_VERSION,
    runId: marker,
    repeat,
    source: Buffer.from(source).toString("base64"),
    profile,
    policy,
    numRanks,
    seed,
    sandbox: { kind: "container" },
    ignoreCudaNeeds,
    // Neither a host's folder nor a volume: a remote engine would need more for it than the order, which comes anyway.
    ...(production === undefined ? {} : { production }),
  })}\n`;
}

async function removeAll(engine: Engine, { create, network }: ContainerOptions): Promise<void> {
  await engine.removeContainer(create.name);
  if (network !== null) await engine.removeNetwork(network.name);
}

function isRefusedLimit(error: unknown): boolean {
  return error instanceof CrusaderError && /rlimit|memlock/i.test(error.message);
}

function gpuProblem(
  { address, name }: Endpoint,
  { runtimes, hasCdi }: EngineFacts,
  numRanks: number,
  choice: ContainerChoice | undefined,
): CrusaderError | null {
  const unsupported = (message: string, hint: string) => new CrusaderError("unsupported", message, hint);
  const chosen = choice?.gpus;
  if (chosen !== undefined && (chosen.length !== numRanks || new Set(chosen).size !== chosen.length)) {
    return unsupported(
      `${numRanks} ranks need ${numRanks} different GPUs; ${chosen.join(", ")} were named.`,
      "Name one a rank.",
    );
  }
  const local = address.startsWith("unix:") && existsSync("/proc/version") ? countGpus() : null;
  if (local !== null && local < numRanks) {
    return unsupported(
      local === 0
        ? "The profile needs CUDA, and this machine has no NVIDIA GPU."
        : `The profile needs ${numRanks} GPUs, and this machine has ${local}.`,
      "Choose an engine on a machine that has them (docker context create), or rehearse it.",
    );
  }
  if (runtimes.includes("nvidia") || hasCdi) return null;
  return unsupported(
    `The engine ${name} has no NVIDIA runtime, so containers get no GPU.`,
    "On its host: install the NVIDIA Container Toolkit, sudo nvidia-ctk runtime configure, restart the engine.",
  );
}

/** As the driver counts them; 0 without a driver. */
function countGpus(): number {
  try {
    return readdirSync("/proc/driver/nvidia/gpus").length;
  } catch {
    return 0;
  }
}

function deviceOf(profile: Record<string, unknown>): "cpu" | "cuda" {
  return (profile.crusader as { device?: string } | undefined)?.device === "cpu" ? "cpu" : "cuda";
}

function limitsOf(profile: Record<string, unknown>) {
  return profile.docker as { memory_limit: string; shm_size: string };
}
