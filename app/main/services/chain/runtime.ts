/**
 * A runtime as its metadata describes it: names become bytes and bytes become values. What Crusader signs is encoded by
 * hand as well, so that metadata which gives a call another form is refused; and every part of what is signed that
 * Crusader does not know must be empty (spec/chain.md, "The extrinsic"). `@polkadot/types` takes a second to load, so it
 * is loaded with the first runtime.
 */
import type { Metadata, TypeRegistry } from "@polkadot/types";
import type { Codec } from "@polkadot/types/types";
import { type ChainCall, chainCallSchema, type SignerPayload, type UnsignedExtrinsic } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { formatAlpha, formatAmount } from "../../../common/format.ts";
import { shownText } from "../../../common/shown-text.ts";
import { MAX_CIPHERTEXT_BYTES } from "../timelock/index.ts";
import type { ChainEvent, ReadExtrinsic } from "./chain.ts";
import { blake2_256, compactLength, fromHex, littleEndian, toHex } from "./scale.ts";

export type RuntimeVersion = { specName: string; specVersion: number; transactionVersion: number };

/** What Crusader was tested with; numbers of calls as `pallet.call`. */
export const KNOWN_RUNTIME = {
  specVersion: 343,
  calls: { set_commitment: "18.0", add_stake: "7.2", transfer_stake: "7.86" },
} as const satisfies { specVersion: number; calls: Record<ChainCall["kind"], string> };

const PALLET_OF = {
  set_commitment: "Commitments",
  add_stake: "SubtensorModule",
  transfer_stake: "SubtensorModule",
} as const satisfies Record<ChainCall["kind"], string>;

/** Without them it is another kind of chain. */
const NEEDED_STORAGE = [
  ["System", "Number"],
  ["System", "Account"],
  ["System", "Events"],
  ["Timestamp", "Now"],
  ["SubtensorModule", "Uids"],
  ["Commitments", "CommitmentOf"],
] as const;

const METADATA_VERSION = 14;
const EXTRINSIC_VERSION = 4;
const MAX_SIGNED_BYTES = 256;
const ADDRESS_PREFIX = 42;
const SR25519 = 1;
const ED25519 = 0;
const MAX_SHAPE_DEPTH = 8;

/** What an extension signs beside the call, as the library writes it: what is in the extrinsic, and what is only signed. */
const KNOWN_EXTENSIONS: Record<string, { extra: string; additional: string }> = {
  CheckNonZeroSender: { extra: "empty", additional: "empty" },
  CheckSpecVersion: { extra: "empty", additional: "u32" },
  CheckTxVersion: { extra: "empty", additional: "u32" },
  CheckGenesis: { extra: "empty", additional: "H256" },
  CheckMortality: { extra: "Era", additional: "H256" },
  CheckNonce: { extra: "Compact<u32>", additional: "empty" },
  CheckWeight: { extra: "empty", additional: "empty" },
  ChargeTransactionPayment: { extra: "Compact<u64>", additional: "empty" },
  CheckMetadataHash: { extra: "mode", additional: "Option<[u8; 32]>" },
};
/** Without them a signature would count on other chains, at other times, or twice. */
const NEEDED_EXTENSIONS = [
  "CheckSpecVersion",
  "CheckTxVersion",
  "CheckGenesis",
  "CheckMortality",
  "CheckNonce",
] as const;

type Library = {
  types: typeof import("@polkadot/types");
  crypto: typeof import("@polkadot/util-crypto");
};
let library: Promise<Library> | null = null;

/** Worth beginning while a node is still being reached. */
export function loadLibrary(): Promise<Library> {
  library ??= Promise.all([import("@polkadot/types"), import("@polkadot/util-crypto")]).then(([types, crypto]) => ({
    types,
    crypto,
  }));
  return library;
}

/** `usage` for what is no address of this kind of chain. */
export async function publicKeyOf(address: string): Promise<Uint8Array> {
  const { crypto } = await loadLibrary();
  try {
    return crypto.decodeAddress(address, false, ADDRESS_PREFIX);
  } catch {
    throw new CrusaderError(
      "usage",
      `${shownText(address).slice(0, 60)} is no address.`,
      "Check every character of it.",
    );
  }
}

