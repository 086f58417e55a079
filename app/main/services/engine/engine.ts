/**
 * One container engine (Docker's API, as Docker and Podman speak it): the few calls that runs need, each with a time
 * limit, its answer checked, its failure in words.
 */
import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import { join } from "node:path";
import type { Duplex, Readable } from "node:stream";
import type Dockerode from "dockerode";
import { z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import { Demultiplexer, type StreamName } from "./demultiplex.ts";
import type { Endpoint } from "./endpoints.ts";
import { EngineRefusal, endless, engineError, malformed, tooSlow } from "./errors.ts";
import { type SshAgent, SshConnections } from "./ssh.ts";

export type EngineImage = {
  id: string;
  /** "name:tag"; none where another image has taken them. */
  tags: string[];
  labels: Record<string, string>;
  sizeBytes: number;
  createdAt: Date;
};

/** What a container is made from, as the engine's API names it. */
export type CreateOptions = Dockerode.ContainerCreateOptions & { name: string; Image: string };

export type EngineFacts = {
  /** Differs between engines, and stays with one. */
  id: string;
  /** The host's name. */
  host: string;
  version: string;
  system: string;
  cores: number;
  memoryBytes: number;
  runtimes: string[];
  /** Devices by the Container Device Interface, where the engine tells. */
  hasCdi: boolean;
  rootless: boolean;
  /** Where, on its host, it keeps images and containers; "" where it does not tell. */
  dataFolder: string;
  /** Milliseconds since 1970 by its own clock, when it answered; null where it does not tell. */
  timeMs: number | null;
  /** Whether it filters the system calls of containers by default. */
  seccomp: boolean;
};

export type ContainerState = {
  id: string;
  status: string;
  running: boolean;
  exitCode: number;
  outOfMemory: boolean;
  /** Why it could not be started, in the engine's words. */
  error: string;
  /** Processes that were started in it beside its own. */
  execIds: string[];
};

type Clients = { streams: Dockerode; wholeAnswers: Dockerode };

export type EngineOptions = { callMs?: number; ssh?: SshConnections | undefined; asks?: boolean };

export type Removed = { kind: "container" | "network"; name: string };
export type Labelled = { id: string; name: string; labels: Record<string, string> };

const CALL_MS = 15_000;
/** Of an answer that is read whole: far above any. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
/** Unpacking an image's layers and setting up a GPU take their time. */
const START_MS = 60_000;
/** Of a registry, between two words. */
const PULL_SILENCE_MS = 300_000;
/** Far above any line of an engine's. */
const MAX_LINE_CHARACTERS = 64 * 1024;

const named = z.record(z.string(), z.string()).nullish();
const infoSchema = z.object({
  ID: z.string(),
  Name: z.string().default(""),
  ServerVersion: z.string(),
  OperatingSystem: z.string().default(""),
  Architecture: z.string().default(""),
  NCPU: z.number().default(0),
  MemTotal: z.number().default(0),
  Runtimes: z.record(z.string(), z.unknown()).nullish(),
  CDISpecDirs: z.array(z.string()).nullish(),
  SecurityOptions: z.array(z.string()).nullish(),
  DockerRootDir: z.string().default(""),
  SystemTime: z.string().default(""),
});
const imageSchema = z.object({ Id: z.string(), Config: z.object({ Labels: named }).nullish() });
const imagesSchema = z.array(
  z.object({
    Id: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Labels: named,
    Size: z.number().nonnegative(),
    /** Seconds since 1970. */
    Created: z.number(),
  }),
);
const inspectSchema = z.object({
  Id: z.string(),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    ExitCode: z.number(),
    OOMKilled: z.boolean().default(false),
    Error: z.string().default(""),
  }),
  ExecIDs: z.array(z.string()).nullish(),
});
/** A line of a pull; a layer's `total` is in it while that layer is fetched or unpacked. */
const pullLineSchema = z.object({
  error: z.string().optional(),
  id: z.string().optional(),
  progressDetail: z.object({ current: z.number().optional(), total: z.number().optional() }).nullish(),
});
const containersSchema = z.array(z.object({ Id: z.string(), Names: z.array(z.string()).nullish(), Labels: named }));
const networksSchema = z.array(z.object({ Id: z.string(), Name: z.string(), Labels: named }));

