/** What the service asks of a place where evaluations run, and what it gets back. */
import type { CrusaderError } from "../../../common/errors.ts";
import type { EvaluationResult, Event } from "../../../common/events.ts";
import type { Sandbox } from "../../../common/runs.ts";
import type { ScanPolicy } from "../../../common/scan.ts";

/** What an evaluation is going to need. */
export type Needs = {
  /** A complete profile (`Profile.resolved`). */
  profile: Record<string, unknown>;
  numRanks: number;
  sandbox: Sandbox;
};

export type Order = Needs & {
  /** Unique on this machine; every process of the run carries it (`CRUSADER_RUN_ID`). */
  marker: string;
  repeat: number;
  /** The bytes to judge, in the run's folder. */
  sourcePath: string;
  seed: string;
  /** The rules of the scan, complete. */
  policy: ScanPolicy;
  /** Start the ranks even where the file asks for CUDA and the profile's device is the CPU. */
  ignoreCudaNeeds: boolean;
};

/** Where an evaluation's words go. Neither function throws. */
export type Listener = {
  event: (event: Event) => void;
  /** Bytes of stdout and stderr; untrusted. */
  output: (chunk: Uint8Array) => void;
};

/** A process that was still alive when its evaluation was over, and was killed. */
export type EndedProcess = { pid: number; name: string };

export type Ending = {
  /** Always there: where the judge gave none, it says why. */
  result: EvaluationResult;
  ended: EndedProcess[];
};

export interface Evaluation {
  /** Resolves, and never rejects, when nothing of the evaluation lives any more. */
  readonly done: Promise<Ending>;
  /** Asks the judge to stop, and kills what is left 2 s later. */
  cancel(): void;
  /** Kills at once. */
  kill(): void;
}

export interface Backend {
  readonly name: string;
  /** What this machine lacks for that, each with a remedy; empty when it can be launched. */
  check(needs: Needs): Promise<CrusaderError[]>;
  /** Versions and hardware, for the plan. Call after `check`. */
  environment(): Promise<Record<string, string>>;
  launch(order: Order, listener: Listener): Promise<Evaluation>;
}