type StorageEntry = {
  (...keys: unknown[]): Uint8Array;
  meta: {
    modifier: { isOptional: boolean };
    fallback: { toU8a(isBare: boolean): Uint8Array };
    type: { isPlain: boolean; asPlain: number; asMap: { value: number } };
  };
};
type DecodedCall = Codec & {
  callIndex: Uint8Array;
  meta: { name: { toString(): string } };
  argsEntries: [string, Codec][];
  args: Codec[];
};
type EraCodec = Codec & {
  isMortalEra: boolean;
  asMortalEra: { birth(block: number): number; death(block: number): number };
};
type DecodedExtrinsic = Codec & {
  isSigned: boolean;
  signer: { toString(): string };
  signature: Codec;
  nonce: { toNumber(): number };
  tip?: { toBigInt(): bigint };
  era: EraCodec;
  method: DecodedCall;
  addSignature(signer: string, signature: Uint8Array, payload: unknown): void;
};
type EventRecord = {
  phase: { isApplyExtrinsic: boolean; asApplyExtrinsic: { toNumber(): number } };
  event: Codec & {
    index: Uint8Array;
    method: string;
    data: Codec[];
    meta: { fields: { name: { isSome: boolean; toString(): string } }[] };
  };
};
type DispatchErrorCodec = Codec & {
  isModule: boolean;
  asModule: { index: { toNumber(): number } };
  type: string;
  inner: { type?: unknown };
};

export class Runtime {
  readonly version: RuntimeVersion;
  /** Of the metadata itself, to notice a node that tells two of the same number. */
  readonly metadataHash: string;
  readonly #registry: TypeRegistry;
  readonly #metadata: Metadata;
  readonly #query: Record<string, Record<string, StorageEntry | undefined> | undefined>;
  readonly #crypto: Library["crypto"];

  private constructor(options: {
    version: RuntimeVersion;
    metadataHash: string;
    registry: TypeRegistry;
    metadata: Metadata;
    query: unknown;
    crypto: Library["crypto"];
  }) {
    this.version = options.version;
    this.metadataHash = options.metadataHash;
    this.#registry = options.registry;
    this.#metadata = options.metadata;
    this.#query = options.query as never;
    this.#crypto = options.crypto;
  }

  /** Of the answer of `state_getMetadata`. Throws `chain_refused` where that is none of a chain like subtensor. */
  static async read(metadataHex: unknown, version: RuntimeVersion): Promise<Runtime> {
    const { types, crypto } = await loadLibrary();
    if (typeof metadataHex !== "string" || !/^0x(?:[0-9a-f]{2})+$/i.test(metadataHex)) {
      throw notSubtensor("it tells no metadata");
    }
    try {
      const registry = new types.TypeRegistry();
      registry.setChainProperties(registry.createType("ChainProperties", { ss58Format: ADDRESS_PREFIX }) as never);
      const metadata = new types.Metadata(registry, metadataHex as `0x${string}`);
      if (metadata.version !== METADATA_VERSION) throw notSubtensor(`its metadata has version ${metadata.version}`);
      registry.setMetadata(metadata, undefined, undefined, true);
      const { query } = types.expandMetadata(registry, metadata);
      const missing = NEEDED_STORAGE.find(
        ([pallet, item]) => query[camelCase(pallet)]?.[camelCase(item)] === undefined,
      );
      if (missing !== undefined) throw notSubtensor(`it has no ${missing.join(".")}`);
      const metadataHash = toHex(blake2_256(fromHex(metadataHex)));
      return new Runtime({ version, metadataHash, registry, metadata, query, crypto });
    } catch (error) {
      if (error instanceof CrusaderError) throw error;
      throw notSubtensor("its metadata cannot be read", shownText(String(error)).slice(0, 300));
    }
  }

