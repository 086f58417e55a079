/**
 * For tests: an engine of the test's own beside the machine's, which can be killed and started again. Its containers run
 * below a containerd of its own, as in a distribution, so that they live on without it. Needs root.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_EVERY_MS = 100;
const ANSWERS_WITHIN_MS = 60_000;

export class SecondEngine {
  readonly folder = mkdtempSync(join(tmpdir(), "crusader-dockerd-"));
  readonly #docker: string;
  readonly #liveRestore: boolean;
  readonly #containerd: ChildProcess;
  #daemon: ChildProcess | null = null;

  private constructor(docker: string, liveRestore: boolean) {
    this.#docker = docker;
    this.#liveRestore = liveRestore;
    const config = join(this.folder, "containerd.toml");
    const lines = [
      "version = 2",
      `root = "${join(this.folder, "containerd")}"`,
      `state = "${join(this.folder, "containerd-state")}"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      "[grpc]",
      `address = "${join(this.folder, "containerd.sock")}"`,
    ];
    writeFileSync(config, `${lines.join("\n")}\n`);
    this.#containerd = spawn("containerd", ["--config", config], { stdio: "ignore" });
  }

  /** Why this machine can have none, as a reason to skip a test; null where it can. */
  static missing(): string | null {
    if (process.getuid?.() !== 0) return "needs root: an engine of the test's own is started by root";
    try {
      execFileSync("dockerd", ["--version"], { stdio: "pipe" });
      execFileSync("containerd", ["--version"], { stdio: "pipe" });
      return null;
    } catch {
      return "needs docker: dockerd and containerd are not installed (Debian: apt install docker.io)";
    }
  }

  /** `docker` is the command, whose own engine the image is taken from. */
  static async start(docker: string, image: string, liveRestore: boolean): Promise<SecondEngine> {
    const engine = new SecondEngine(docker, liveRestore);
    await until(() => answers(join(engine.folder, "containerd.sock")));
    await engine.startDaemon();
    const saved = execFileSync(docker, ["save", image], { maxBuffer: 256 * 1024 * 1024 });
    execFileSync(docker, ["--host", engine.address, "load"], { input: saved, stdio: ["pipe", "ignore", "pipe"] });
    return engine;
  }

  get address(): string {
    return `unix://${this.#socket}`;
  }

  get #socket(): string {
    return join(this.folder, "engine.sock");
  }

  run(...args: string[]): string {
    return execFileSync(this.#docker, ["--host", this.address, ...args], { encoding: "utf8", stdio: "pipe" }).trim();
  }

  async startDaemon(): Promise<void> {
    const at = (name: string) => join(this.folder, name);
    const args = [
      ...["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("engine.pid"), "--host", this.address],
      ...["--containerd", at("containerd.sock"), "--bridge=none", "--iptables=false"],
      // Needs nothing of the file system.
      "--storage-driver=vfs",
      ...(this.#liveRestore ? ["--live-restore"] : []),
    ];
    rmSync(at("engine.pid"), { force: true });
    this.#daemon = spawn("dockerd", args, { stdio: "ignore" });
    await until(() => answers(this.#socket));
  }

  /** As by a crash. */
  async killDaemon(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = null;
    if (daemon === null) return;
    await ended(daemon, signal);
    rmSync(this.#socket, { force: true });
  }

  async close(): Promise<void> {
    if (this.#daemon === null) await this.startDaemon();
    const left = this.run("ps", "--all", "--quiet").split("\n");
    for (const id of left) if (id !== "") this.run("rm", "--force", id);
    await this.killDaemon("SIGTERM");
    await ended(this.#containerd, "SIGTERM");
    // One that was killed had made a mount of it, which its successor leaves.
    spawnSync("umount", [join(this.folder, "data")], { stdio: "ignore" });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<unknown> {
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  return exit;
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ANSWERS_WITHIN_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("the second engine does not answer");
    await sleep(LOOK_EVERY_MS);
  }
}
