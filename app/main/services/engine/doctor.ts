/** Whether an engine is fit for runs: asked from outside by its API, and from inside by a container with a run's flags. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { EngineCheck, EngineReport } from "../../../common/engines.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { ContainerChoice } from "../../../common/runs.ts";
import { type Asked, type ClockSkew, findings, gpusOf, type ImageState, type RunNeeds } from "./doctor-findings.ts";
import { PROBE_COMMAND, type ProbeOptions, runProbe } from "./doctor-probe.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Engine } from "./engine.ts";

/** As a backend takes them. */
type ContainerNeeds = {
  profile: Record<string, unknown>;
  profileName: string;
  numRanks: number;
  sandbox: "container";
  container: ContainerChoice | undefined;
};

/** What runs in containers are made from and on (the docker backend). */
export type RunMaker = {
  endpoint(name: string | undefined): Endpoint;
  engine(endpoint: Endpoint): Engine;
  imageState(engine: Engine, needs: ContainerNeeds): Promise<ImageState>;
  /** A container with a run's flags and all GPUs, for another command. */
  prepareProbe(needs: ContainerNeeds, command: string[]): ProbeOptions;
  /** Notes that something may be left there; throws where that cannot be written. */
  remember(endpoint: Endpoint): void;
};

export type DoctorRequest = {
  /** `resolved`: complete. */
  profile: { name: string; resolved: Record<string, unknown> };
  /** Default: the profile's. */
  numRanks?: number | undefined;
  container?: ContainerChoice | undefined;
};

export type DoctorOptions = {
  runs: RunMaker;
  env: NodeJS.ProcessEnv;
  platform?: NodeJS.Platform;
  /** Milliseconds since 1970. */
  now?: () => number;
  probeMs?: number;
};

export class EngineDoctor {
  readonly #options: DoctorOptions;
  readonly #now: () => number;

  constructor(options: DoctorOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * What is known so far, again after each thing asked; the last item has all. `signal` ends it, and removes the
   * probe. Throws `not_found` where there is no engine of that name.
   */
  async *check(request: DoctorRequest, signal?: AbortSignal): AsyncGenerator<EngineCheck, void, undefined> {
    const { runs, env, platform = process.platform, probeMs } = this.#options;
    const { profile, container } = request;
    const endpoint = runs.endpoint(container?.engine);
    const numRanks = request.numRanks ?? (profile.resolved.docker as { num_gpus: number }).num_gpus;
    const needs: ContainerNeeds = {
      profile: profile.resolved,
      profileName: profile.name,
      numRanks,
      sandbox: "container",
      container,
    };
    const cancelled = signal ?? new AbortController().signal;

    const asked: Asked = { name: endpoint.name, address: endpoint.address, platform, hasCommand: hasCommand(env) };
    const probe = runs.prepareProbe(needs, PROBE_COMMAND);
    const runNeeds = runNeedsOf(needs, probe);
    const item = (doing: string | null): EngineCheck => {
      const report: EngineReport = {
        engine: endpoint.name,
        address: endpoint.address,
        profile: profile.name,
        numRanks,
        runProfile: runNeeds.runProfile,
        checkedAt: new Date(this.#now()).toISOString(),
        findings: findings(asked, runNeeds),
        gpus: gpusOf(asked),
      };
      return { report, doing };
    };

    try {
      const engine = runs.engine(endpoint);
      yield item("Asking the engine");
      asked.engine = await this.#ask(engine).catch(asProblem);
      cancelled.throwIfAborted();
      if ("problem" in asked.engine) {
        yield item(null);
        return;
      }
      yield item("Looking for the image");
      const image = await runs.imageState(engine, needs);
      asked.image = image;
      cancelled.throwIfAborted();
      const unknownBecause = image.isMissing ? "there is no image to look from" : this.#problemOfNoting(endpoint);
      if (unknownBecause !== null) {
        asked.probe = { report: null, unknownBecause, gpuRefusal: null, memlockRefused: false };
        yield item(null);
        return;
      }
      yield item("Looking around in a container");
      asked.probe = await runProbe(engine, probe, cancelled, probeMs);
      yield item(null);
    } catch (error) {
      // It was there a moment ago.
      if (cancelled.aborted || !(error instanceof CrusaderError)) throw error;
      asked.engine = { problem: error.report() };
      yield item(null);
    }
  }

  /** Without the note nobody would look for a container that is left behind: then none is made. */
  #problemOfNoting(endpoint: Endpoint): string | null {
    try {
      this.#options.runs.remember(endpoint);
      return null;
    } catch (error) {
      if (!(error instanceof CrusaderError)) throw error;
      return `no container is made without a note of it in the data folder (${error.message.replace(/\.$/, "")})`;
    }
  }

  async #ask(engine: Engine): Promise<Exclude<NonNullable<Asked["engine"]>, { problem: unknown }>> {
    const isPodman = await engine.isPodman();
    const before = this.#now();
    const facts = await engine.facts();
    return { facts, isPodman, clock: clockSkew(facts.timeMs, before, this.#now()) };
  }
}

/** The engine's time against the middle of the span in which it was asked, all in milliseconds since 1970. */
export function clockSkew(engineMs: number | null, beforeMs: number, afterMs: number): ClockSkew | null {
  if (engineMs === null) return null;
  return { seconds: (engineMs - (beforeMs + afterMs) / 2) / 1000, uncertaintySeconds: (afterMs - beforeMs) / 2000 };
}

function asProblem(error: unknown): { problem: ReturnType<CrusaderError["report"]> } {
  if (error instanceof CrusaderError) return { problem: error.report() };
  throw error;
}

/** What the probe's flags ask for is what a run's do. */
function runNeedsOf({ profile, numRanks, container }: ContainerNeeds, { create }: ProbeOptions): RunNeeds {
  const { Memory = 0, ShmSize = 0, PidsLimit } = create.HostConfig ?? {};
  const device = (profile.crusader as { device?: string } | undefined)?.device === "cpu" ? "cpu" : "cuda";
  const peak = (profile.mfu as { gpu_peak_tflops?: unknown } | undefined)?.gpu_peak_tflops;
  return {
    device,
    numRanks,
    runProfile: container?.runProfile ?? "validator",
    gpus: container?.gpus ?? null,
    memoryBytes: Memory,
    shmBytes: ShmSize,
    processes: PidsLimit ?? 0,
    peakTflops: typeof peak === "number" ? peak : null,
  };
}

/** Whether a command of a container engine is installed on this machine. */
function hasCommand(env: NodeJS.ProcessEnv): boolean {
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const names = ["docker", "podman", "docker.exe", "podman.exe"];
  return folders.some((folder) => names.some((name) => mayExecute(join(folder, name))));
}

function mayExecute(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