  /** What differs from the runtime that Crusader was tested with, in the calls it makes; each in a sentence. */
  differences(): string[] {
    return (Object.keys(KNOWN_RUNTIME.calls) as ChainCall["kind"][]).flatMap((kind) => {
      const found = this.#callIndex(kind);
      if (found === null) return [`This runtime has no ${PALLET_OF[kind]}.${kind}.`];
      const index = found.join(".");
      return index === KNOWN_RUNTIME.calls[kind]
        ? []
        : [`${PALLET_OF[kind]}.${kind} is call ${index} here, and ${KNOWN_RUNTIME.calls[kind]} in the known runtime.`];
    });
  }

  /**
   * Those of `differences` for which `method` refuses. A newer runtime may number its calls anew: its metadata is gone by,
   * and the version is signed.
   */
  refusals(): string[] {
    const isMissing = (kind: string) => this.#callIndex(kind as ChainCall["kind"]) === null;
    const cannotBe = this.version.specVersion === KNOWN_RUNTIME.specVersion;
    return cannotBe || Object.keys(KNOWN_RUNTIME.calls).some(isMissing) ? this.differences() : [];
  }

  /** Throws `chain_refused` where something is signed in this runtime that Crusader does not know. */
  checkExtensions(): void {
    const { extrinsic } = this.#metadata.asV14;
    if (extrinsic.version.toNumber() !== EXTRINSIC_VERSION) {
      throw changedRuntime(
        `Its extrinsics have format ${extrinsic.version.toString()}, and Crusader writes ${EXTRINSIC_VERSION}.`,
      );
    }
    const names = new Set<string>();
    for (const { identifier, type, additionalSigned } of extrinsic.signedExtensions) {
      const name = identifier.toString();
      names.add(name);
      const shape = { extra: this.#shapeOf(type.toNumber()), additional: this.#shapeOf(additionalSigned.toNumber()) };
      const expected = KNOWN_EXTENSIONS[name] ?? { extra: "empty", additional: "empty" };
      if (shape.extra !== expected.extra || shape.additional !== expected.additional) {
        throw changedRuntime(
          `It wants "${shownText(name).slice(0, 60)}" signed, which Crusader ${name in KNOWN_EXTENSIONS ? "knows in another form" : "does not know"}.`,
        );
      }
    }
    const missing = NEEDED_EXTENSIONS.find((name) => !names.has(name));
    if (missing !== undefined) throw changedRuntime(`It does not check ${missing}.`);
  }

  /** Where a value is kept, as 0x and digits. Throws `chain_refused` where the runtime has no such item. */
  storageKey(pallet: string, item: string, keys: readonly unknown[]): string {
    const entry = this.#storage(pallet, item);
    return this.#registry.createTypeUnsafe<Codec>("StorageKey", [[entry, keys]]).toHex();
  }

  /** As plain JSON: integers as numbers or, from 2^53, digits; bytes as hexadecimal; null for an optional value that is not there. */
  storageValue(pallet: string, item: string, hex: string | null): unknown {
    const { meta } = this.#storage(pallet, item);
    if (hex === null && meta.modifier.isOptional) return null;
    const bytes = hex === null ? meta.fallback.toU8a(true) : fromHex(hex);
    const type = meta.type.isPlain ? meta.type.asPlain : meta.type.asMap.value;
    return plain(this.#decode(this.#registry.createLookupType(type), bytes, `${pallet}.${item}`));
  }

  /** The call's bytes. Throws `chain_refused` where the runtime gives it another form, `usage` for what no call can hold. */
  async method(call: ChainCall): Promise<string> {
    const index = this.#callIndex(call.kind);
    if (index === null) throw changedRuntime(`It has no ${PALLET_OF[call.kind]}.${call.kind}.`);
    // The version is signed, so that a node cannot tell another one than the chain's: of the known one it can tell no lie.
    if (this.version.specVersion === KNOWN_RUNTIME.specVersion && index.join(".") !== KNOWN_RUNTIME.calls[call.kind]) {
      throw new CrusaderError(
        "chain_refused",
        `The node tells of runtime ${KNOWN_RUNTIME.specVersion} what is not so: ${PALLET_OF[call.kind]}.${call.kind} is call ${KNOWN_RUNTIME.calls[call.kind]} there, not ${index.join(".")}.`,
        "Choose another node. Nothing was signed or sent.",
      );
    }
    const expected = toHex(Buffer.concat([Buffer.from(index), ...(await this.#argumentBytes(call))]));
    let decoded: ChainCall | null = null;
    try {
      decoded = this.#readCall(expected).call;
    } catch {
      // Said below: it is the same to a reader whether it cannot be read or says something else.
    }
    if (JSON.stringify(decoded) !== JSON.stringify(canonical(call))) {
      throw changedRuntime(`Its ${PALLET_OF[call.kind]}.${call.kind} takes other arguments than Crusader knows.`);
    }
    return expected;
  }

  /** What bytes of a call say. Throws `usage` for what is none of this runtime. */
  decoded(method: string): UnsignedExtrinsic["decoded"] {
    const { name, call, codec } = this.#readCall(method);
    if (call !== null) return { name, arguments: callWords(call) };
    return {
      name,
      arguments: codec.argsEntries.map(([argument, value]) => ({
        name: argument,
        value: shownText(value.toString()).slice(0, 2000),
      })),
    };
  }

  /** The era of so many blocks (a power of two) that begins with `block`, and the span in which it counts. */
  era(block: number, eraBlocks: number): { era: string; firstBlock: number; lastBlock: number } {
    const era = this.#registry.createTypeUnsafe<EraCodec>("ExtrinsicEra", [{ current: block, period: eraBlocks }]);
    // The hash of its first block is signed, so that it cannot be in that block itself.
    return { era: era.toHex(), firstBlock: block + 1, lastBlock: block + eraBlocks - 1 };
  }

  /** In the order of the runtime. */
  signedExtensions(): string[] {
    return this.#metadata.asV14.extrinsic.signedExtensions.map(({ identifier }) => identifier.toString());
  }

  /** What is signed, before it is hashed where it is long. */
  signedBytes(payload: SignerPayload): Uint8Array {
    const codec = this.#registry.createTypeUnsafe<Codec>("ExtrinsicPayload", [payload, { version: EXTRINSIC_VERSION }]);
    // Without the length before the call: it is signed, never decoded.
    return codec.toU8a({ method: true } as never);
  }

  /** `signature`: 65 bytes with its kind. */
  signedExtrinsic(payload: SignerPayload, signature: Uint8Array): Uint8Array {
    const extrinsic = this.#registry.createTypeUnsafe<DecodedExtrinsic>("Extrinsic", [
      { method: this.#registry.createTypeUnsafe("Call", [fromHex(payload.method)]) },
      { version: EXTRINSIC_VERSION },
    ]);
    extrinsic.addSignature(payload.address, signature, payload);
    return extrinsic.toU8a();
  }

  /** With its kind before it; null where it is not the signer's signature of exactly that. */
  async typedSignature(payload: SignerPayload, signature: Uint8Array): Promise<Uint8Array | null> {
    const publicKey = await publicKeyOf(payload.address);
    const bytes = this.signedBytes(payload);
    const message = bytes.length > MAX_SIGNED_BYTES ? blake2_256(bytes) : bytes;
    // Not the library's own check: that would also take what was signed between <Bytes> and </Bytes>.
    const kinds = [
      { kind: SR25519, verify: this.#crypto.sr25519Verify },
      { kind: ED25519, verify: this.#crypto.ed25519Verify },
    ];
    const bare = signature.length === 65 ? signature.subarray(1) : signature;
    if (bare.length !== 64) return null;
    for (const { kind, verify } of kinds) {
      if (signature.length === 65 && signature[0] !== kind) continue;
      if (isVerified(() => verify(message, bare, publicKey))) return Buffer.concat([Buffer.of(kind), bare]);
    }
    return null;
  }

  /** `block` is one of its span, or before it by less than the era. Throws `usage` for what is no signed extrinsic. */
  readExtrinsic(bytes: Uint8Array, block: number): ReadExtrinsic & { era: string; signature: Uint8Array } {
    let extrinsic: DecodedExtrinsic;
    try {
      extrinsic = this.#registry.createTypeUnsafe<DecodedExtrinsic>("Extrinsic", [
        bytes,
        { version: EXTRINSIC_VERSION },
      ]);
      if (!extrinsic.isSigned || toHex(extrinsic.toU8a()) !== toHex(bytes)) throw new Error("not the same bytes again");
    } catch {
      throw new CrusaderError(
        "usage",
        "That is no signed extrinsic of this chain.",
        "Paste all of it, from 0x to its end.",
      );
    }
    const { era, method } = extrinsic;
    const methodHex = method.toHex();
    return {
      hash: toHex(blake2_256(bytes)),
      signer: extrinsic.signer.toString(),
      nonce: extrinsic.nonce.toNumber(),
      tipRao: extrinsic.tip?.toBigInt() ?? 0n,
      lifetime: era.isMortalEra
        ? { firstBlock: era.asMortalEra.birth(block) + 1, lastBlock: era.asMortalEra.death(block) - 1 }
        : null,
      method: methodHex,
      decoded: this.decoded(methodHex),
      era: era.toHex(),
      signature: extrinsic.signature.toU8a(),
    };
  }

  /** Events of the extrinsic at that position, from the value of `System.Events`. */
  eventsOf(hex: string | null, index: number): { events: ChainEvent[]; isSuccess: boolean; failure: string | null } {
    const { meta } = this.#storage("System", "Events");
    const type = this.#registry.createLookupType(meta.type.asPlain);
    const records = this.#decode<Codec & EventRecord[]>(type, fromHex(hex ?? "0x00"), "System.Events");
    const own = records.filter(({ phase }) => phase.isApplyExtrinsic && phase.asApplyExtrinsic.toNumber() === index);
    const events = own.map(({ event }) => ({
      name: `${this.#palletName(event.index[0])}.${event.method}`,
      fields: Object.fromEntries(
        [...event.data].map((value, position) => {
          const name = event.meta.fields[position]?.name;
          return [name?.isSome === true ? name.toString() : String(position), value.toString()];
        }),
      ),
    }));
    const failed = own.find((_, position) => events[position]?.name === "System.ExtrinsicFailed");
    const isSuccess = events.some(({ name }) => name === "System.ExtrinsicSuccess");
    return { events, isSuccess, failure: failed === undefined ? null : this.#errorName(failed.event.data[0] as never) };
  }

  #decode<T extends Codec>(type: string, bytes: Uint8Array, what: string): T {
    try {
      const codec = this.#registry.createTypeUnsafe<T>(type, [bytes]);
      if (Buffer.compare(codec.toU8a(), bytes) === 0) return codec;
    } catch {
      // Said below.
    }
    throw new CrusaderError(
      "chain_refused",
      `The node's ${what} does not fit its own metadata.`,
      "Choose another node.",
      toHex(bytes).slice(0, 300),
    );
  }

  #storage(pallet: string, item: string): StorageEntry {
    const entry = this.#query[camelCase(pallet)]?.[camelCase(item)];
    if (entry === undefined) throw changedRuntime(`It has no ${pallet}.${item}.`);
    return entry;
  }

  #callIndex(kind: ChainCall["kind"]): [number, number] | null {
    const { lookup, pallets } = this.#metadata.asV14;
    const pallet = pallets.find(({ name }) => name.toString() === PALLET_OF[kind]);
    if (pallet === undefined || pallet.calls.isNone) return null;
    const calls = lookup.types[pallet.calls.unwrap().type.toNumber()]?.type.def;
    if (calls?.isVariant !== true) return null;
    const call = calls.asVariant.variants.find(({ name }) => name.toString() === kind);
    return call === undefined ? null : [pallet.index.toNumber(), call.index.toNumber()];
  }

  async #argumentBytes(call: ChainCall): Promise<Uint8Array[]> {
    switch (call.kind) {
      case "set_commitment": {
        const encrypted = fromHex(call.encrypted);
        // The library does not look.
        if (encrypted.length > MAX_CIPHERTEXT_BYTES) {
          throw new CrusaderError("usage", `A commitment holds at most ${MAX_CIPHERTEXT_BYTES} encrypted bytes.`);
        }
        return [
          littleEndian(call.netuid, 2),
          compactLength(1),
          Buffer.of(this.#timelockVariant()),
          compactLength(encrypted.length),
          encrypted,
          littleEndian(call.revealRound, 8),
        ];
      }
      case "add_stake":
        return [await publicKeyOf(call.hotkey), littleEndian(call.netuid, 2), littleEndian(BigInt(call.amountRao), 8)];
      case "transfer_stake":
        return [
          await publicKeyOf(call.destinationColdkey),
          await publicKeyOf(call.hotkey),
          littleEndian(call.originNetuid, 2),
          littleEndian(call.destinationNetuid, 2),
          littleEndian(BigInt(call.alphaAmount), 8),
        ];
    }
  }

  #timelockVariant(): number {
    for (const { type } of this.#metadata.asV14.lookup.types) {
      if (type.path.at(-1)?.toString() !== "Data" || !type.def.isVariant) continue;
      const variant = type.def.asVariant.variants.find(({ name }) => name.toString() === "TimelockEncrypted");
      if (variant !== undefined) return variant.index.toNumber();
    }
    throw changedRuntime("Its commitments hold no encrypted texts.");
  }

  #readCall(method: string): { name: string; call: ChainCall | null; codec: DecodedCall } {
    let codec: DecodedCall;
    try {
      codec = this.#registry.createTypeUnsafe<DecodedCall>("Call", [fromHex(method)]);
      if (codec.toHex() !== method.toLowerCase()) throw new Error("not the same bytes again");
    } catch {
      throw new CrusaderError("usage", "That is no call of this chain.", "", method.slice(0, 300));
    }
    const kind = codec.meta.name.toString();
    const name = `${this.#palletName(codec.callIndex[0])}.${kind}`;
    const isOurs = kind in PALLET_OF && name === `${PALLET_OF[kind as ChainCall["kind"]]}.${kind}`;
    const values = Object.fromEntries(codec.argsEntries.map(([argument, value]) => [argument, plain(value)]));
    const parsed = isOurs ? chainCallSchema.safeParse(callOf(kind, values)) : null;
    return { name, call: parsed?.success === true ? parsed.data : null, codec };
  }

  #palletName(index: number | undefined): string {
    const pallet = this.#metadata.asV14.pallets.find((each) => each.index.toNumber() === index);
    return pallet?.name.toString() ?? `pallet ${index}`;
  }

