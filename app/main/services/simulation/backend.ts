/** What the service asks of a place where evaluations run, and what it gets back. */
import type { CrusaderError } from "../../../common/errors.ts";
import type { EvaluationResult, Event, Note } from "../../../common/events.ts";
import type { ContainerChoice, PlannedContainer, ProductionCode, Sandbox } from "../../../common/runs.ts";
import type { ScanPolicy } from "../../../common/scan.ts";

/** What an evaluation is going to need. */
export type Needs = {
  /** A complete profile (`Profile.resolved`). */
  profile: Record<string, unknown>;
  /** As the user named it; for hints. */
  profileName?: string | undefined;
  numRanks: number;
  sandbox: Sandbox;
  /** For a backend of containers. */
  container?: ContainerChoice | undefined;
  /** For the backend of evaluation servers: which of them. */
  server?: string | undefined;
};

export type Order = Omit<Needs, "container"> & {
  /** What the backend has planned. */
  container?: PlannedContainer | undefined;
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
  /** Set where the validator's own code judges. */
  production?: ProductionCode | undefined;
};

/** Where an evaluation's words go. None of the functions throws. */
export type Listener = {
  event: (event: Event) => void;
  /** Bytes of stdout and stderr; untrusted. */
  output: (chunk: Uint8Array) => void;
  /** Why what goes on elsewhere cannot be heard now, while it is tried again; null: it is heard. */
  contact?: (problem: string | null) => void;
};

/** An evaluation without Crusader. */
export type ByHand = {
  /** For a POSIX shell; they read the order from the file that was named. */
  commands: string;
  /** One line of JSON, with the file to judge in it. */
  order: string;
};

/** A process that was still alive when its evaluation was over, and was killed. */
export type EndedProcess = { pid: number; name: string };

export type Ending = {
  /** Always there: where the judge gave none, it says why. */
  result: EvaluationResult;
  ended: EndedProcess[];
  /** What the backend adds to the judge's own notes. */
  notes?: Note[];
};

/** What an earlier process recorded of an evaluation. */
export type Recorded = { events: readonly Event[]; outputBytes: number };

export interface Evaluation {
  /** Resolves, and never rejects, when nothing of the evaluation lives any more. */
  readonly done: Promise<Ending>;
  /** Asks the judge to stop, and kills what is left 2 s later. */
  cancel(): void;
  /** Kills at once. */
  kill(): void;
  /** Where the backend's evaluations survive: stops listening and leaves it alone; `done` then stays pending. */
  detach?(): void;
}

export interface Backend {
  readonly name: string;
  /** What it keeps ranks in, whatever a request asks for. */
  readonly confinement?: Sandbox;
  /** Whether its evaluations go on without the process that launched them; then `reattach` finds them again. */
  readonly survives?: boolean;
  /** One run at a time has this; default: the backend's name. */
  queueName?(needs: Needs): string;
  /** What this machine lacks for that, each with a remedy; empty when it can be launched. */
  check(needs: Needs): Promise<CrusaderError[]>;
  /** Versions and hardware, for the plan. Call after `check`. */
  environment(needs: Needs): Promise<Record<string, string>>;
  /** What of the choice is frozen in the plan. Call after `check`. */
  plan?(needs: Needs): Promise<PlannedContainer>;
  /** How one of its evaluations is had without Crusader; asks nobody. */
  byHand?(
    order: Omit<Order, "marker" | "repeat" | "sourcePath" | "container"> & Needs,
    source: Uint8Array,
    orderFile: string,
  ): ByHand;
  launch(order: Order, listener: Listener): Promise<Evaluation>;
  /**
   * Goes on with what an earlier process launched with that order. Tells at least the events and the bytes of log that
   * are not in `recorded`, numbered as ever: it may begin at the first event, and begins at the first byte. Waits, in
   * `done`, for whoever cannot be reached; null where it is known that it never began.
   */
  reattach?(order: Order, recorded: Recorded, listener: Listener): Promise<Evaluation | null>;
  /** Removes what carries this data folder's mark and belongs to a run that is over; says what. Never throws. */
  removeLeftovers?(isOver: (runId: string) => boolean): Promise<string[]>;
}
