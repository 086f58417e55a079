/** A short-lived container with a run's flags that says what it finds inside (crusades_eval/machine_report.py). */
import { CrusaderError } from "../../../common/errors.ts";
import type { ProbeOutcome } from "./doctor-findings.ts";
import type { CreateOptions, Engine } from "./engine.ts";
import { isUnreachable } from "./errors.ts";
import { readMachineReport } from "./machine-report.ts";

export type ProbeOptions = {
  create: CreateOptions;
  /** An internal network to make first; null: none is needed. */
  network: { name: string; labels: Record<string, string> } | null;
};

export const PROBE_COMMAND = ["python", "-m", "crusades_eval.machine_report"];
/** The slowest part is a driver that wakes its GPUs. */
const PROBE_MS = 120_000;
/** Far above any report; what more there is, is none. */
const MOST_OUTPUT_BYTES = 1024 * 1024;

/**
 * Makes it, waits for its end, removes it; also when `signal` ends it, whose reason is then thrown. What an engine refuses
 * for the GPUs or for locked memory alone is tried without, so that the rest is known. Throws `engine_unreachable`.
 */
export async function runProbe(
  engine: Engine,
  options: ProbeOptions,
  signal: AbortSignal,
  limitMs = PROBE_MS,
): Promise<ProbeOutcome> {
  const outcome: Pick<ProbeOutcome, "gpuRefusal" | "memlockRefused"> = { gpuRefusal: null, memlockRefused: false };
  const host = { ...options.create.HostConfig };
  for (;;) {
    try {
      const create = { ...options.create, HostConfig: host };
      return { ...(await runOnce(engine, { ...options, create }, signal, limitMs)), ...outcome };
    } catch (error) {
      if (signal.aborted || !(error instanceof CrusaderError) || isUnreachable(error)) throw error;
      if (host.Ulimits !== undefined && /rlimit|memlock/i.test(error.message)) {
        delete host.Ulimits;
        outcome.memlockRefused = true;
      } else if (host.DeviceRequests !== undefined) {
        delete host.DeviceRequests;
        outcome.gpuRefusal = error.report();
      } else {
        // Not only the GPUs stood in its way.
        return { report: null, refusal: error.report(), ...outcome, gpuRefusal: null };
      }
    }
  }
}

type Told = { report: Extract<ProbeOutcome, { report: object }>["report"] } | { report: null; unknownBecause: string };

async function runOnce(engine: Engine, options: ProbeOptions, signal: AbortSignal, limitMs: number): Promise<Told> {
  const { create, network } = options;
  try {
    signal.throwIfAborted();
    if (network !== null) await engine.createNetwork(network.name, network.labels);
    const id = await engine.create(create);
    signal.throwIfAborted();
    await engine.start(id);
    const [parts, size] = [[] as Buffer[], { bytes: 0 }];
    const limit = AbortSignal.timeout(limitMs);
    const ended = engine.follow(
      id,
      (stream, bytes) => {
        if (stream !== "stdout" || size.bytes > MOST_OUTPUT_BYTES) return;
        size.bytes += bytes.length;
        parts.push(Buffer.from(bytes));
      },
      AbortSignal.any([signal, limit]),
    );
    try {
      await ended;
    } catch (error) {
      signal.throwIfAborted();
      if (!limit.aborted) throw error;
      return { report: null, unknownBecause: `the container that looks did not end within ${limitMs / 1000} s` };
    }
    const report = readMachineReport(Buffer.concat(parts).toString("utf8"));
    if (report !== null) return { report };
    const state = await engine.container(id);
    const status = state === null ? "was removed by somebody" : `ended with status ${state.exitCode}`;
    return { report: null, unknownBecause: `the container that looks ${status} and gave no report` };
  } finally {
    // The engine's own failure is what counts; what is left behind is removed later, by its labels.
    await engine.removeContainer(create.name).catch(() => false);
    if (network !== null) await engine.removeNetwork(network.name).catch(() => false);
  }
}