  /** The chain's own name, as `Commitments.SpaceLimitExceeded` or `Token.FundsUnavailable`. */
  #errorName(error: DispatchErrorCodec): string {
    if (!error.isModule) {
      const inner = error.inner?.type;
      return typeof inner === "string" ? `${error.type}.${inner}` : error.type;
    }
    try {
      const { name } = this.#registry.findMetaError(error.asModule as never);
      return shownText(`${this.#palletName(error.asModule.index.toNumber())}.${name}`).slice(0, 200);
    } catch {
      return `Module.${shownText(error.toString()).slice(0, 100)}`;
    }
  }

  /** How a type is laid out, as far as `KNOWN_EXTENSIONS` tells apart; "other" for the rest. */
  #shapeOf(typeId: number, depth = 0): string {
    const found = this.#metadata.asV14.lookup.types[typeId]?.type;
    // Deeper than any known extension: a lying node's type may contain itself.
    if (found === undefined || depth > MAX_SHAPE_DEPTH) return "other";
    const shapeOf = (id: { toNumber: () => number }) => this.#shapeOf(id.toNumber(), depth + 1);
    const { def, path } = found;
    const name = path.at(-1)?.toString();
    const fields = def.isTuple
      ? [...def.asTuple]
      : def.isComposite
        ? def.asComposite.fields.map(({ type }) => type)
        : null;
    if (fields?.every((field) => shapeOf(field) === "empty")) return "empty";
    if (def.isPrimitive) return def.asPrimitive.type.toLowerCase();
    if (def.isCompact) return `Compact<${shapeOf(def.asCompact.type)}>`;
    if (def.isArray) return `[${shapeOf(def.asArray.type)}; ${def.asArray.len.toNumber()}]`;
    if (name === "Option" && def.isVariant) {
      const inner = def.asVariant.variants[1]?.fields[0]?.type;
      return inner === undefined ? "other" : `Option<${shapeOf(inner)}>`;
    }
    if (name === "Era" && def.isVariant) return "Era";
    if (name === "Mode" && def.isVariant) return "mode";
    const [only, ...more] = fields ?? [];
    if (only === undefined || more.length > 0) return "other";
    const inner = shapeOf(only);
    // A named wrapper around one value is laid out as that value.
    return name === "H256" && inner === "[u8; 32]" ? "H256" : inner;
  }
}

