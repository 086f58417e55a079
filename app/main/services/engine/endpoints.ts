/**
 * Where there are container engines: this machine's socket, DOCKER_HOST, Docker's contexts, Podman's socket. Read as the
 * docker command reads them, so that a name means the same there and here.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";

export type Endpoint = {
  /** "default", a context's name, or "podman". */
  name: string;
  /** unix:///path, npipe:////./pipe/name, tcp://host:port or ssh://user@host. */
  address: string;
  /** Whether the docker command would use it now. */
  current: boolean;
  /** A folder with ca.pem, cert.pem and key.pem, as far as they are needed; null: no TLS. */
  tlsFolder: string | null;
  /** The context says not to check the server's certificate. */
  skipTlsVerify: boolean;
};

export type Surroundings = { env: NodeJS.ProcessEnv; platform: NodeJS.Platform; home: string };

const contextSchema = z.object({
  Name: z.string().min(1),
  Endpoints: z.object({
    docker: z.object({ Host: z.string().default(""), SkipTLSVerify: z.boolean().default(false) }),
  }),
});
const configSchema = z.object({ currentContext: z.string().default("") });

/** The one that the docker command would use first. Files that cannot be read are left out, as is what is no engine. */
export function findEndpoints({ env, platform, home }: Surroundings = thisMachine()): Endpoint[] {
  const folder = env.DOCKER_CONFIG || join(home, ".docker");
  const contexts = readContexts(folder);
  const config = configSchema.safeParse(readJson(join(folder, "config.json"))).data;
  const chosen = env.DOCKER_HOST ? "default" : env.DOCKER_CONTEXT || config?.currentContext || "default";
  const podman = podmanSocket(env);
  const found: Endpoint[] = [
    { name: "default", current: false, ...defaultEndpoint(env, platform, home, folder) },
    ...contexts.filter(({ name }) => name !== "default"),
    ...(podman === null
      ? []
      : [{ name: "podman", address: `unix://${podman}`, current: false, tlsFolder: null, skipTlsVerify: false }]),
  ];
  return found
    .map((endpoint) => ({ ...endpoint, current: endpoint.name === chosen }))
    .sort((a, b) => Number(b.current) - Number(a.current));
}

/** The endpoint of that name, or the current one; throws `not_found` naming those there are. */
export function findEndpoint(name: string | undefined, surroundings?: Surroundings): Endpoint {
  const endpoints = findEndpoints(surroundings);
  const found = endpoints.find((endpoint) => (name === undefined ? endpoint.current : endpoint.name === name));
  if (found !== undefined) return found;
  const names = endpoints.map((endpoint) => endpoint.name).join(", ");
  throw new CrusaderError(
    "not_found",
    name === undefined
      ? "The Docker context in use does not exist any more."
      : `There is no container engine named ${name}.`,
    `There are: ${names}. docker context create adds one.`,
  );
}

function thisMachine(): Surroundings {
  return { env: process.env, platform: process.platform, home: homedir() };
}

function defaultEndpoint(env: NodeJS.ProcessEnv, platform: NodeJS.Platform, home: string, folder: string) {
  const host = env.DOCKER_HOST ?? "";
  if (host !== "") {
    const address = host.includes("://") ? host : `tcp://${host}`;
    const usesTls = address.startsWith("tcp:") && (env.DOCKER_TLS_VERIFY ?? env.DOCKER_TLS ?? "") !== "";
    const tlsFolder = usesTls ? env.DOCKER_CERT_PATH || folder : null;
    return { address, tlsFolder, skipTlsVerify: usesTls && !env.DOCKER_TLS_VERIFY };
  }
  const plain = { tlsFolder: null, skipTlsVerify: false };
  if (platform === "win32") return { address: "npipe:////./pipe/docker_engine", ...plain };
  const ofDesktop = join(home, ".docker", "run", "docker.sock");
  const socket = !existsSync("/var/run/docker.sock") && existsSync(ofDesktop) ? ofDesktop : "/var/run/docker.sock";
  return { address: `unix://${socket}`, ...plain };
}

function readContexts(folder: string): Endpoint[] {
  const metaFolder = join(folder, "contexts", "meta");
  return entriesOf(metaFolder).flatMap((entry) => {
    const context = contextSchema.safeParse(readJson(join(metaFolder, entry, "meta.json"))).data;
    if (context === undefined || context.Endpoints.docker.Host === "") return [];
    const id = createHash("sha256").update(context.Name).digest("hex");
    const tlsFolder = join(folder, "contexts", "tls", id, "docker");
    const { Host, SkipTLSVerify } = context.Endpoints.docker;
    const usesTls = Host.startsWith("tcp:") && existsSync(tlsFolder);
    return [
      {
        name: context.Name,
        address: Host,
        current: false,
        tlsFolder: usesTls ? tlsFolder : null,
        skipTlsVerify: SkipTLSVerify,
      },
    ];
  });
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function podmanSocket(env: NodeJS.ProcessEnv): string | null {
  const path = env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, "podman", "podman.sock") : "";
  return path !== "" && existsSync(path) ? path : null;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
