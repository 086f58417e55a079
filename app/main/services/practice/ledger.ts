/** The values of the chain as one block changes them, and the events it leaves. */
import { EXISTENTIAL_DEPOSIT_RAO } from "./metadata.ts";
import { join, ScaleReader, u8, u32, u64, u128, vector } from "./scale.ts";
import { KEYS } from "./storage-keys.ts";

export type State = ReadonlyMap<string, Buffer>;

/** Why a call did nothing: what `DispatchError` is on the chain. */
export class DispatchFailure extends Error {
  readonly encoded: Buffer;

  constructor(encoded: Buffer) {
    super("the call failed");
    this.encoded = encoded;
  }

  static inPallet(pallet: number, error: number): DispatchFailure {
    return new DispatchFailure(Buffer.of(3, pallet, error, 0, 0, 0));
  }

  static token(error: number): DispatchFailure {
    return new DispatchFailure(Buffer.of(7, error));
  }
}

export type Account = { nonce: number; providers: number; free: bigint };

const INITIALIZATION = Buffer.of(2);
const FINALIZATION = Buffer.of(1);
const NO_TOPICS = Buffer.of(0);

export class Ledger {
  readonly #values: Map<string, Buffer>;
  readonly #changed = new Set<string>();
  #events: Buffer[] = [];
  #phase: Buffer = INITIALIZATION;
  /** What was there before the call that is being tried. */
  #before: Map<string, Buffer | undefined> | null = null;

  constructor(parent: State) {
    this.#values = new Map(parent);
  }

  get state(): State {
    return this.#values;
  }

  /** Against the parent; null: it is gone. */
  get changes(): ReadonlyMap<string, Buffer | null> {
    return new Map([...this.#changed].map((key) => [key, this.#values.get(key) ?? null]));
  }

  get(key: string): Buffer | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Buffer): void {
    this.#remember(key);
    this.#values.set(key, value);
  }

  delete(key: string): void {
    this.#remember(key);
    this.#values.delete(key);
  }

  #remember(key: string): void {
    this.#changed.add(key);
    if (this.#before?.has(key) === false) this.#before.set(key, this.#values.get(key));
  }

  /** What happens from now on belongs to this extrinsic of the block; null: to its end. */
  enter(extrinsicIndex: number | null): void {
    this.#phase = extrinsicIndex === null ? FINALIZATION : join(u8(0), u32(extrinsicIndex));
  }

  emit(pallet: number, event: number, ...fields: Uint8Array[]): void {
    this.#events.push(join(this.#phase, Buffer.of(pallet, event), ...fields, NO_TOPICS));
  }

  get eventCount(): number {
    return this.#events.length;
  }

  encodedEvents(): Buffer {
    return vector(this.#events);
  }

  /** All of it, or, where it throws `DispatchFailure`, nothing: then its error, as the chain encodes it. */
  attempt(action: () => void): Buffer | null {
    const eventCount = this.#events.length;
    this.#before = new Map();
    try {
      action();
      return null;
    } catch (error) {
      if (!(error instanceof DispatchFailure)) throw error;
      for (const [key, value] of this.#before) {
        if (value === undefined) this.#values.delete(key);
        else this.#values.set(key, value);
      }
      this.#events = this.#events.slice(0, eventCount);
      return error.encoded;
    } finally {
      this.#before = null;
    }
  }

  number(key: string, fallback = 0n): bigint {
    const value = this.#values.get(key);
    return value === undefined ? fallback : value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }

  account(who: Uint8Array): Account {
    return accountIn(this.#values, who);
  }

  setNonce(who: Uint8Array, nonce: number): void {
    this.#setAccount(who, { ...this.account(who), nonce });
  }

  /** With the event of an account that is new; `emit` what it was for. */
  deposit(who: Uint8Array, rao: bigint): void {
    const account = this.account(who);
    if (account.providers === 0) {
      if (rao < EXISTENTIAL_DEPOSIT_RAO) throw DispatchFailure.token(TOKEN_BELOW_MINIMUM);
      this.emit(SYSTEM, 3, who);
    }
    this.#setAccount(who, { ...account, providers: 1, free: account.free + rao });
  }

  /** Leaves the deposit that keeps an account alive. */
  withdraw(who: Uint8Array, rao: bigint): void {
    const account = this.account(who);
    if (account.free < rao) throw DispatchFailure.token(TOKEN_FUNDS_UNAVAILABLE);
    if (account.free - rao < EXISTENTIAL_DEPOSIT_RAO) throw DispatchFailure.token(TOKEN_NOT_EXPENDABLE);
    this.#setAccount(who, { ...account, free: account.free - rao });
  }

  #setAccount(who: Uint8Array, { nonce, providers, free }: Account): void {
    this.set(
      KEYS.account(who),
      join(u32(nonce), u32(0), u32(providers), u32(0), u64(free), u64(0), u64(0), u128(NEW_LOGIC_FLAG)),
    );
  }
}

export function accountIn(state: State, who: Uint8Array): Account {
  const value = state.get(KEYS.account(who));
  if (value === undefined) return { nonce: 0, providers: 0, free: 0n };
  const reader = new ScaleReader(value);
  const nonce = reader.u32();
  reader.u32();
  const providers = reader.u32();
  reader.u32();
  return { nonce, providers, free: reader.u64() };
}

export const SYSTEM = 0;
/** As all accounts of the real chain have it. */
const NEW_LOGIC_FLAG = 1n << 127n;
const TOKEN_FUNDS_UNAVAILABLE = 0;
const TOKEN_BELOW_MINIMUM = 2;
const TOKEN_NOT_EXPENDABLE = 8;
