/**
 * The metadata of the practice network's runtime, in versions 14 and 15: what subtensor's runtime has at spec version 343 of what a
 * miner's client reads and sends, under the same names, indices and types. What the node does not do is not in it.
 */
import { bytes, compact, join, option, text, u8, u16, u32, u64, vector } from "./scale.ts";

type TypeId = number;
type Field = { name?: string; type: TypeId; typeName?: string };
type Variant = { name: string; index: number; fields?: readonly Field[] };
type Parameter = { name: string; type: TypeId | null };

const PRIMITIVES = { bool: 0, str: 2, u8: 3, u16: 4, u32: 5, u64: 6, u128: 7 };
const HASHERS = { Blake2_128Concat: 2, Twox64Concat: 5, Identity: 6 };
type Hasher = keyof typeof HASHERS;

/** The types, numbered as they are first asked for; the same definition has one number. */
class TypeTable {
  readonly #numbers = new Map<string, TypeId>();
  readonly #encoded: Buffer[] = [];

  encode(): Buffer {
    return vector(this.#encoded);
  }

  primitive(name: keyof typeof PRIMITIVES): TypeId {
    return this.#add("", [], join(u8(5), u8(PRIMITIVES[name])));
  }

  array(length: number, type: TypeId): TypeId {
    return this.#add("", [], join(u8(3), u32(length), compact(type)));
  }

  sequence(type: TypeId): TypeId {
    return this.#add("", [], join(u8(2), compact(type)));
  }

  tuple(...types: TypeId[]): TypeId {
    return this.#add("", [], join(u8(4), vector(types.map(compact))));
  }

  compact(type: TypeId): TypeId {
    return this.#add("", [], join(u8(6), compact(type)));
  }

  composite(path: string, fields: readonly Field[], parameters: readonly Parameter[] = []): TypeId {
    return this.#add(path, parameters, join(u8(0), vector(fields.map(encodeField))));
  }

  variant(path: string, variants: readonly Variant[], parameters: readonly Parameter[] = []): TypeId {
    const encoded = variants.map(({ name, index, fields = [] }) =>
      join(text(name), vector(fields.map(encodeField)), u8(index), NO_DOCS),
    );
    return this.#add(path, parameters, join(u8(1), vector(encoded)));
  }

  option(type: TypeId): TypeId {
    const variants = [
      { name: "None", index: 0 },
      { name: "Some", index: 1, fields: [{ type }] },
    ];
    return this.variant("Option", variants, [{ name: "T", type }]);
  }

  /** A sequence of limited length: the chain's, which a client reads as any other. */
  bounded(type: TypeId, limit = "S"): TypeId {
    return this.composite(
      "bounded_collections::bounded_vec::BoundedVec",
      [{ type: this.sequence(type), typeName: "Vec<T>" }],
      [
        { name: "T", type },
        { name: limit, type: null },
      ],
    );
  }

  #add(path: string, parameters: readonly Parameter[], definition: Buffer): TypeId {
    const names = path === "" ? [] : path.split("::");
    const encodedParameters = parameters.map(({ name, type }) =>
      join(text(name), option(type === null ? null : compact(type))),
    );
    const encoded = join(vector(names.map(text)), vector(encodedParameters), definition, NO_DOCS);
    const known = this.#numbers.get(encoded.toString("latin1"));
    if (known !== undefined) return known;
    const number = this.#encoded.length;
    this.#numbers.set(encoded.toString("latin1"), number);
    this.#encoded.push(join(compact(number), encoded));
    return number;
  }
}

const NO_DOCS = vector([]);

function encodeField({ name, type, typeName }: Field): Buffer {
  const optionalText = (value: string | undefined) => option(value === undefined ? null : text(value));
  return join(optionalText(name), compact(type), optionalText(typeName), NO_DOCS);
}

type Storage = {
  name: string;
  optional?: true;
  /** Hasher and type of each key; none for a single value. */
  keys?: readonly (readonly [Hasher, TypeId])[];
  value: TypeId;
  /** What is read where nothing is stored. */
  fallback?: Uint8Array;
};
type Pallet = {
  name: string;
  index: number;
  storage?: readonly Storage[];
  calls?: readonly Variant[];
  events?: readonly Variant[];
  constants?: readonly { name: string; type: TypeId; value: Uint8Array }[];
  /** By index, names of the errors that are told. */
  errors?: Readonly<Record<number, string>>;
};

export type MetadataOptions = {
  format?: MetadataFormat;
  /** As `System.Version` tells it, SCALE-encoded. */
  version: Uint8Array;
  /** Of the beacon, where nothing else is stored. */
  beaconConfiguration: Uint8Array;
  /** Signed extensions beside the real ones, of one u8 each: a runtime of which the client does not know what it would sign. */
  unknownExtensions?: readonly string[];
  /** Put upon the index of `Commitments.set_commitment`: a node that does not tell the truth. */
  callIndexOffset?: number;
};

