export type {
  AssembledExtrinsic,
  At,
  Balance,
  Chain,
  ChainEvent,
  CommitmentSpace,
  Found,
  Head,
  NetworkPlace,
  NodeHealth,
  PendingCommitment,
  ReadExtrinsic,
  RefusalReason,
  RevealedCommitment,
  RuntimeFacts,
  SendUpdate,
  WantedExtrinsic,
} from "./chain.ts";
export { Chains, type ChainsOptions } from "./chains.ts";
export { networkPlace, publicNetworkOf } from "./networks.ts";