export class Engine {
  readonly endpoint: Endpoint;
  readonly #callMs: number;
  readonly #sharedSsh: SshConnections | undefined;
  readonly #asks: boolean;
  /** Tells those who wait for an answer that it has no end. */
  readonly #waiting = new Set<(error: CrusaderError) => void>();
  #docker: Promise<Clients> | null = null;
  #ssh: { connections: SshConnections; agents: SshAgent[] } | null = null;

  /**
   * Connects at the first call. `callMs`: the time limit of most calls; `ssh`: the connections it shares with others;
   * `asks`: whether a person may be asked on the way there.
   */
  constructor(endpoint: Endpoint, { callMs = CALL_MS, ssh, asks = true }: EngineOptions = {}) {
    this.endpoint = endpoint;
    this.#callMs = callMs;
    this.#sharedSsh = ssh;
    this.#asks = asks;
  }

  /** Ends what is open; a later call connects anew. */
  close(): void {
    for (const agent of this.#ssh?.agents ?? []) agent.destroy();
    if (this.#sharedSsh === undefined) void this.#ssh?.connections.close();
    this.#ssh = null;
    this.#docker = null;
  }

  async facts(): Promise<EngineFacts> {
    const info = await this.#call(
      "info",
      infoSchema,
      (
        docker,
        abortSignal, // Its type lacks the options.
      ) => Reflect.apply(docker.info, docker, [{ abortSignal }]),
    );
    return {
      id: info.ID,
      host: info.Name,
      version: info.ServerVersion,
      system: `${info.OperatingSystem} ${info.Architecture}`.trim(),
      cores: info.NCPU,
      memoryBytes: info.MemTotal,
      runtimes: Object.keys(info.Runtimes ?? {}),
      hasCdi: (info.CDISpecDirs ?? []).length > 0,
      rootless: (info.SecurityOptions ?? []).some((option) => option.includes("rootless")),
      dataFolder: info.DockerRootDir,
      timeMs: Number.isNaN(Date.parse(info.SystemTime)) ? null : Date.parse(info.SystemTime),
      seccomp: (info.SecurityOptions ?? []).some(
        (option) => option.includes("name=seccomp") && !option.includes("profile=unconfined"),
      ),
    };
  }

  /** Whether it is Podman, which speaks Docker's API. */
  async isPodman(): Promise<boolean> {
    const versionSchema = z.object({ Components: z.array(z.object({ Name: z.string() })).nullish() });
    const { Components } = await this.#call(
      "version",
      versionSchema,
      (docker, abortSignal) => Reflect.apply(docker.version, docker, [{ abortSignal }]), // Its type lacks the options.
    );
    return (Components ?? []).some(({ Name }) => Name.startsWith("Podman"));
  }

