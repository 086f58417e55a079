/** What passes between the window and its scanner's worker. */
import type { PlanSizes } from "../../common/topology.ts";

export type ScannerFiles = {
  /** With a slash at its end. */
  pyodideFolder: string;
  /** Address of each of SCANNER_FILES. */
  python: Readonly<Record<string, string>>;
  policy: string;
};

/** One question; its answer is JSON. */
export type Question =
  | { kind: "analyse"; text: string; numGpus: number | null }
  | { kind: "plan"; text: string; numGpus: number; sizes: PlanSizes };

export type ToScanner =
  /** First, and once. `policyJson` null: the policy that came with the window. */
  { kind: "start"; files: ScannerFiles; policyJson: string | null } | { kind: "ask"; id: number; question: Question };

export type FromScanner =
  | { kind: "ready" }
  /** It could not be loaded, and will answer nothing. */
  | { kind: "failed"; reason: string }
  /** The question has arrived: from here on, time is the text's matter. */
  | { kind: "begun"; id: number }
  | { kind: "answer"; id: number; json: string }
  /** The scanner itself failed at this text; it must be replaced. */
  | { kind: "broken"; id: number };
