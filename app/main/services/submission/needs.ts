/** What the submission of a file needs of the rest of Crusader, as small as it can be said. */
import type { Standings } from "../../../common/arena.ts";
import type { Network, UnsignedExtrinsic } from "../../../common/chain.ts";
import type { Analysis } from "../../../common/scan.ts";
import type { SubmissionRequest } from "../../../common/submission.ts";
import type { KeyReference } from "../../../common/wallets.ts";
import type { Chains } from "../chain/index.ts";
import type { Network as FetchNetwork, UrlWatch } from "../hosting/index.ts";

/** A run that judged a file to its end, as far as a submission asks about it. */
export type JudgedRun = {
  runId: string;
  outcome: "passed" | "failed";
  profile: { name: string; kind: "production" | "rehearsal" };
  /** Why its score does not compare with the leaderboard's; empty where it does. */
  notComparable: string[];
  /** Of its repeats that passed, in percent; empty where MFU was not measured. */
  mfuPercents: number[];
  /** Why it failed; empty where it passed. */
  failure: string;
};

/** What is to be submitted; `read` gives its bytes, once, and they are what everything is compared with. */
export type SubmissionOrder = Omit<SubmissionRequest, "target"> & {
  read: () => Promise<{ fileName: string; bytes: Uint8Array }>;
};

export type SubmissionNeeds = {
  dataFolder: string;
  chains: Pick<Chains, "open">;
  profile: (name: string) => Promise<{ name: string; resolved: Record<string, unknown> }>;
  /** By the rules in force. */
  scan: (source: Uint8Array) => Promise<Analysis>;
  /** This Crusader's own runs of exactly these bytes that came to an end, the newest first. */
  runsOf: (sha256: string) => JudgedRun[];
  /** The address of a key file. Throws `not_found`. */
  addressOf: (key: KeyReference) => string | Promise<string>;
  /** Payloads that may be signed. */
  signing: { add: (unsigned: UnsignedExtrinsic) => void; remove: (unsigned: UnsignedExtrinsic) => void };
  /** Null: no source of standings is known. */
  standings: Standings | null;
  /** Origins that a hosted file may be fetched from whatever their address: the practice network's host, on that network only. */
  allowedOrigins: (network: Network) => readonly string[] | Promise<readonly string[]>;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** Instead of the internet; for tests. */
  fetchNetwork?: FetchNetwork;
  /** How long a node may take for its first word about what it was sent. */
  firstWordWithinMs?: number;
  urlWatch?: UrlWatch;
  /** What goes wrong behind nobody's call. */
  onBug?: (error: unknown) => void;
};
