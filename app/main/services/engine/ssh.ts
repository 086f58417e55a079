/**
 * Connections to an engine behind ssh: the system's ssh with the user's configuration, keys and known hosts, one
 * connection for all calls (multiplexing), the engine's own `docker system dial-stdio` at the other end. What ssh asks on
 * the way (askpass.ts) is asked while that one connection is made, and never in a call.
 */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { promisify } from "node:util";
import { CrusaderError } from "../../../common/errors.ts";
import { AskpassDoor, type AskSsh } from "./askpass.ts";

export type SshAddress = { host: string; user: string; port: string; socketPath: string };

const CONNECT_SECONDS = 15;
/** The shared connection stays for later calls. */
const PERSIST_SECONDS = 60;
/** Without a question being open. */
const OPENING_SECONDS = 30;
/** For what a failed ssh said, which a helper of its own may keep open. */
const LAST_WORDS_MS = 1000;
/** ssh's own account of a connection; the end of it says why there is none. */
const KEPT_CHARACTERS = 16_384;
const KEY_CHANGED = /REMOTE HOST IDENTIFICATION HAS CHANGED/;
const KEY_REFUSED = new RegExp(`Host key verification failed|${KEY_CHANGED.source}`);
/** What may be missing is a person's word. */
const ANSWERABLE = /Host key verification failed|Permission denied/;
const SAFE_PATH = /^[\w./~+-]+$/;
const SAFE_HOST = /^[\w.:][\w.:-]*$/;
/** Also "DOMAIN\user" and "user@realm". */
const SAFE_USER = /^(?!-)[\w.@+\\-]*$/;

