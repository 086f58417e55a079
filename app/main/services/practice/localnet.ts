/**
 * The public localnet container (spec/chain.md, "Networks"): a subtensor chain of one's own on this machine, which
 * `--network local` reaches. Its image is large and others', so it is fetched only when asked.
 */
import { LOCALNET_IMAGE } from "../../../common/addresses.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { LocalnetStatus } from "../../../common/localnet.ts";
import { type CreateOptions, Engine, findEndpoint, type Surroundings } from "../engine/index.ts";

export const LOCALNET_ENDPOINT = "ws://127.0.0.1:9944";

const CONTAINER_NAME = "crusader-localnet";
/** Not `crusader.home`, by which containers of runs are known, and removed. */
const LABELS = { "crusader.localnet": "1" };
const PORTS = [9944, 9945];
const STOP_GRACE_SECONDS = 10;

export type LocalnetOptions = {
  /** Where engines are looked for; for tests. */
  surroundings?: Surroundings;
};

export class Localnet {
  readonly #options: LocalnetOptions;

  constructor(options: LocalnetOptions = {}) {
    this.#options = options;
  }

  /** `engine`: a Docker context, "default" or "podman". Throws as an engine's calls do, and `unsupported` for one elsewhere. */
  async status(engine?: string): Promise<LocalnetStatus> {
    return this.#with(engine, status);
  }

  /** Fetches the image. `onProgress` gets bytes. Throws `engine_failed`, or the signal's reason. */
  async pull(
    engine: string | undefined,
    onProgress: (bytes: { done: number; total: number }) => void,
    signal?: AbortSignal,
  ): Promise<LocalnetStatus> {
    return this.#with(engine, async (found) => {
      await found.pull(LOCALNET_IMAGE, onProgress, signal);
      return status(found);
    });
  }

  /** One that runs is left as it is. Throws `image_missing`, and `conflict` where something else has its ports. */
  async start(engine?: string): Promise<LocalnetStatus> {
    return this.#with(engine, async (found) => {
      const before = await status(found);
      if (before.state === "running") return before;
      if (!before.hasImage) {
        throw new CrusaderError(
          "image_missing",
          `The image ${LOCALNET_IMAGE} is not on the engine ${found.endpoint.name}.`,
          "Fetch it: crusader practice localnet pull. Or practise without it: crusader practice start.",
        );
      }
      await remove(found);
      const id = await found.create(containerOptions());
      try {
        await found.start(id);
      } catch (error) {
        await found.removeContainer(id);
        throw portsTaken(error) ?? error;
      }
      return status(found);
    });
  }

  /** Ends and removes it, with its chain; none is no error. */
  async stop(engine?: string): Promise<LocalnetStatus> {
    return this.#with(engine, async (found) => {
      await remove(found);
      return status(found);
    });
  }

  async #with<T>(name: string | undefined, work: (engine: Engine) => Promise<T>): Promise<T> {
    const endpoint = findEndpoint(name, this.#options.surroundings);
    if (!/^(?:unix|npipe):/.test(endpoint.address)) {
      throw new CrusaderError(
        "unsupported",
        `The engine ${endpoint.name} is reached over a network (${endpoint.address}): a chain there would not be this machine's.`,
        "Choose an engine of this machine with --engine, or give the endpoint of a node there as the network.",
      );
    }
    const engine = new Engine(endpoint);
    try {
      return await work(engine);
    } finally {
      engine.close();
    }
  }
}

/** What the container is made from: reached from this machine only, without rights beyond its own user's, bounded. */
export function containerOptions(): CreateOptions {
  const ports = PORTS.map((port) => `${port}/tcp`);
  return {
    name: CONTAINER_NAME,
    Image: LOCALNET_IMAGE,
    Labels: LABELS,
    ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])),
    HostConfig: {
      PortBindings: Object.fromEntries(
        PORTS.map((port) => [`${port}/tcp`, [{ HostIp: "127.0.0.1", HostPort: String(port) }]]),
      ),
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: 4096,
      LogConfig: { Type: "json-file", Config: { "max-size": "16m", "max-file": "2" } },
    },
  };
}

async function status(engine: Engine): Promise<LocalnetStatus> {
  const [image, containers] = await Promise.all([engine.image(LOCALNET_IMAGE), engine.containers(LABELS)]);
  const states = await Promise.all(containers.map(({ id }) => engine.container(id)));
  const isRunning = states.some((state) => state?.running === true);
  return {
    engine: engine.endpoint.name,
    endpoint: LOCALNET_ENDPOINT,
    image: LOCALNET_IMAGE,
    hasImage: image !== null,
    state: isRunning ? "running" : containers.length > 0 ? "ended" : "none",
  };
}

async function remove(engine: Engine): Promise<void> {
  for (const { id } of await engine.containers(LABELS)) {
    await engine.stop(id, STOP_GRACE_SECONDS);
    await engine.removeContainer(id);
  }
}

function portsTaken(error: unknown): CrusaderError | null {
  if (!(error instanceof CrusaderError) || !/port is already allocated|address already in use/i.test(error.message)) {
    return null;
  }
  return new CrusaderError(
    "conflict",
    `Something else listens on port ${PORTS.join(" or ")} of this machine.`,
    "Perhaps a chain runs there already: use it as the network local, or stop it.",
    error.message,
  );
}