function isVerified(verify: () => boolean): boolean {
  try {
    return verify();
  } catch {
    // No point of the curve, or the like.
    return false;
  }
}

/** With one way to write everything, in the order of the schema. */
function canonical(call: ChainCall): ChainCall {
  const parsed = chainCallSchema.parse(call);
  const amount = (digits: string) => BigInt(digits).toString();
  switch (parsed.kind) {
    case "set_commitment":
      return { ...parsed, encrypted: parsed.encrypted.toLowerCase() };
    case "add_stake":
      return { ...parsed, amountRao: amount(parsed.amountRao) };
    case "transfer_stake":
      return { ...parsed, alphaAmount: amount(parsed.alphaAmount) };
  }
}

function callOf(kind: string, values: Record<string, unknown>): unknown {
  const amount = (value: unknown) => (value === undefined ? undefined : BigInt(value as string).toString());
  switch (kind) {
    case "set_commitment": {
      const { fields } = values.info as {
        fields: { timelockEncrypted?: { encrypted: string; revealRound: number } }[];
      };
      const [field, ...more] = fields;
      if (field?.timelockEncrypted === undefined || more.length > 0) return null;
      return { kind, netuid: values.netuid, ...field.timelockEncrypted };
    }
    case "add_stake":
      return { kind, hotkey: values.hotkey, netuid: values.netuid, amountRao: amount(values.amount_staked) };
    default:
      return {
        kind,
        destinationColdkey: values.destination_coldkey,
        hotkey: values.hotkey,
        originNetuid: values.origin_netuid,
        destinationNetuid: values.destination_netuid,
        alphaAmount: amount(values.alpha_amount),
      };
  }
}

