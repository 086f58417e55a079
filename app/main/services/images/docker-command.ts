/** The docker command: whether there is one, which builder it has, and running it so that it can be ended as a whole. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { z } from "zod";
import type { Endpoint } from "../engine/index.ts";

export type Builder = "buildkit" | "classic";

export type DockerCommand =
  | { state: "missing" }
  /** It is there, and its engine does not answer it; `said`: what it printed. */
  | { state: "no_engine"; said: string }
  | { state: "ready"; version: string; builder: Builder };

const ASK_MS = 20_000;
/** Between SIGTERM, at which the builder stops what it does on the engine, and SIGKILL. */
const GRACE_MS = 5000;
const KEPT_LINES = 40;
/** A line longer than that is passed on in pieces. */
const MAX_LINE_CHARACTERS = 64 * 1024;
/** What would choose another builder, or another form of output, behind our back. */
const LEFT_OUT = ["BUILDX_BUILDER", "BUILDX_CONFIG", "BUILDKIT_PROGRESS", "DOCKER_BUILDKIT", "DOCKER_DEFAULT_PLATFORM"];

const versionSchema = z.object({
  Client: z.object({ Version: z.string() }),
  Server: z.object({ Components: z.array(z.object({ Name: z.string() })).nullish() }).nullish(),
});

/** What the docker command is told about where its engine is. */
export function endpointArguments({ name, address, current }: Endpoint): string[] {
  if (current) return [];
  return name === "default" || name === "podman" ? ["--host", address] : ["--context", name];
}

/** Of the command that would build on that endpoint. */
export async function findDockerCommand(
  endpoint: Endpoint,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<DockerCommand> {
  let out = "";
  const collect = { env, signal, limitMs: ASK_MS, onLine: (line: string) => (out += `${line}\n`) };
  const args = [...endpointArguments(endpoint), "version", "--format", "{{json .}}"];
  const { status } = await runDocker(args, collect);
  if (status === "missing") return { state: "missing" };
  const line = out.split("\n").find((text) => text.startsWith("{"));
  const found = versionSchema.safeParse(line === undefined ? null : parseJson(line));
  if (!found.success || !found.data.Server) return { state: "no_engine", said: out.trim() };
  const { Client, Server } = found.data;
  const builder = await builderOf(Client.Version, Server.Components ?? [], { env, signal });
  return { state: "ready", version: Client.Version, builder };
}

/** BuildKit, where the engine has it and the command can speak to it: by its plugin, or, before version 23, by itself. */
async function builderOf(
  version: string,
  components: readonly { Name: string }[],
  { env, signal }: { env: NodeJS.ProcessEnv; signal: AbortSignal | undefined },
): Promise<Builder> {
  // Podman builds itself, and reads what needs BuildKit elsewhere.
  if (components.some(({ Name }) => /podman/i.test(Name))) return "classic";
  const major = Number.parseInt(version, 10);
  if (major >= 18 && major < 23) return "buildkit";
  const { status } = await runDocker(["buildx", "version"], { env, signal, limitMs: ASK_MS, onLine: () => {} });
  return status === 0 ? "buildkit" : "classic";
}

export type RunDockerOptions = {
  env: NodeJS.ProcessEnv;
  /** Further variables, which win. */
  variables?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
  limitMs?: number | undefined;
  /** Every line of stdout and stderr, as it comes. */
  onLine: (line: string) => void;
};

/**
 * Runs it to its end. Rejects with the signal's reason when that aborts, once every process of it is gone; every other end
 * is a status: null after a signal, "missing" where there is no such command.
 */
export async function runDocker(
  args: readonly string[],
  { env, variables = {}, signal, limitMs, onLine }: RunDockerOptions,
): Promise<{ status: number | null | "missing"; lastLines: string[] }> {
  signal?.throwIfAborted();
  const posix = process.platform !== "win32";
  const left = Object.fromEntries(Object.entries(env).filter(([name]) => !LEFT_OUT.includes(name)));
  // A group of its own: its plugins and ssh end with it, and Ctrl-C reaches it through us only.
  const child = spawn("docker", args, {
    env: { ...left, ...variables },
    stdio: ["ignore", "pipe", "pipe"],
    detached: posix,
    windowsHide: true,
  });
  const kill = () => endGroup(child, "SIGKILL");
  let killing: NodeJS.Timeout | null = null;
  const end = () => {
    endGroup(child, "SIGTERM");
    killing ??= setTimeout(kill, GRACE_MS);
  };
  const limit = limitMs === undefined ? null : setTimeout(end, limitMs);
  signal?.addEventListener("abort", end);
  process.on("exit", kill);
  const lastLines: string[] = [];
  const take = (line: string) => {
    onLine(line);
    if (line.trim() !== "" && lastLines.push(line) > KEPT_LINES) lastLines.shift();
  };
  for (const stream of [child.stdout, child.stderr]) readLines(stream, take);
  const status = await new Promise<number | null | "missing">((resolve) => {
    child.on("error", ({ code }: NodeJS.ErrnoException) => {
      resolve(code === "ENOENT" || code === "EACCES" ? "missing" : null);
    });
    child.on("close", (code) => resolve(code));
  });
  // A plugin or an ssh of it may still be there.
  if (posix) kill();
  if (limit !== null) clearTimeout(limit);
  if (killing !== null) clearTimeout(killing);
  signal?.removeEventListener("abort", end);
  process.off("exit", kill);
  signal?.throwIfAborted();
  return { status, lastLines };
}

function readLines(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (part: string) => {
    const lines = (rest + part).split(/\r*\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
    while (rest.length > MAX_LINE_CHARACTERS) {
      take(rest.slice(0, MAX_LINE_CHARACTERS));
      rest = rest.slice(MAX_LINE_CHARACTERS);
    }
  });
  stream.on("end", () => {
    if (rest !== "") take(rest);
  });
}

function endGroup(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined) return;
  if (process.platform === "win32") {
    spawnSync("taskkill", ["/pid", String(child.pid), "/T", "/F"], { stdio: "ignore", windowsHide: true });
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // Already gone.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
