/** The connections of one process: one a network, shared by all who ask. What they are made of is loaded with the first. */
import type { ChainStatus, Network } from "../../../common/chain.ts";
import type { Chain, NetworkPlace } from "./chain.ts";
import type { LinkLimits, NodeLink } from "./node-link.ts";

export type ChainsOptions = {
  /** Where a network is. Throws where it is nowhere: no practice network runs, ... */
  resolve: (network: Network) => NetworkPlace | Promise<NetworkPlace>;
  /** This machine's clock, in milliseconds since 1970. */
  now?: () => number;
  /** For tests. */
  limits?: Partial<LinkLimits>;
};

export class Chains {
  readonly #options: Required<ChainsOptions>;
  readonly #links = new Map<Network, NodeLink>();
  #isClosed = false;

  constructor({ resolve, now = Date.now, limits = {} }: ChainsOptions) {
    this.#options = { resolve, now, limits };
  }

  /**
   * A chain that stays the same: where another one answers under its name later, every method of this one throws
   * `chain_refused`. Throws `chain_unreachable`, `chain_refused`; `cancelled` where `signal` ends it first.
   */
  async open(network: Network, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Chain> {
    const { NodeChain, chainError } = await import("./node.ts");
    const link = await this.#link(network);
    try {
      const { place, genesisHash } = await link.use(signal);
      return new NodeChain(network, place, genesisHash, link);
    } catch (error) {
      throw chainError(error, network);
    }
  }

  /** How the connection stands, and again whenever that changed. It is opened, and kept as long as somebody watches. */
  async *watch(network: Network, signal: AbortSignal | undefined): AsyncGenerator<ChainStatus> {
    // A link ends by itself only when another chain answers: that one is looked at next.
    while (signal?.aborted !== true && !this.#isClosed) {
      const link = await this.#link(network);
      yield* link.watch(signal);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map((link) => link.close()));
  }

  async #link(network: Network): Promise<NodeLink> {
    const { NodeLink, CLOSED, DEFAULT_LIMITS } = await import("./node.ts");
    if (this.#isClosed) throw CLOSED;
    const known = this.#links.get(network);
    if (known !== undefined && known.over === null) return known;
    const link = new NodeLink({
      network,
      ...this.#options,
      limits: { ...DEFAULT_LIMITS, ...this.#options.limits },
    });
    this.#links.set(network, link);
    return link;
  }
}