/** Names and errors of the pallets, by index, as `DispatchError::Module` names them. */
export const SUBTENSOR_ERRORS = {
  HotKeyAccountNotExists: 5,
  NotEnoughStakeToWithdraw: 9,
  NotEnoughBalanceToStake: 12,
  SubnetNotExists: 73,
  AmountTooLow: 79,
  InsufficientLiquidity: 80,
} as const;
export const COMMITMENT_ERRORS = {
  TooManyFieldsInCommitmentInfo: 0,
  AccountNotAllowedCommit: 1,
  SpaceLimitExceeded: 2,
  UnexpectedUnreserveLeftover: 3,
} as const;
export const BALANCE_ERRORS = { InsufficientBalance: 2, ExistentialDeposit: 3 } as const;

const TOKEN_ERRORS = [
  "FundsUnavailable",
  "OnlyProvider",
  "BelowMinimum",
  "CannotCreate",
  "UnknownAsset",
  "Frozen",
  "Unsupported",
  "CannotCreateHold",
  "NotExpendable",
  "Blocked",
];

function named(names: readonly string[]): Variant[] {
  return names.map((name, index) => ({ name, index }));
}

function swapped(errors: Readonly<Record<string, number>>): Record<number, string> {
  return Object.fromEntries(Object.entries(errors).map(([name, index]) => [index, name]));
}

const MAGIC = Buffer.from("meta");
/** What all clients read, and what those read that ask the runtime's API by its types. */
export const METADATA_14 = 14;
export const METADATA_15 = 15;
export type MetadataFormat = typeof METADATA_14 | typeof METADATA_15;

