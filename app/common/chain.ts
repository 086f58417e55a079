/** A subtensor chain as the rest of Crusader sees it (spec/chain.md). Amounts are in rao, as decimal texts: 1 TAO = 1e9 rao. */
import { z } from "zod";

export const RAO_PER_TAO = 1_000_000_000n;
export const PUBLIC_NETWORKS = ["finney", "test", "local"] as const;

const MAX_ENDPOINT_CHARACTERS = 300;
const ENDPOINT_PATTERN = /^wss?:\/\/[^\s/?#@]+(?::\d{1,5})?(?:\/\S*)?$/;
const ADDRESS_PATTERN = /^[1-9A-HJ-NP-Za-km-z]{47,48}$/;

/** Whether a text is a node's address, for the window, which has no schemas. */
export function isEndpoint(text: string): boolean {
  return text.length <= MAX_ENDPOINT_CHARACTERS && ENDPOINT_PATTERN.test(text);
}

/** A network by its name, or a node by its endpoint, as btcli's `--network` takes it; "practice" is Crusader's own. */
export const networkSchema = z.union([
  z.enum([...PUBLIC_NETWORKS, "practice"]),
  z
    .string()
    .max(MAX_ENDPOINT_CHARACTERS)
    .regex(ENDPOINT_PATTERN, "A node's endpoint begins with wss:// or ws:// and has no user or password."),
]);
export type Network = z.infer<typeof networkSchema>;

/** An SS58 address; whether its checksum is right is checked where it is used. */
export const addressSchema = z.string().regex(ADDRESS_PATTERN, "Not an address.");
/** 0x and hexadecimal digits, whole bytes. */
export const hexSchema = z.string().regex(/^0x(?:[0-9a-f]{2})*$/i, "Not hexadecimal.");
export const raoSchema = z.string().regex(/^\d{1,20}$/);
export const netuidSchema = z.number().int().min(0).max(65_535);

/** What may be sent; nothing else is ever built. */
export const chainCallSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("set_commitment"),
    netuid: netuidSchema,
    encrypted: hexSchema,
    revealRound: z.number().int(),
  }),
  z.object({ kind: z.literal("add_stake"), hotkey: addressSchema, netuid: netuidSchema, amountRao: raoSchema }),
  z.object({
    kind: z.literal("transfer_stake"),
    destinationColdkey: addressSchema,
    hotkey: addressSchema,
    originNetuid: netuidSchema,
    destinationNetuid: netuidSchema,
    /** Alpha has nine decimals, as TAO. */
    alphaAmount: raoSchema,
  }),
]);
export type ChainCall = z.infer<typeof chainCallSchema>;

/** What the signer protocol of browser extensions calls `SignerPayloadJSON`; every number in it is hexadecimal. */
export const signerPayloadSchema = z.object({
  address: addressSchema,
  assetId: hexSchema.optional(),
  blockHash: hexSchema,
  blockNumber: hexSchema,
  era: hexSchema,
  genesisHash: hexSchema,
  metadataHash: hexSchema.optional(),
  method: hexSchema,
  mode: z.number().int().optional(),
  nonce: hexSchema,
  specVersion: hexSchema,
  tip: hexSchema,
  transactionVersion: hexSchema,
  signedExtensions: z.array(z.string()),
  version: z.number().int(),
  withSignedTransaction: z.boolean().optional(),
});
export type SignerPayload = z.infer<typeof signerPayloadSchema>;

/** An extrinsic that nobody has signed yet, built from live metadata and decoded back from its own bytes. */
export const unsignedExtrinsicSchema = z.object({
  call: chainCallSchema,
  /** As decoded from `payload.method`: `Commitments.set_commitment` and its arguments in words, amounts in TAO and rao. */
  decoded: z.object({
    name: z.string(),
    arguments: z.array(z.object({ name: z.string(), value: z.string() })),
  }),
  payload: signerPayloadSchema,
  /** What is signed, byte for byte; longer than 256 bytes, its blake2-256 is signed instead. */
  signedBytes: hexSchema,
  /** Bytes of the extrinsic once it is signed. */
  byteCount: z.number().int(),
  nonce: z.number().int(),
  /** It can be included in blocks of this span and in no other. */
  firstBlock: z.number().int(),
  lastBlock: z.number().int(),
  specVersion: z.number().int(),
  /** Fee of the chain for including it; null where the node does not tell. */
  feeRao: raoSchema.nullable(),
});
export type UnsignedExtrinsic = z.infer<typeof unsignedExtrinsicSchema>;

/** Where an extrinsic is. `index` is its position in the block. */
export const inclusionSchema = z.object({
  blockHash: hexSchema,
  block: z.number().int(),
  index: z.number().int(),
  finalized: z.boolean(),
  /** Null: it did what it says. Otherwise the chain's own name of the error, as `Commitments.SpaceLimitExceeded`. */
  failure: z.string().nullable(),
});
export type Inclusion = z.infer<typeof inclusionSchema>;

/** How a connection stands, for the status bar. */
export const chainStatusSchema = z.object({
  network: z.string(),
  /** The node's address. */
  endpoint: z.string(),
  /** `nowhere`: it has no address, as the practice network has while nobody runs it. */
  state: z.enum(["connecting", "connected", "reconnecting", "failed", "nowhere"]),
  /** The newest block's number, when that block says it was made, and how old that is by this machine's clock. */
  block: z.number().int().nullable(),
  finalizedBlock: z.number().int().nullable(),
  blockTime: z.iso.datetime().nullable(),
  ageSeconds: z.number().nullable(),
  chainName: z.string().nullable(),
  specVersion: z.number().int().nullable(),
  /** What stands in the way, with what to do; null where nothing does. */
  problem: z.object({ message: z.string(), hint: z.string() }).nullable(),
});
export type ChainStatus = z.infer<typeof chainStatusSchema>;