  /** Null where there is no image of that name. */
  async image(reference: string): Promise<{ id: string; labels: Record<string, string> } | null> {
    const image = await this.#orNull(
      this.#call("image inspect", imageSchema, (docker, abortSignal) =>
        docker.getImage(reference).inspect({ abortSignal } as object),
      ),
    );
    return image === null ? null : { id: image.Id, labels: image.Config?.Labels ?? {} };
  }

  /** Images with a label of that name, the newest first. */
  async images(label: string): Promise<EngineImage[]> {
    const found = await this.#call("image ls", imagesSchema, (docker, abortSignal) =>
      docker.listImages({ filters: { label: [label] }, abortSignal }),
    );
    return found
      .map(({ Id, RepoTags, Labels, Size, Created }) => ({
        id: Id,
        tags: (RepoTags ?? []).filter((tag) => tag !== "<none>:<none>"),
        labels: Labels ?? {},
        sizeBytes: Size,
        createdAt: new Date(Created * 1000),
      }))
      .filter(({ labels }) => label in labels)
      .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  /**
   * Fetches an image from its registry, without signing in there. `onProgress` gets bytes: of the layers so far, and of all that
   * are known. Throws `engine_failed` with the words of engine or registry, and the signal's reason.
   */
  async pull(
    reference: string,
    onProgress: (bytes: { done: number; total: number }) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const body = await this.#limited(
      async (docker, abortSignal) => (await docker.pull(reference, { abortSignal })) as unknown as Readable,
      START_MS,
    );
    const stop = () => body.destroy(signal?.reason);
    signal?.addEventListener("abort", stop);
    if (signal?.aborted === true) stop();
    // A registry that says nothing more would otherwise be waited for without end.
    const silence = setTimeout(() => body.destroy(tooSlow(this.endpoint, PULL_SILENCE_MS)), PULL_SILENCE_MS);
    const layers = new Map<string, { current: number; total: number }>();
    try {
      for await (const line of linesOf(body)) {
        silence.refresh();
        const { error, id, progressDetail } = pullLineSchema.safeParse(parsedJson(line)).data ?? {};
        if (error !== undefined) {
          const hint = "Check this machine's network and the image's name. What was fetched of it is kept.";
          throw new CrusaderError("engine_failed", `The image ${reference} cannot be fetched: ${error}`, hint);
        }
        if (id === undefined || progressDetail?.total === undefined) continue;
        layers.set(id, { current: progressDetail.current ?? 0, total: progressDetail.total });
        const sum = (of: "current" | "total") => [...layers.values()].reduce((all, layer) => all + layer[of], 0);
        onProgress({ done: sum("current"), total: sum("total") });
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw engineError(this.endpoint, error);
    } finally {
      clearTimeout(silence);
      signal?.removeEventListener("abort", stop);
      body.destroy();
    }
  }

  /** Takes a name from an image, or removes it by its id; false where it was gone. Throws `conflict` where it is used. */
  async removeImage(reference: string): Promise<boolean> {
    try {
      await this.#call(
        "image rm",
        z.unknown(),
        (docker, abortSignal) => docker.getImage(reference).remove({ abortSignal }),
        START_MS,
      );
      return true;
    } catch (error) {
      if (isStatus(error, 404)) return false;
      if (!isStatus(error, 409)) throw error;
      const hint = "Remove the containers that were made from it, or wait for its run. Nothing was removed.";
      throw new CrusaderError("conflict", `The image ${reference} is in use.`, hint, (error as Error).message);
    }
  }

  /** Throws `conflict` where the name is taken. Returns the container's id. */
  async create(options: CreateOptions): Promise<string> {
    try {
      const { id } = await this.#call("container create", z.object({ id: z.string() }), (docker, abortSignal) =>
        docker.createContainer({ ...structuredClone(options), abortSignal }),
      );
      return id;
    } catch (error) {
      if (!isStatus(error, 409)) throw error;
      const hint = "It was left there: once nothing runs in it any more, docker rm removes it. Then start again.";
      throw new CrusaderError("conflict", `There is a container named ${options.name}.`, hint);
    }
  }

  async start(id: string): Promise<void> {
    await this.#call(
      "container start",
      z.unknown(),
      (docker, abortSignal) => docker.getContainer(id).start({ abortSignal }),
      START_MS,
    );
  }

  /** Its standard input; attach before it is started, then write and end. */
  input(id: string): Promise<Duplex> {
    return this.#limited(async (docker, abortSignal) => {
      const options = { stream: true, stdin: true, hijack: true, abortSignal };
      return (await docker.getContainer(id).attach(options)) as unknown as Duplex;
    });
  }

  /** Starts a further process in a running container and leaves it alone. */
  async execute(id: string, user: string, command: string[]): Promise<void> {
    const { id: execId } = await this.#call("exec create", z.object({ id: z.string() }), (docker, abortSignal) =>
      docker.getContainer(id).exec({ User: user, Cmd: command, abortSignal }),
    );
    await this.#limited(async (docker, abortSignal) => {
      const answer = await docker.getExec(execId).start({ Detach: true, abortSignal });
      answer.resume();
    });
  }

  /** Whether a process that was started beside the container's own runs; one that was only made does not. */
  async hasExecuted({ execIds }: ContainerState): Promise<boolean> {
    const found = await Promise.all(
      execIds.map((id) =>
        this.#orNull(
          this.#call("exec inspect", z.object({ Running: z.boolean() }), (docker, abortSignal) =>
            docker.getExec(id).inspect({ abortSignal }),
          ),
        ),
      ),
    );
    return found.some((process) => process?.Running === true);
  }

  /** Null where there is none. */
  async container(idOrName: string): Promise<ContainerState | null> {
    const found = await this.#orNull(
      this.#call("container inspect", inspectSchema, (docker, abortSignal) =>
        docker.getContainer(idOrName).inspect({ abortSignal }),
      ),
    );
    if (found === null) return null;
    const { Status, Running, ExitCode, OOMKilled, Error: error } = found.State;
    return {
      id: found.Id,
      status: Status,
      running: Running,
      exitCode: ExitCode,
      outOfMemory: OOMKilled,
      error,
      execIds: found.ExecIDs ?? [],
    };
  }

  /**
   * All that the container has written since it was started, then what it writes; resolves when the engine sends no
   * more. A reader that is slow holds the engine back, not the memory. Rejects with `engine_unreachable` when it breaks
   * off, and with the signal's reason.
   */
  async follow(id: string, onBytes: (stream: StreamName, bytes: Buffer) => void, signal: AbortSignal): Promise<void> {
    const body = await this.#limited(async (docker, abortSignal) => {
      const options = { follow: true as const, stdout: true, stderr: true, abortSignal };
      return (await docker.getContainer(id).logs(options)) as unknown as Readable;
    });
    const demultiplexer = new Demultiplexer(onBytes);
    const end = () => body.destroy(signal.reason);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    try {
      for await (const chunk of body) demultiplexer.push(chunk as Buffer);
    } catch (error) {
      signal.throwIfAborted();
      throw engineError(this.endpoint, error);
    } finally {
      signal.removeEventListener("abort", end);
      body.destroy();
    }
  }

  /** SIGTERM, then SIGKILL when that time is over; nothing where it has ended or is gone. */
  async stop(id: string, graceSeconds: number): Promise<void> {
    await this.#unlessOver(
      this.#call(
        "container stop",
        z.unknown(),
        (docker, abortSignal) => docker.getContainer(id).stop({ t: graceSeconds, abortSignal }),
        this.#callMs + graceSeconds * 1000,
      ),
    );
  }

  /** Ends whatever runs in it, and removes it; false where it was gone. */
  async removeContainer(id: string): Promise<boolean> {
    const removed = this.#call("container rm", z.unknown(), (docker, abortSignal) =>
      docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
    );
    return this.#unlessOver(removed);
  }

  /** `internal`: no way out of it, and none in. */
  async createNetwork(name: string, labels: Record<string, string>): Promise<void> {
    await this.#call("network create", z.unknown(), (docker, abortSignal) =>
      docker.createNetwork({ Name: name, Labels: labels, Internal: true, CheckDuplicate: true, abortSignal }),
    );
  }

  async removeNetwork(idOrName: string): Promise<boolean> {
    const removed = this.#call("network rm", z.unknown(), (docker, abortSignal) =>
      docker.getNetwork(idOrName).remove({ abortSignal }),
    );
    return this.#unlessOver(removed);
  }

  /** Containers with those labels, ended ones too. */
  async containers(labels: Record<string, string>): Promise<Labelled[]> {
    const filters = { label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) };
    const found = await this.#call("container ls", containersSchema, (docker, abortSignal) =>
      docker.listContainers({ all: true, filters, abortSignal }),
    );
    return found
      .map(({ Id, Names, Labels }) => ({
        id: Id,
        name: Names?.[0]?.replace(/^\//, "") ?? Id.slice(0, 12),
        labels: Labels ?? {},
      }))
      .filter(has(labels));
  }

  async networks(labels: Record<string, string>): Promise<Labelled[]> {
    const filters = { label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) };
    const found = await this.#call("network ls", networksSchema, (docker, abortSignal) =>
      docker.listNetworks({ filters, abortSignal }),
    );
    return found.map(({ Id, Name, Labels }) => ({ id: Id, name: Name, labels: Labels ?? {} })).filter(has(labels));
  }

  async #call<T>(
    name: string,
    schema: z.ZodType<T>,
    call: (docker: Dockerode, abortSignal: AbortSignal) => Promise<unknown>,
    limitMs = this.#callMs,
  ): Promise<T> {
    const parsed = schema.safeParse(await this.#limited(call, limitMs, "wholeAnswers"));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw malformed(this.endpoint, name, `${issue?.path.join(".")}: ${issue?.message}`);
  }

  async #limited<T>(
    call: (docker: Dockerode, abortSignal: AbortSignal) => Promise<T>,
    limitMs = this.#callMs,
    client: keyof Clients = "streams",
  ): Promise<T> {
    // What it takes to load is not the engine's time, nor is what a person takes to answer ssh.
    const { [client]: docker } = await this.#clients();
    await this.#ssh?.connections.open(this.endpoint.address, this.#asks);
    const controller = new AbortController();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      // Not by the abort alone: where an answer breaks off in its middle, dockerode says nothing, and hears no abort.
      late.reject(tooSlow(this.endpoint, limitMs));
      controller.abort();
    }, limitMs);
    if (client === "wholeAnswers") this.#waiting.add(late.reject);
    const answer = call(docker, controller.signal);
    answer.catch(() => {});
    try {
      return await Promise.race([answer, late.promise]);
    } catch (error) {
      throw engineError(this.endpoint, error);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(late.reject);
    }
  }

  /** dockerode holds an answer in memory until its end: one without end must not fill that. */
  #bounded(agent: Agent): Agent {
    const connect = agent.createConnection.bind(agent);
    agent.createConnection = (...options: Parameters<typeof connect>) => {
      const connection = connect(...options);
      let bytes = 0;
      connection?.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= MAX_ANSWER_BYTES) return;
        connection.destroy();
        for (const tell of this.#waiting) tell(endless(this.endpoint, MAX_ANSWER_BYTES));
      });
      return connection;
    };
    return agent;
  }

  async #orNull<T>(call: Promise<T>): Promise<T | null> {
    try {
      return await call;
    } catch (error) {
      if (isStatus(error, 404)) return null;
      throw error;
    }
  }

  /** False where there was nothing to do it to, or somebody is at it already. */
  async #unlessOver(call: Promise<unknown>): Promise<boolean> {
    try {
      await call;
      return true;
    } catch (error) {
      if ([304, 404, 409].some((status) => isStatus(error, status))) return false;
      throw error;
    }
  }

  #clients(): Promise<Clients> {
    if (this.#docker !== null) return this.#docker;
    const connecting = this.#connect();
    this.#docker = connecting;
    // What stood in the way, as certificates that may not be read, may be gone at the next call.
    connecting.catch(() => {
      if (this.#docker === connecting) this.#docker = null;
    });
    return connecting;
  }

  async #connect(): Promise<Clients> {
    // Takes a tenth of a second to load, and most commands need none.
    const { default: Docker } = await import("dockerode");
    const { address, tlsFolder, skipTlsVerify } = this.endpoint;
    const [scheme = "", rest = ""] = address.split("://", 2);
    // Each is named, since dockerode would take what is missing from the environment.
    const none = {
      host: undefined,
      port: undefined,
      socketPath: undefined,
      ca: undefined,
      cert: undefined,
      key: undefined,
    };
    const clients = (options: Dockerode.DockerOptions | object, agent: () => Agent): Clients => {
      const made = (used: Agent) => new Docker({ ...none, ...options, agent: used } as Dockerode.DockerOptions);
      return { streams: made(agent()), wholeAnswers: made(this.#bounded(agent())) };
    };
    const plain = () => new Agent({ keepAlive: false });
    switch (scheme) {
      case "unix":
      case "npipe":
        return clients({ protocol: "http", socketPath: rest }, plain);
      case "ssh": {
        const connections = this.#sharedSsh ?? new SshConnections();
        const agents: SshAgent[] = [];
        this.#ssh = { connections, agents };
        return clients({ protocol: "http", host: "engine" }, () => {
          const agent = connections.agent(address);
          agents.push(agent);
          return agent;
        });
      }
      case "tcp":
      case "http":
      case "https": {
        const url = URL.parse(`http://${rest}`);
        if (url === null) break;
        const secure = tlsFolder !== null || scheme === "https";
        const port = url.port || (secure ? "2376" : "2375");
        const protocol = secure ? "https" : "http";
        const files = tlsFolder === null ? {} : certificates(tlsFolder);
        return clients({ protocol, host: `${protocol}://${url.hostname}`, port, ...files }, () =>
          secure ? new TlsAgent({ ...files, keepAlive: false, rejectUnauthorized: !skipTlsVerify }) : plain(),
        );
      }
    }
    const hint = "An address begins with unix://, tcp:// or ssh://.";
    throw new CrusaderError("usage", `${address} is no address of a container engine.`, hint);
  }
}

async function* linesOf(body: Readable): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of body.setEncoding("utf8")) {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop() ?? "";
    // What is longer is no line of an engine's.
    if (rest.length > MAX_LINE_CHARACTERS) rest = "";
    yield* lines;
  }
  yield rest;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function certificates(folder: string) {
  const read = (name: string) => {
    try {
      return readFileSync(join(folder, name));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return undefined;
      const hint = "Check its owner and rights.";
      throw new CrusaderError("access_denied", `${join(folder, name)} cannot be read.`, hint, message);
    }
  };
  return { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem") };
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof EngineRefusal && error.status === status;
}

/** An engine that knows no such filter would list what is not ours. */
function has(labels: Record<string, string>) {
  return (candidate: Labelled) => Object.entries(labels).every(([name, value]) => candidate.labels[name] === value);
}