/** The arguments by the chain's names, amounts as people read them. */
function callWords(call: ChainCall): UnsignedExtrinsic["decoded"]["arguments"] {
  switch (call.kind) {
    case "set_commitment":
      return [
        { name: "netuid", value: String(call.netuid) },
        { name: "encrypted", value: `${call.encrypted.slice(0, 34)}... (${fromHex(call.encrypted).length} bytes)` },
        { name: "reveal_round", value: String(call.revealRound) },
      ];
    case "add_stake":
      return [
        { name: "hotkey", value: call.hotkey },
        { name: "netuid", value: String(call.netuid) },
        { name: "amount_staked", value: formatAmount(call.amountRao) },
      ];
    case "transfer_stake":
      return [
        { name: "destination_coldkey", value: call.destinationColdkey },
        { name: "hotkey", value: call.hotkey },
        { name: "origin_netuid", value: String(call.originNetuid) },
        { name: "destination_netuid", value: String(call.destinationNetuid) },
        { name: "alpha_amount", value: formatAlpha(call.alphaAmount) },
      ];
  }
}

function plain(codec: Codec): unknown {
  return codec.toJSON();
}

function camelCase(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function notSubtensor(why: string, detail = ""): CrusaderError {
  return new CrusaderError(
    "chain_refused",
    `What answers there is no node of a chain like Bittensor's: ${why}.`,
    "Check the node's address.",
    detail,
  );
}

function changedRuntime(why: string): CrusaderError {
  return new CrusaderError(
    "chain_refused",
    `The chain's runtime is another one than Crusader knows. ${why}`,
    "Look for a newer version of Crusader. Nothing was signed or sent.",
  );
}
