/**
 * Connections to an engine behind ssh: the system's ssh with the user's configuration, keys and known hosts, one
 * connection for all calls (multiplexing), the engine's own `docker system dial-stdio` at the other end.
 */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { promisify } from "node:util";
import { CrusaderError } from "../../../common/errors.ts";

export type SshAddress = { host: string; user: string; port: string; socketPath: string };

const CONNECT_SECONDS = 15;
/** The shared connection stays for later calls. */
const PERSIST_SECONDS = 60;
/** ssh's own account of a connection; the end of it says why there is none. */
const KEPT_CHARACTERS = 16_384;
const KEY_REFUSED = /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/;
const SAFE_PATH = /^[\w./~+-]+$/;

/** Throws `usage` for what is no ssh:// address of an engine. */
export function parseSshAddress(address: string): SshAddress {
  const url = URL.parse(address);
  const socketPath = url === null || url.pathname === "/" ? "" : url.pathname;
  if (
    url === null ||
    url.hostname === "" ||
    url.password !== "" ||
    (socketPath !== "" && !SAFE_PATH.test(socketPath))
  ) {
    throw new CrusaderError(
      "usage",
      `${address} is no address of an engine.`,
      "Write ssh://user@host, without password.",
    );
  }
  return { host: url.hostname, user: decodeURIComponent(url.username), port: url.port, socketPath };
}

/** `-o BatchMode`: a question nobody sees would hang; `StrictHostKeyChecking`: no key is ever accepted on the way. */
export function sshArguments({ host, user, port, socketPath }: SshAddress, controlFolder: string): string[] {
  const options = {
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    ConnectTimeout: CONNECT_SECONDS,
    ServerAliveInterval: 15,
    ServerAliveCountMax: 3,
    ControlMaster: "auto",
    ControlPath: join(controlFolder, "%C"),
    ControlPersist: PERSIST_SECONDS,
  };
  return [
    "-T",
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    ...(port === "" ? [] : ["-p", port]),
    ...(user === "" ? [] : ["-l", user]),
    "--",
    host,
    ...["docker", ...(socketPath === "" ? [] : ["--host", `unix://${socketPath}`]), "system", "dial-stdio"],
  ];
}

/** Why ssh gave no connection, from what it wrote. */
export function sshProblem(address: string, said: string, key: string | null = null): CrusaderError {
  const detail = said.trim();
  const { host, port } = parseSshAddress(address);
  const problem = (message: string, hint: string) => new CrusaderError("engine_unreachable", message, hint, detail);
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(said)) {
    return problem(
      `The host key of ${host} is another than the known one: ${key ?? "(not named)"}.`,
      "Somebody may be in between. Ask who runs the host; ssh-keygen -R forgets the old key.",
    );
  }
  if (KEY_REFUSED.test(said)) {
    const target = port === "" ? host : `-p ${port} ${host}`;
    return problem(
      `The host key of ${host} is not known: ${key ?? "(not named)"}.`,
      `Compare it with what the host's owner says; then connect once by hand and accept it: ssh ${target}`,
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
      "If the key has a passphrase, unlock it first: ssh-add. ssh must get in without asking anything.",
    );
  }
  if (/cannot connect to the docker daemon/i.test(detail)) {
    return problem(`The engine on ${host} does not run.`, "Start it there: sudo systemctl start docker.");
  }
  return problem(`There is no ssh connection to ${host}.`, `Try it by hand: ssh ${host} docker version`);
}

type SshWay = { address: string; program: string; env: NodeJS.ProcessEnv };

/** The key that the host showed, as ssh names it: kind and fingerprint; null where it showed none. */
async function hostKey(address: string, program: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  const { host, user, port } = parseSshAddress(address);
  const where = [...(port === "" ? [] : ["-p", port]), ...(user === "" ? [] : ["-l", user])];
  const options = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ControlPath=none"];
  // -v names the key. It fails, as the connection before it did.
  const said = await promisify(execFile)(program, ["-v", ...options, ...where, "--", host, "true"], {
    env,
    timeout: CONNECT_SECONDS * 1000,
  }).then(
    ({ stderr }) => stderr,
    (error: { stderr?: string }) => error.stderr ?? "",
  );
  const key = /^debug1: Server host key: (\S+) (\S+)/m.exec(said);
  return key === null ? null : `${key[1]} ${key[2]}`;
}

class SshConnection extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;

  constructor(child: ChildProcessWithoutNullStreams, { address, program, env }: SshWay) {
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
    child.on("error", () => {
      const hint = "Install OpenSSH's client, or choose another engine.";
      this.destroy(new CrusaderError("engine_unreachable", "The ssh command could not be started.", hint));
    });
    // Not before all it wrote was read.
    child.on("close", (status) => {
      if (status === 0) this.push(null);
      else if (!KEY_REFUSED.test(said)) this.destroy(sshProblem(address, said));
      else void hostKey(address, program, env).then((key) => this.destroy(sshProblem(address, said, key)));
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
  readonly #way: SshWay;
  readonly #children = new Set<ChildProcessWithoutNullStreams>();
  /** Short: a socket's path holds about 100 bytes, and %C is 40 of them. */
  readonly #controlFolder = mkdtempSync(join(tmpdir(), "crsh-"));

  constructor(address: string, { program = "ssh", env = process.env }: Partial<SshWay> = {}) {
    super({ keepAlive: false });
    this.#way = { address, program, env };
  }

  override createConnection(): Duplex {
    const child = spawn(this.#way.program, sshArguments(parseSshAddress(this.#way.address), this.#controlFolder), {
      env: this.#way.env,
      windowsHide: true,
    });
    this.#children.add(child);
    child.on("exit", () => this.#children.delete(child));
    return new SshConnection(child, this.#way);
  }

  /** Ends every connection, the shared one last. */
  override destroy(): void {
    for (const child of this.#children) child.kill();
    const { host, user, port } = parseSshAddress(this.#way.address);
    const where = [...(port === "" ? [] : ["-p", port]), ...(user === "" ? [] : ["-l", user])];
    const path = join(this.#controlFolder, "%C");
    const args = ["-o", `ControlPath=${path}`, "-O", "exit", ...where, "--", host];
    const ending = spawn(this.#way.program, args, { stdio: "ignore", env: this.#way.env, windowsHide: true });
    const forget = () => rmSync(this.#controlFolder, { recursive: true, force: true });
    ending.on("error", forget).on("exit", forget);
    super.destroy();
  }
}