/** Throws `usage` for what is no ssh:// address of an engine. */
export function parseSshAddress(address: string): SshAddress {
  const url = URL.parse(address);
  const socketPath = url === null || url.pathname === "/" ? "" : url.pathname;
  // Brackets are an address's, not ssh's.
  const host = url?.hostname.replace(/^\[(.*)\]$/, "$1") ?? "";
  const user = decoded(url?.username ?? "");
  if (
    url === null ||
    // They stand in commands to paste, and in those of the user's own ssh configuration.
    !SAFE_HOST.test(host) ||
    user === null ||
    !SAFE_USER.test(user) ||
    url.password !== "" ||
    (socketPath !== "" && !SAFE_PATH.test(socketPath))
  ) {
    throw new CrusaderError(
      "usage",
      `${address} is no address of an engine.`,
      "Write ssh://user@host, without password.",
    );
  }
  return { host, user, port: url.port, socketPath };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** What every ssh of ours goes by: whose way it is, and which shared connection. */
function wayTo({ host, user, port }: SshAddress, options: Record<string, string | number>): string[] {
  return [
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    ...(port === "" ? [] : ["-p", port]),
    ...(user === "" ? [] : ["-l", user]),
    "--",
    host,
  ];
}

/**
 * Opens the shared connection and leaves it behind. Without `asks`: BatchMode, as a question that nobody sees would hang,
 * and StrictHostKeyChecking, so that no key is accepted on the way. With it ssh asks (askpass.ts), for an unknown key too;
 * a changed one it refuses in either case.
 */
export function openingArguments(address: SshAddress, controlPath: string, asks: boolean): string[] {
  return [
    ...["-f", "-N", "-T"],
    ...wayTo(address, {
      BatchMode: asks ? "no" : "yes",
      StrictHostKeyChecking: asks ? "ask" : "yes",
      ConnectTimeout: CONNECT_SECONDS,
      ServerAliveInterval: 15,
      ServerAliveCountMax: 3,
      ControlMaster: "yes",
      ControlPath: controlPath,
      ControlPersist: PERSIST_SECONDS,
    }),
  ];
}

/** A connection to the engine: over the shared one, or, where that is gone meanwhile, one of its own that asks nothing. */
export function diallingArguments(address: SshAddress, controlPath: string): string[] {
  const { socketPath } = address;
  return [
    "-T",
    ...wayTo(address, {
      BatchMode: "yes",
      StrictHostKeyChecking: "yes",
      ConnectTimeout: CONNECT_SECONDS,
      ServerAliveInterval: 15,
      ServerAliveCountMax: 3,
      ControlMaster: "no",
      ControlPath: controlPath,
    }),
    ...["docker", ...(socketPath === "" ? [] : ["--host", `unix://${socketPath}`]), "system", "dial-stdio"],
  ];
}

/** Why ssh gave no connection, from what it wrote. */
export function sshProblem(address: string, said: string, key: string | null = null): CrusaderError {
  const detail = said.trim();
  const { host, port } = parseSshAddress(address);
  const problem = (message: string, hint: string) => new CrusaderError("engine_unreachable", message, hint, detail);
  if (KEY_CHANGED.test(said)) {
    return problem(
      `The host key of ${host} is another than the known one: ${key ?? "(not named)"}.`,
      "Somebody may be in between. Ask who runs the host; ssh-keygen -R forgets the old key.",
    );
  }
  if (KEY_REFUSED.test(said)) {
    const target = port === "" ? host : `-p ${port} ${host}`;
    return problem(
      `The host key of ${host} is not known: ${key ?? "(not named)"}.`,
      `Compare it with the host's own (there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then connect once by hand and accept it: ssh ${target}`,
    );
  }
  if (/ssh_askpass: exec/.test(said)) {
    return problem(
      "ssh could not ask for what it needs: no program may be started in the folder for temporary files.",
      "Unlock the key first: ssh-add. Or name another folder with TMPDIR.",
    );
  }
  if (/dial-stdio|docker: (?:command )?not found|docker: No such file|not recognized/.test(detail)) {
    return problem(`There is no docker command on ${host}.`, "Install Docker there, 18.09 or newer.");
  }
  if (/permission denied while trying to connect|docker\.sock/i.test(detail)) {
    return problem(
      `The user on ${host} may not use its engine.`,
      "There: sudo usermod -aG docker <user>, then log in again.",
    );
  }
  if (/Permission denied/.test(detail)) {
    return problem(
      `${host} did not let this user in.`,
      `Try it by hand: ssh ${host}. Where nobody can be asked for a key's passphrase, unlock it first: ssh-add.`,
    );
  }
  if (/cannot connect to the docker daemon/i.test(detail)) {
    return problem(`The engine on ${host} does not run.`, "Start it there: sudo systemctl start docker.");
  }
  return problem(`There is no ssh connection to ${host}.`, `Try it by hand: ssh ${host} docker version`);
}

type Program = { program: string; env: NodeJS.ProcessEnv };

/** The key that the host showed, as ssh names it: kind and fingerprint; null where it showed none. */
async function hostKey(address: string, { program, env }: Program): Promise<string | null> {
  const options = { BatchMode: "yes", StrictHostKeyChecking: "yes", ControlPath: "none" };
  // -v names the key. It fails, as the connection before it did.
  const said = await promisify(execFile)(program, ["-v", ...wayTo(parseSshAddress(address), options), "true"], {
    env,
    timeout: CONNECT_SECONDS * 1000,
  }).then(
    ({ stderr }) => stderr,
    (error: { stderr?: string }) => error.stderr ?? "",
  );
  const key = /^debug1: Server host key: (\S+) (\S+)/m.exec(said);
  return key === null ? null : `${key[1]} ${key[2]}`;
}

function notStarted(): CrusaderError {
  const hint = "Install OpenSSH's client, or choose another engine.";
  return new CrusaderError("engine_unreachable", "The ssh command could not be started.", hint);
}

function beingAsked(address: string): CrusaderError {
  const { host } = parseSshAddress(address);
  const hint = "Look again when the question is answered.";
  return new CrusaderError("engine_unreachable", `ssh is asking something on its way to ${host}.`, hint);
}

function declined(address: string): CrusaderError {
  const { host } = parseSshAddress(address);
  return new CrusaderError(
    "engine_unreachable",
    `There is no ssh connection to ${host}: what it needed was not answered.`,
    "A start of a run, or a check of the engine, asks again. ssh-add unlocks a key beforehand.",
  );
}

export type SshOptions = {
  /** Null: nobody can be asked. */
  ask?: AskSsh | null;
  program?: string;
  env?: NodeJS.ProcessEnv;
};

/** `asking` rejects when a person is asked: whoever asks nobody does not wait for that. */
type Opening = { done: Promise<void>; asks: boolean; asking: Promise<never> };

/** One shared connection a host, for all engines of this process; made when it is first needed, and again when it broke. */
export class SshConnections {
  readonly #ask: AskSsh | null;
  readonly #way: Program;
  /** Being made now: several calls want it, and a person is asked once. */
  readonly #opening = new Map<string, Opening>();
  readonly #declined = new Set<string>();
  readonly #addresses = new Set<string>();
  readonly #ending = new AbortController();
  #folder: string | null = null;

  constructor({ ask = null, program = "ssh", env = process.env }: SshOptions = {}) {
    // Its script is a shell's.
    this.#ask = process.platform === "win32" ? null : ask;
    this.#way = { program, env };
  }

  /** For `http.request`; call `open` before each. */
  agent(address: string): SshAgent {
    return new SshAgent(address, this.#controlPath(address), this.#way);
  }

  /**
   * Resolves when the shared connection stands. Rejects with `engine_unreachable`. Without `asks` nobody is asked anything.
   * A person may take any time to answer: it is no part of a call's.
   */
  async open(address: string, asks: boolean): Promise<void> {
    // There are no shared connections there.
    if (process.platform === "win32") return;
    for (let opening = this.#opening.get(address); opening !== undefined; opening = this.#opening.get(address)) {
      if (!asks) return Promise.race([opening.done, opening.asking]);
      if (opening.asks) return opening.done;
      await opening.done.catch(() => {});
    }
    this.#ending.signal.throwIfAborted();
    const asking = Promise.withResolvers<never>();
    asking.promise.catch(() => {});
    const ask: AskSsh = (question, signal) => {
      asking.reject(beingAsked(address));
      return this.#ask === null ? Promise.resolve(null) : this.#ask(question, signal);
    };
    const done = this.#open(address, asks && this.#ask !== null ? ask : null).finally(() =>
      this.#opening.delete(address),
    );
    this.#opening.set(address, { done, asks, asking: asking.promise });
    return done;
  }

  /** Somebody wants an engine: what was declined before is asked again. */
  askAgain(): void {
    this.#declined.clear();
  }

  /** Ends every shared connection; none is made after it. */
  async close(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort(new CrusaderError("engine_unreachable", "Crusader is ending: ssh connects to nothing more."));
    const folder = this.#folder;
    if (folder === null) return;
    await Promise.all([...this.#addresses].map((address) => this.#control(address, "exit")));
    rmSync(folder, { recursive: true, force: true });
  }

  async #open(address: string, ask: AskSsh | null): Promise<void> {
    if (await this.#control(address, "check")) return;
    if (ask !== null && this.#declined.has(address)) throw declined(address);
    // One that was killed leaves its socket, and ssh then shares nothing.
    rmSync(this.#controlPath(address), { force: true });
    this.#addresses.add(address);
    const said = await this.#connect(address, ask);
    if (said === null) return;
    if (ask !== null && this.#declined.has(address)) throw declined(address);
    this.#ending.signal.throwIfAborted();
    const problem = sshProblem(address, said, KEY_REFUSED.test(said) ? await hostKey(address, this.#way) : null);
    const couldBeAsked = ask === null && this.#ask !== null && ANSWERABLE.test(said) && !KEY_CHANGED.test(said);
    if (!couldBeAsked) throw problem;
    const hint = "Check the engine, or start a run there: what ssh asks can then be answered.";
    throw new CrusaderError(problem.code, problem.message, hint, problem.detail);
  }

  /** What ssh said where there is no connection, else null. */
  async #connect(address: string, ask: AskSsh | null): Promise<string | null> {
    const { program, env } = this.#way;
    const door = ask === null ? null : new AskpassDoor(address, ask, () => decline());
    // In a session of its own: Ctrl-C is meant for the command, and no terminal of the user's is asked.
    const child = spawn(
      program,
      openingArguments(parseSshAddress(address), this.#controlPath(address), door !== null),
      {
        env: { ...env, ...door?.environment },
        stdio: ["ignore", "ignore", "pipe"],
        detached: true,
        windowsHide: true,
      },
    );
    const end = () => child.kill();
    const decline = () => {
      this.#declined.add(address);
      end();
    };
    this.#ending.signal.addEventListener("abort", end);
    // ssh limits the way to the host itself; a server that then says nothing is no better.
    let waitedSeconds = 0;
    const impatience = setInterval(() => {
      waitedSeconds = door?.isAsking === true ? 0 : waitedSeconds + 1;
      if (waitedSeconds >= OPENING_SECONDS) end();
    }, 1000);
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-KEPT_CHARACTERS);
    });
    try {
      const status = await new Promise<number | null>((resolve, reject) => {
        child.on("error", () => reject(notStarted()));
        // Not "close": the connection that stays behind has inherited the pipe.
        child.on("exit", resolve);
      });
      if (status === 0) return null;
      if (!child.stderr.readableEnded) {
        await new Promise((resolve) => {
          child.stderr.once("close", resolve);
          setTimeout(resolve, LAST_WORDS_MS);
        });
      }
      return said;
    } finally {
      clearInterval(impatience);
      this.#ending.signal.removeEventListener("abort", end);
      door?.close();
      child.stderr.destroy();
    }
  }

  /** Whether the shared connection is there, or was and was ended. */
  #control(address: string, word: "check" | "exit"): Promise<boolean> {
    const args = ["-O", word, ...wayTo(parseSshAddress(address), { ControlPath: this.#controlPath(address) })];
    const { program, env } = this.#way;
    const child = spawn(program, args, { env, stdio: "ignore", detached: true, windowsHide: true });
    return new Promise((resolve) => {
      child.on("error", () => resolve(false)).on("exit", (status) => resolve(status === 0));
    });
  }

  /** Short: a socket's path holds about 100 bytes. */
  #controlPath(address: string): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), "crsh-"));
    return join(this.#folder, createHash("sha256").update(address).digest("hex").slice(0, 16));
  }
}

class SshConnection extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;

  constructor(child: ChildProcessWithoutNullStreams, address: string) {
    super();
    this.#child = child;
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-KEPT_CHARACTERS);
    });
    // What cannot be written is explained by the exit.
    child.stdin.on("error", () => {});
    child.stdout.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.on("error", () => this.destroy(notStarted()));
    // Not before all it wrote was read.
    child.on("close", (status) => {
      if (status === 0) this.push(null);
      else this.destroy(sshProblem(address, said));
    });
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }
}

/** For `http.request`: each connection is an ssh process, which shares its way there with the others. */
export class SshAgent extends Agent {
  readonly #address: string;
  readonly #controlPath: string;
  readonly #way: Program;
  readonly #children = new Set<ChildProcessWithoutNullStreams>();

  constructor(address: string, controlPath: string, way: Program) {
    super({ keepAlive: false });
    this.#address = address;
    this.#controlPath = controlPath;
    this.#way = way;
  }

  override createConnection(): Duplex {
    const { program, env } = this.#way;
    const child = spawn(program, diallingArguments(parseSshAddress(this.#address), this.#controlPath), {
      env,
      detached: true,
      windowsHide: true,
    });
    this.#children.add(child);
    child.on("exit", () => this.#children.delete(child));
    return new SshConnection(child, this.#address);
  }

  /** Ends every connection; the shared one stays. */
  override destroy(): void {
    for (const child of this.#children) child.kill();
    super.destroy();
  }
}
