/** What the practice network reveals by. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { type Beacon, signRound } from "../timelock/index.ts";
import { bytes, join, u32 } from "./scale.ts";

const KEPT_SIGNATURES = 256;

/** A beacon with its pulses. */
export abstract class PulsingBeacon implements Beacon {
  readonly publicKey: Uint8Array;
  readonly genesisSeconds: number;
  readonly periodSeconds: number;

  constructor({ publicKey, genesisSeconds, periodSeconds }: Beacon) {
    this.publicKey = publicKey;
    this.genesisSeconds = genesisSeconds;
    this.periodSeconds = periodSeconds;
  }

  /** Null: that pulse never arrives. */
  abstract signatureOf(round: number): Uint8Array | null;

  /** The newest that is published at that time. */
  newestRound(timeMs: number): number {
    return Math.floor((timeMs / 1000 - this.genesisSeconds) / this.periodSeconds) + 1;
  }

  /** As `Drand.BeaconConfig` holds it. */
  configuration(): Buffer {
    const none = Buffer.alloc(32);
    return join(
      bytes(this.publicKey),
      u32(this.periodSeconds),
      u32(this.genesisSeconds),
      bytes(none),
      bytes(none),
      bytes(Buffer.from("bls-unchained-g1-rfc9380")),
      bytes(Buffer.from("practice")),
    );
  }
}

/** The practice network's own: as drand's quicknet, but with a key whose secret is known here. */
export class PracticeBeacon extends PulsingBeacon {
  readonly #secret: bigint;
  readonly #signatures = new Map<number, Uint8Array>();

  constructor({ secret, ...pace }: { secret: bigint; genesisSeconds: number; periodSeconds: number }) {
    super({ publicKey: bls12_381.G2.Point.BASE.multiply(secret).toBytes(), ...pace });
    this.#secret = secret;
  }

  /** Made when it is first asked for: most never are. */
  signatureOf(round: number): Uint8Array {
    const known = this.#signatures.get(round);
    if (known !== undefined) return known;
    const signature = signRound(round, this.#secret);
    this.#signatures.set(round, signature);
    const [oldest] = this.#signatures.keys();
    if (this.#signatures.size > KEPT_SIGNATURES && oldest !== undefined) this.#signatures.delete(oldest);
    return signature;
  }
}
