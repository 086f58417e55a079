/**
 * For tests: a real sshd on this machine's loopback, with keys, known hosts and configuration of its own; "box" is its name
 * there. Nothing of the user's own ssh is read or written.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { SshConnections, type SshOptions } from "./ssh.ts";

const BOX = "ssh://box";
export const PASSPHRASE = "a passphrase with blanks & $signs";
/** Where sshd, as root, shuts its children in. */
const PRIVILEGE_SEPARATION_FOLDER = "/run/sshd";

export class LoopbackSsh {
  readonly address = BOX;
  readonly folder = mkdtempSync(join(tmpdir(), "crusader-ssh-"));
  readonly #sshd: string;
  readonly #port: number;
  #server: ChildProcess | null = null;
  readonly #connections: SshConnections[] = [];

  private constructor(sshd: string, port: number) {
    this.#sshd = sshd;
    this.#port = port;
  }

  /** `sshd` is the program. The host's key is known; the user's has no passphrase. */
  static async start(sshd: string): Promise<LoopbackSsh> {
    const ssh = new LoopbackSsh(sshd, await freePort());
    for (const name of ["host", "other-host", "plain"]) ssh.#makeKey(name, "");
    ssh.#makeKey("locked", PASSPHRASE);
    const authorized = ["plain", "locked"].map((name) => readFileSync(join(ssh.folder, `${name}.pub`), "utf8"));
    writeFileSync(join(ssh.folder, "authorized"), authorized.join(""), { mode: 0o600 });
    ssh.knowHost("host");
    ssh.useKey("plain");
    await ssh.startServer("host");
    return ssh;
  }

  /** The user's key: "plain", or "locked" with a passphrase. */
  useKey(name: "plain" | "locked"): void {
    const config = [
      "Host box",
      "  HostName 127.0.0.1",
      `  Port ${this.#port}`,
      `  User ${userInfo().username}`,
      `  IdentityFile ${join(this.folder, name)}`,
      "  IdentitiesOnly yes",
      "  IdentityAgent none",
      `  UserKnownHostsFile ${this.knownHostsFile}`,
      "  GlobalKnownHostsFile /dev/null",
      "  PreferredAuthentications publickey",
    ];
    writeFileSync(join(this.folder, "config"), `${config.join("\n")}\n`);
    const program = `#!/bin/sh\nexec ssh -F '${join(this.folder, "config")}' "$@"\n`;
    writeFileSync(join(this.folder, "ssh"), program, { mode: 0o700 });
  }

  get knownHostsFile(): string {
    return join(this.folder, "known-hosts");
  }

  /** Null: no host is known. */
  knowHost(key: "host" | null): void {
    const [kind, value] = readFileSync(join(this.folder, "host.pub"), "utf8").split(" ");
    writeFileSync(this.knownHostsFile, key === null ? "" : `[127.0.0.1]:${this.#port} ${kind} ${value}\n`);
  }

  /** As ssh-keygen says it. */
  fingerprint(name: "host" | "other-host"): string {
    const said = execFileSync("ssh-keygen", ["-lf", join(this.folder, `${name}.pub`)], { encoding: "utf8" });
    return said.split(" ")[1] ?? "";
  }

  connections(options: Omit<SshOptions, "program"> = {}): SshConnections {
    const made = new SshConnections({ program: join(this.folder, "ssh"), ...options });
    this.#connections.push(made);
    return made;
  }

  async startServer(hostKey: "host" | "other-host"): Promise<void> {
    if (process.getuid?.() === 0) mkdirSync(PRIVILEGE_SEPARATION_FOLDER, { recursive: true });
    const config = [
      `Port ${this.#port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${join(this.folder, hostKey)}`,
      `AuthorizedKeysFile ${join(this.folder, "authorized")}`,
      `PidFile ${join(this.folder, "sshd.pid")}`,
      "StrictModes no",
      "UsePAM no",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "PermitRootLogin prohibit-password",
    ];
    const file = join(this.folder, "sshd-config");
    writeFileSync(file, `${config.join("\n")}\n`);
    const server = spawn(this.#sshd, ["-D", "-e", "-f", file], { stdio: ["ignore", "ignore", "pipe"] });
    this.#server = server;
    const said: string[] = [];
    for await (const line of createInterface({ input: server.stderr })) {
      said.push(line);
      if (line.startsWith("Server listening")) {
        server.stderr.resume();
        return;
      }
    }
    throw new Error(`sshd did not start: ${said.join("\n")}`);
  }

  /** No new connections, and an end to those there are. */
  async stopServer(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server?.pid === undefined) return;
    const ended = new Promise((resolve) => server.once("exit", resolve));
    // Once it is gone, nobody knows whose they were.
    const sessions = childrenOf(server.pid);
    server.kill("SIGKILL");
    for (const session of sessions) process.kill(session, "SIGKILL");
    await ended;
  }

  /** Breaks every connection there is; how many that were. */
  breakConnections(): number {
    const pid = this.#server?.pid;
    const sessions = pid === undefined ? [] : childrenOf(pid);
    for (const session of sessions) process.kill(session, "SIGKILL");
    return sessions.length;
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connections) => connections.close()));
    await this.stopServer();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #makeKey(name: string, passphrase: string): void {
    const args = ["-q", "-t", "ed25519", "-N", passphrase, "-C", "crusader-test", "-f", join(this.folder, name)];
    execFileSync("ssh-keygen", args, { stdio: "pipe" });
  }
}

function childrenOf(pid: number): number[] {
  const listed = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  const pairs = listed.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([child = 0, parent]) => (parent === pid ? [child] : []));
}

/** Below those that systems hand out by themselves: it stays free until sshd has it. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.on("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