/** SCALE-encoded, with magic number and version. */
export function encodeMetadata({
  format = METADATA_14,
  version,
  beaconConfiguration,
  unknownExtensions = [],
  callIndexOffset = 0,
}: MetadataOptions): Buffer {
  const types = new TypeTable();
  const U8 = types.primitive("u8");
  const U16 = types.primitive("u16");
  const U32 = types.primitive("u32");
  const U64 = types.primitive("u64");
  const U128 = types.primitive("u128");
  const BOOL = types.primitive("bool");
  const STR = types.primitive("str");
  const BYTES = types.sequence(U8);
  const BYTES_4 = types.array(4, U8);
  const BYTES_32 = types.array(32, U8);
  const COMPACT_U64 = types.compact(U64);
  const COMPACT_U32 = types.compact(U32);
  const UNIT = types.tuple();
  const ACCOUNT = types.composite("sp_core::crypto::AccountId32", [{ type: BYTES_32, typeName: "[u8; 32]" }]);
  const HASH = types.composite("primitive_types::H256", [{ type: BYTES_32, typeName: "[u8; 32]" }]);

  const accountData = types.composite(
    "pallet_balances::types::AccountData",
    [
      { name: "free", type: U64, typeName: "Balance" },
      { name: "reserved", type: U64, typeName: "Balance" },
      { name: "frozen", type: U64, typeName: "Balance" },
      {
        name: "flags",
        type: types.composite("pallet_balances::types::ExtraFlags", [{ type: U128, typeName: "u128" }]),
        typeName: "ExtraFlags",
      },
    ],
    [{ name: "Balance", type: U64 }],
  );
  const accountInfo = types.composite(
    "frame_system::AccountInfo",
    [
      { name: "nonce", type: U32, typeName: "Nonce" },
      { name: "consumers", type: U32, typeName: "RefCount" },
      { name: "providers", type: U32, typeName: "RefCount" },
      { name: "sufficients", type: U32, typeName: "RefCount" },
      { name: "data", type: accountData, typeName: "AccountData" },
    ],
    [
      { name: "Nonce", type: U32 },
      { name: "AccountData", type: accountData },
    ],
  );
  const digestItem = types.variant("sp_runtime::generic::digest::DigestItem", [
    { name: "PreRuntime", index: 6, fields: engineFields() },
    { name: "Consensus", index: 4, fields: engineFields() },
    { name: "Seal", index: 5, fields: engineFields() },
    { name: "Other", index: 0, fields: [{ type: BYTES, typeName: "Vec<u8>" }] },
    { name: "RuntimeEnvironmentUpdated", index: 8 },
  ]);
  function engineFields(): Field[] {
    return [
      { type: BYTES_4, typeName: "ConsensusEngineId" },
      { type: BYTES, typeName: "Vec<u8>" },
    ];
  }
  const digest = types.composite("sp_runtime::generic::digest::Digest", [
    { name: "logs", type: types.sequence(digestItem), typeName: "Vec<DigestItem>" },
  ]);
  const weight = types.composite("sp_weights::weight_v2::Weight", [
    { name: "ref_time", type: COMPACT_U64, typeName: "u64" },
    { name: "proof_size", type: COMPACT_U64, typeName: "u64" },
  ]);
  const dispatchInfo = types.composite("frame_system::DispatchEventInfo", [
    { name: "weight", type: weight, typeName: "Weight" },
    {
      name: "class",
      type: types.variant(CLASS_PATH, named(CLASSES)),
      typeName: "DispatchClass",
    },
    {
      name: "pays_fee",
      type: types.variant("frame_support::dispatch::Pays", named(["Yes", "No"])),
      typeName: "Pays",
    },
  ]);
  const moduleError = types.composite("sp_runtime::ModuleError", [
    { name: "index", type: U8, typeName: "u8" },
    { name: "error", type: BYTES_4, typeName: "[u8; MAX_MODULE_ERROR_ENCODED_SIZE]" },
  ]);
  const dispatchError = types.variant("sp_runtime::DispatchError", [
    ...named(["Other", "CannotLookup", "BadOrigin"]),
    { name: "Module", index: 3, fields: [{ type: moduleError, typeName: "ModuleError" }] },
    { name: "ConsumerRemaining", index: 4 },
    { name: "NoProviders", index: 5 },
    { name: "TooManyConsumers", index: 6 },
    {
      name: "Token",
      index: 7,
      fields: [{ type: types.variant("sp_runtime::TokenError", named(TOKEN_ERRORS)), typeName: "TokenError" }],
    },
  ]);
  const data = types.variant("pallet_commitments::types::Data", [
    { name: "None", index: 0 },
    ...Array.from({ length: 129 }, (_, length) => ({
      name: `Raw${length}`,
      index: length + 1,
      fields: [{ type: types.array(length, U8) }],
    })),
    ...["BlakeTwo256", "Sha256", "Keccak256", "ShaThree256"].map((name, index) => ({
      name,
      index: 130 + index,
      fields: [{ type: BYTES_32 }],
    })),
    {
      name: "TimelockEncrypted",
      index: 134,
      fields: [
        { name: "encrypted", type: types.bounded(U8) },
        { name: "reveal_round", type: U64 },
      ],
    },
    { name: "ResetBondsFlag", index: 135 },
    { name: "BigRaw", index: 136, fields: [{ type: types.bounded(U8) }] },
  ]);
  const commitmentInfo = types.composite(
    "pallet_commitments::types::CommitmentInfo",
    [{ name: "fields", type: types.bounded(data), typeName: "BoundedVec<Data, FieldLimit>" }],
    [{ name: "FieldLimit", type: null }],
  );
  const registration = types.composite(
    "pallet_commitments::types::Registration",
    [
      { name: "deposit", type: U64, typeName: "Balance" },
      { name: "block", type: U32, typeName: "BlockNumber" },
      { name: "info", type: commitmentInfo, typeName: "CommitmentInfo<MaxFields>" },
    ],
    [
      { name: "Balance", type: U64 },
      { name: "MaxFields", type: null },
      { name: "BlockNumber", type: U32 },
    ],
  );
  const usage = types.composite("pallet_commitments::types::UsageTracker", [
    { name: "last_epoch", type: U64, typeName: "u64" },
    { name: "used_space", type: U64, typeName: "u64" },
  ]);
  const indexKey = types.tuple(U16, ACCOUNT);
  const timelockedIndex = types.composite(
    "BTreeSet",
    [{ type: types.sequence(indexKey) }],
    [{ name: "T", type: indexKey }],
  );
  const beacon = types.composite("pallet_drand::types::BeaconConfiguration", [
    { name: "public_key", type: types.bounded(U8), typeName: "OpaquePublicKey" },
    { name: "period", type: U32, typeName: "u32" },
    { name: "genesis_time", type: U32, typeName: "u32" },
    { name: "hash", type: types.bounded(U8), typeName: "BoundedHash" },
    { name: "group_hash", type: types.bounded(U8), typeName: "BoundedHash" },
    { name: "scheme_id", type: types.bounded(U8), typeName: "BoundedHash" },
    {
      name: "metadata",
      type: types.composite("pallet_drand::types::Metadata", [
        { name: "beacon_id", type: types.bounded(U8), typeName: "BoundedHash" },
      ]),
      typeName: "Metadata",
    },
  ]);
  const pulse = types.composite("pallet_drand::types::Pulse", [
    { name: "round", type: U64, typeName: "RoundNumber" },
    { name: "randomness", type: types.bounded(U8), typeName: "BoundedVec<u8, ConstU32<32>>" },
    { name: "signature", type: types.bounded(U8), typeName: "BoundedVec<u8, ConstU32<144>>" },
  ]);
  const runtimeVersion = types.composite("sp_version::RuntimeVersion", [
    { name: "spec_name", type: STR, typeName: "Cow<'static, str>" },
    { name: "impl_name", type: STR, typeName: "Cow<'static, str>" },
    { name: "authoring_version", type: U32, typeName: "u32" },
    { name: "spec_version", type: U32, typeName: "u32" },
    { name: "impl_version", type: U32, typeName: "u32" },
    { name: "apis", type: types.sequence(types.tuple(types.array(8, U8), U32)), typeName: "ApisVec" },
    { name: "transaction_version", type: U32, typeName: "u32" },
    { name: "system_version", type: U8, typeName: "u8" },
  ]);
  const address = types.variant(
    "sp_runtime::multiaddress::MultiAddress",
    [
      { name: "Id", index: 0, fields: [{ type: ACCOUNT, typeName: "AccountId" }] },
      { name: "Index", index: 1, fields: [{ type: types.compact(UNIT), typeName: "AccountIndex" }] },
      { name: "Raw", index: 2, fields: [{ type: BYTES, typeName: "Vec<u8>" }] },
      { name: "Address32", index: 3, fields: [{ type: BYTES_32, typeName: "[u8; 32]" }] },
      { name: "Address20", index: 4, fields: [{ type: types.array(20, U8), typeName: "[u8; 20]" }] },
    ],
    [
      { name: "AccountId", type: ACCOUNT },
      { name: "AccountIndex", type: UNIT },
    ],
  );
  const signature = types.variant("sp_runtime::MultiSignature", [
    { name: "Ed25519", index: 0, fields: [{ type: types.array(64, U8), typeName: "ed25519::Signature" }] },
    { name: "Sr25519", index: 1, fields: [{ type: types.array(64, U8), typeName: "sr25519::Signature" }] },
    { name: "Ecdsa", index: 2, fields: [{ type: types.array(65, U8), typeName: "ecdsa::Signature" }] },
  ]);

  const byAccount = [["Blake2_128Concat", ACCOUNT]] as const;
  const bySubnet = [["Identity", U16]] as const;
  const bySubnetAndAccount = [
    ["Identity", U16],
    ["Twox64Concat", ACCOUNT],
  ] as const;
  const noAccount = Buffer.alloc(32);

  const pallets: Pallet[] = [
    {
      name: "System",
      index: 0,
      storage: [
        { name: "Account", keys: byAccount, value: accountInfo, fallback: Buffer.alloc(56) },
        { name: "BlockHash", keys: [["Twox64Concat", U32]], value: HASH, fallback: Buffer.alloc(32) },
        { name: "Number", value: U32 },
        { name: "ParentHash", value: HASH, fallback: Buffer.alloc(32) },
        { name: "Digest", value: digest, fallback: compact(0) },
        { name: "Events", value: UNIT, fallback: compact(0) },
        { name: "EventCount", value: U32 },
      ],
      calls: [{ name: "remark", index: 0, fields: [{ name: "remark", type: BYTES, typeName: "Vec<u8>" }] }],
      events: [
        { name: "ExtrinsicSuccess", index: 0, fields: [{ name: "dispatch_info", type: dispatchInfo }] },
        {
          name: "ExtrinsicFailed",
          index: 1,
          fields: [
            { name: "dispatch_error", type: dispatchError, typeName: "DispatchError" },
            { name: "dispatch_info", type: dispatchInfo },
          ],
        },
        { name: "NewAccount", index: 3, fields: [{ name: "account", type: ACCOUNT, typeName: "T::AccountId" }] },
      ],
      constants: [
        { name: "BlockHashCount", type: U32, value: u32(BLOCK_HASH_COUNT) },
        { name: "Version", type: runtimeVersion, value: version },
        { name: "SS58Prefix", type: U16, value: u16(42) },
      ],
    },
    {
      name: "Timestamp",
      index: 2,
      storage: [{ name: "Now", value: U64 }],
      calls: [{ name: "set", index: 0, fields: [{ name: "now", type: COMPACT_U64, typeName: "T::Moment" }] }],
      constants: [{ name: "MinimumPeriod", type: U64, value: u64(6000) }],
    },
    {
      name: "Balances",
      index: 5,
      storage: [{ name: "TotalIssuance", value: U64 }],
      calls: [
        { name: "transfer_allow_death", index: 0, fields: transferFields() },
        { name: "transfer_keep_alive", index: 3, fields: transferFields() },
      ],
      events: [
        {
          name: "Transfer",
          index: 2,
          fields: [
            { name: "from", type: ACCOUNT, typeName: "T::AccountId" },
            { name: "to", type: ACCOUNT, typeName: "T::AccountId" },
            { name: "amount", type: U64, typeName: "T::Balance" },
          ],
        },
        { name: "Deposit", index: 7, fields: amountFields() },
        { name: "Withdraw", index: 8, fields: amountFields() },
      ],
      constants: [{ name: "ExistentialDeposit", type: U64, value: u64(EXISTENTIAL_DEPOSIT_RAO) }],
      errors: swapped(BALANCE_ERRORS),
    },
    {
      name: "TransactionPayment",
      index: 6,
      events: [
        {
          name: "TransactionFeePaid",
          index: 0,
          fields: [
            { name: "who", type: ACCOUNT, typeName: "T::AccountId" },
            { name: "actual_fee", type: U64, typeName: "BalanceOf<T>" },
            { name: "tip", type: U64, typeName: "BalanceOf<T>" },
          ],
        },
      ],
    },
    {
      name: "SubtensorModule",
      index: 7,
      storage: [
        { name: "Owner", keys: byAccount, value: ACCOUNT, fallback: noAccount },
        { name: "SubnetTAO", keys: bySubnet, value: U64 },
        { name: "SubnetAlphaIn", keys: bySubnet, value: U64 },
        { name: "Tempo", keys: bySubnet, value: U16, fallback: u16(360) },
        { name: "SubnetworkN", keys: bySubnet, value: U16 },
        { name: "NetworksAdded", keys: bySubnet, value: BOOL },
        { name: "TokenSymbol", keys: bySubnet, value: BYTES, fallback: text("\u{1d70f}") },
        {
          name: "IsNetworkMember",
          keys: [
            ["Blake2_128Concat", ACCOUNT],
            ["Identity", U16],
          ],
          value: BOOL,
        },
        { name: "RegistrationsThisInterval", keys: bySubnet, value: U16 },
        { name: "Burn", keys: bySubnet, value: U64, fallback: u64(100_000_000) },
        {
          name: "Uids",
          optional: true,
          keys: [
            ["Identity", U16],
            ["Blake2_128Concat", ACCOUNT],
          ],
          value: U16,
        },
        {
          name: "Keys",
          keys: [
            ["Identity", U16],
            ["Identity", U16],
          ],
          value: ACCOUNT,
          fallback: noAccount,
        },
        { name: "LastUpdate", keys: bySubnet, value: types.sequence(U64), fallback: compact(0) },
        {
          name: "BlockAtRegistration",
          keys: [
            ["Identity", U16],
            ["Identity", U16],
          ],
          value: U64,
        },
      ],
      calls: [
        {
          name: "add_stake",
          index: 2,
          fields: [
            { name: "hotkey", type: ACCOUNT, typeName: "T::AccountId" },
            { name: "netuid", type: U16, typeName: "NetUid" },
            { name: "amount_staked", type: U64, typeName: "TaoCurrency" },
          ],
        },
        {
          name: "transfer_stake",
          index: 86,
          fields: [
            { name: "destination_coldkey", type: ACCOUNT, typeName: "T::AccountId" },
            { name: "hotkey", type: ACCOUNT, typeName: "T::AccountId" },
            { name: "origin_netuid", type: U16, typeName: "NetUid" },
            { name: "destination_netuid", type: U16, typeName: "NetUid" },
            { name: "alpha_amount", type: U64, typeName: "AlphaCurrency" },
          ],
        },
      ],
      events: [
        {
          name: "StakeAdded",
          index: 2,
          fields: [ACCOUNT, ACCOUNT, U64, U64, U16, U64].map((type) => ({ type })),
        },
        { name: "NeuronRegistered", index: 6, fields: [U16, U16, ACCOUNT].map((type) => ({ type })) },
        {
          name: "StakeTransferred",
          index: 85,
          fields: [ACCOUNT, ACCOUNT, ACCOUNT, U16, U16, U64].map((type) => ({ type })),
        },
      ],
      errors: swapped(SUBTENSOR_ERRORS),
    },
    {
      name: "Commitments",
      index: 18,
      storage: [
        { name: "TimelockedIndex", value: timelockedIndex, fallback: compact(0) },
        { name: "CommitmentOf", optional: true, keys: bySubnetAndAccount, value: registration },
        { name: "LastCommitment", optional: true, keys: bySubnetAndAccount, value: U32 },
        { name: "LastBondsReset", optional: true, keys: bySubnetAndAccount, value: U32 },
        {
          name: "RevealedCommitments",
          optional: true,
          keys: bySubnetAndAccount,
          value: types.sequence(types.tuple(BYTES, U64)),
        },
        { name: "UsedSpaceOf", optional: true, keys: bySubnetAndAccount, value: usage },
        { name: "MaxSpace", value: U32, fallback: u32(3100) },
      ],
      calls: [
        {
          name: "set_commitment",
          index: callIndexOffset,
          fields: [
            { name: "netuid", type: U16, typeName: "NetUid" },
            { name: "info", type: commitmentInfo, typeName: "Box<CommitmentInfo<T::MaxFields>>" },
          ],
        },
      ],
      events: [
        { name: "Commitment", index: 0, fields: committedFields() },
        {
          name: "TimelockCommitment",
          index: 1,
          fields: [...committedFields(), { name: "reveal_round", type: U64, typeName: "u64" }],
        },
        { name: "CommitmentRevealed", index: 2, fields: committedFields() },
      ],
      constants: [
        { name: "MaxFields", type: U32, value: u32(3) },
        { name: "InitialDeposit", type: U64, value: u64(0) },
        { name: "FieldDeposit", type: U64, value: u64(0) },
      ],
      errors: swapped(COMMITMENT_ERRORS),
    },
    {
      name: "Drand",
      index: 26,
      storage: [
        { name: "BeaconConfig", value: beacon, fallback: beaconConfiguration },
        { name: "Pulses", optional: true, keys: [["Blake2_128Concat", U64]], value: pulse },
        { name: "LastStoredRound", value: U64 },
        { name: "OldestStoredRound", value: U64 },
      ],
      events: [
        {
          name: "NewPulse",
          index: 1,
          fields: [{ name: "rounds", type: types.sequence(U64), typeName: "Vec<RoundNumber>" }],
        },
      ],
    },
  ];

  function transferFields(): Field[] {
    return [
      { name: "dest", type: address, typeName: "AccountIdLookupOf<T>" },
      { name: "value", type: COMPACT_U64, typeName: "T::Balance" },
    ];
  }
  function amountFields(): Field[] {
    return [
      { name: "who", type: ACCOUNT, typeName: "T::AccountId" },
      { name: "amount", type: U64, typeName: "T::Balance" },
    ];
  }
  function committedFields(): Field[] {
    return [
      { name: "netuid", type: U16, typeName: "NetUid" },
      { name: "who", type: ACCOUNT, typeName: "T::AccountId" },
    ];
  }

  // The enums over all pallets come after those of each, and the list of events after its records' type.
  const parts = pallets.map((pallet) => ({
    pallet,
    calls:
      pallet.calls === undefined
        ? null
        : types.variant(`${crateOf(pallet)}::pallet::Call`, pallet.calls, [{ name: "T", type: null }]),
    events:
      pallet.events === undefined
        ? null
        : types.variant(`${crateOf(pallet)}::pallet::Event`, pallet.events, [{ name: "T", type: null }]),
    errors:
      pallet.errors === undefined
        ? null
        : types.variant(
            `${crateOf(pallet)}::pallet::Error`,
            Object.entries(pallet.errors).map(([index, name]) => ({ name, index: Number(index) })),
            [{ name: "T", type: null }],
          ),
  }));
  const overPallets = (path: string, kind: "calls" | "events" | "errors") =>
    types.variant(
      path,
      parts.flatMap(({ pallet: { name, index }, [kind]: type }) =>
        type === null ? [] : [{ name, index, fields: [{ type }] }],
      ),
    );
  const call = overPallets("node_subtensor_runtime::RuntimeCall", "calls");
  const event = overPallets("node_subtensor_runtime::RuntimeEvent", "events");
  const error = overPallets("node_subtensor_runtime::RuntimeError", "errors");
  const phase = types.variant("frame_system::Phase", [
    { name: "ApplyExtrinsic", index: 0, fields: [{ type: U32, typeName: "u32" }] },
    { name: "Finalization", index: 1 },
    { name: "Initialization", index: 2 },
  ]);
  const events = types.sequence(
    types.composite(
      "frame_system::EventRecord",
      [
        { name: "phase", type: phase, typeName: "Phase" },
        { name: "event", type: event, typeName: "E" },
        { name: "topics", type: types.sequence(HASH), typeName: "Vec<T>" },
      ],
      [
        { name: "E", type: event },
        { name: "T", type: HASH },
      ],
    ),
  );

  const empty = (path: string) => types.composite(path, [], [{ name: "T", type: null }]);
  const wrapping = (path: string, type: TypeId, typeName: string) =>
    types.composite(path, [{ type, typeName }], [{ name: "T", type: null }]);
  const era = types.variant("sp_runtime::generic::era::Era", [
    { name: "Immortal", index: 0 },
    ...Array.from({ length: 255 }, (_, index) => ({
      name: `Mortal${index + 1}`,
      index: index + 1,
      fields: [{ type: U8 }],
    })),
  ]);
  const mode = types.variant("frame_metadata_hash_extension::Mode", named(["Disabled", "Enabled"]));
  const extensions: [identifier: string, extra: TypeId, additional: TypeId][] = [
    ["CheckNonZeroSender", empty("frame_system::extensions::check_non_zero_sender::CheckNonZeroSender"), UNIT],
    ["CheckSpecVersion", empty("frame_system::extensions::check_spec_version::CheckSpecVersion"), U32],
    ["CheckTxVersion", empty("frame_system::extensions::check_tx_version::CheckTxVersion"), U32],
    ["CheckGenesis", empty("frame_system::extensions::check_genesis::CheckGenesis"), HASH],
    ["CheckMortality", wrapping("frame_system::extensions::check_mortality::CheckMortality", era, "Era"), HASH],
    ["CheckNonce", wrapping("node_subtensor_runtime::check_nonce::CheckNonce", COMPACT_U32, "T::Nonce"), UNIT],
    ["CheckWeight", empty("frame_system::extensions::check_weight::CheckWeight"), UNIT],
    [
      "ChargeTransactionPayment",
      wrapping("pallet_transaction_payment::ChargeTransactionPayment", COMPACT_U64, "BalanceOf<T>"),
      UNIT,
    ],
    [
      "SubtensorTransactionExtension",
      empty("pallet_subtensor::transaction_extension::SubtensorTransactionExtension"),
      UNIT,
    ],
    ["DrandPriority", empty("pallet_drand::drand_priority::DrandPriority"), UNIT],
    [
      "CheckMetadataHash",
      types.composite(
        "frame_metadata_hash_extension::CheckMetadataHash",
        [{ name: "mode", type: mode, typeName: "Mode" }],
        [{ name: "T", type: null }],
      ),
      types.option(BYTES_32),
    ],
    ...unknownExtensions.map((name): [string, TypeId, TypeId] => [
      name,
      wrapping(`node_subtensor_runtime::${name}`, U8, "u8"),
      UNIT,
    ]),
  ];
  const extra = types.tuple(...extensions.map(([, type]) => type));
  const extrinsicParameters = [
    { name: "Address", type: address },
    { name: "Call", type: call },
    { name: "Signature", type: signature },
  ];
  const extrinsic = types.composite(
    "fp_self_contained::unchecked_extrinsic::UncheckedExtrinsic",
    [
      {
        type: types.composite(
          "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic",
          [{ type: BYTES }],
          [...extrinsicParameters, { name: "Extra", type: extra }],
        ),
        typeName: "generic::UncheckedExtrinsic<Address, Call, Signature, Extension>",
      },
    ],
    [...extrinsicParameters, { name: "Extension", type: extra }],
  );
  const runtime = types.composite("node_subtensor_runtime::Runtime", []);

  const encodedStorage = ({ name: pallet }: Pallet, { name, optional, keys = [], value, fallback }: Storage) => {
    const type = pallet === "System" && name === "Events" ? events : value;
    const key = keys.length === 1 ? (keys[0]?.[1] ?? UNIT) : types.tuple(...keys.map(([, keyType]) => keyType));
    return join(
      text(name),
      u8(optional === true ? 0 : 1),
      keys.length === 0
        ? join(u8(0), compact(type))
        : join(u8(1), vector(keys.map(([hasher]) => u8(HASHERS[hasher]))), compact(key), compact(type)),
      bytes(fallback ?? zeroOf(type)),
      NO_DOCS,
    );
  };
  const zeros = new Map([
    [U16, u16(0)],
    [U32, u32(0)],
    [U64, u64(0)],
    [BOOL, u8(0)],
  ]);
  function zeroOf(type: TypeId): Buffer {
    return zeros.get(type) ?? u8(0);
  }

  const dispatchClass = types.variant(CLASS_PATH, named(CLASSES));
  const fee = types.composite(
    "pallet_transaction_payment::types::RuntimeDispatchInfo",
    [
      { name: "weight", type: weight, typeName: "Weight" },
      { name: "class", type: dispatchClass, typeName: "DispatchClass" },
      { name: "partial_fee", type: U64, typeName: "Balance" },
    ],
    [
      { name: "Balance", type: U64 },
      { name: "Weight", type: weight },
    ],
  );
  const stakeInfo = types.composite(
    "pallet_subtensor::rpc_info::stake_info::StakeInfo",
    [
      { name: "hotkey", type: ACCOUNT, typeName: "AccountId" },
      { name: "coldkey", type: ACCOUNT, typeName: "AccountId" },
      { name: "netuid", type: types.compact(U16), typeName: "Compact<NetUid>" },
      ...["stake", "locked", "emission", "tao_emission", "drain"].map((name) => ({ name, type: COMPACT_U64 })),
      { name: "is_registered", type: BOOL, typeName: "bool" },
    ],
    [{ name: "AccountId", type: ACCOUNT }],
  );
  // The fields that the public SDK reads of it.
  const simulatedSwap = types.composite(
    "pallet_subtensor_swap_runtime_api::SimSwapResult",
    ["tao_amount", "alpha_amount", "tao_fee", "alpha_fee"].map((name) => ({ name, type: U64, typeName: "u64" })),
  );
  const runtimeApis: RuntimeApi[] = [
    { name: "Core", methods: [{ name: "version", inputs: [], output: runtimeVersion }] },
    {
      name: "AccountNonceApi",
      methods: [{ name: "account_nonce", inputs: [["account", ACCOUNT]], output: U32 }],
    },
    {
      name: "TransactionPaymentApi",
      methods: [
        {
          name: "query_info",
          inputs: [
            ["uxt", extrinsic],
            ["len", U32],
          ],
          output: fee,
        },
      ],
    },
    {
      name: "StakeInfoRuntimeApi",
      methods: [
        {
          name: "get_stake_info_for_hotkey_coldkey_netuid",
          inputs: [
            ["hotkey_account", ACCOUNT],
            ["coldkey_account", ACCOUNT],
            ["netuid", U16],
          ],
          output: types.option(stakeInfo),
        },
      ],
    },
    {
      name: "SwapRuntimeApi",
      methods: [
        { name: "current_alpha_price", inputs: [["netuid", U16]], output: U64 },
        {
          name: "sim_swap_tao_for_alpha",
          inputs: [
            ["netuid", U16],
            ["tao", U64],
          ],
          output: simulatedSwap,
        },
        {
          name: "sim_swap_alpha_for_tao",
          inputs: [
            ["netuid", U16],
            ["alpha", U64],
          ],
          output: simulatedSwap,
        },
      ],
    },
  ];

  const isLong = format === METADATA_15;
  // Before the list of types is written: keys of several parts make types of their own.
  const encodedPallets = parts.map(({ pallet, calls, events: ownEvents, errors }) =>
    join(
      text(pallet.name),
      option(
        pallet.storage === undefined
          ? null
          : join(text(pallet.name), vector(pallet.storage.map((item) => encodedStorage(pallet, item)))),
      ),
      option(calls === null ? null : compact(calls)),
      option(ownEvents === null ? null : compact(ownEvents)),
      vector(
        (pallet.constants ?? []).map(({ name, type, value }) => join(text(name), compact(type), bytes(value), NO_DOCS)),
      ),
      option(errors === null ? null : compact(errors)),
      u8(pallet.index),
      ...(isLong ? [NO_DOCS] : []),
    ),
  );
  const encodedExtensions = vector(
    extensions.map(([identifier, type, additional]) => join(text(identifier), compact(type), compact(additional))),
  );
  return join(
    MAGIC,
    u8(format),
    types.encode(),
    vector(encodedPallets),
    ...(isLong
      ? [u8(EXTRINSIC_FORMAT), ...[address, call, signature, extra].map(compact), encodedExtensions]
      : [compact(extrinsic), u8(EXTRINSIC_FORMAT), encodedExtensions]),
    compact(runtime),
    ...(isLong ? [vector(runtimeApis.map(encodedApi)), ...[call, event, error].map(compact), NOTHING_CUSTOM] : []),
  );
}

/** Of the runtime's API; only version 15 tells it. */
type RuntimeApi = {
  name: string;
  methods: readonly { name: string; inputs: readonly (readonly [name: string, type: TypeId])[]; output: TypeId }[];
};

function encodedApi({ name, methods }: RuntimeApi): Buffer {
  const encoded = methods.map(({ name: method, inputs, output }) =>
    join(
      text(method),
      vector(inputs.map(([input, type]) => join(text(input), compact(type)))),
      compact(output),
      NO_DOCS,
    ),
  );
  return join(text(name), vector(encoded), NO_DOCS);
}

const NOTHING_CUSTOM = vector([]);
const CLASS_PATH = "frame_support::dispatch::DispatchClass";
const CLASSES = ["Normal", "Operational", "Mandatory"];

export const BLOCK_HASH_COUNT = 2400;
export const EXISTENTIAL_DEPOSIT_RAO = 500n;
export const EXTRINSIC_FORMAT = 4;

function crateOf({ name }: Pallet): string {
  if (name === "System") return "frame_system";
  return `pallet_${name === "SubtensorModule" ? "subtensor" : name.replaceAll(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()}`;
}
