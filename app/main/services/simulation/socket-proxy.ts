/** For tests: another way to this machine's engine, which can be closed and opened again while the engine goes on. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const ENGINE = "/var/run/docker.sock";

export async function startSocketProxy() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-proxy-"));
  const path = join(folder, "engine.sock");
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  const open = async () => {
    server = createServer({ allowHalfOpen: true }, (inside) => {
      const outside = connect({ path: ENGINE, allowHalfOpen: true });
      for (const [one, other] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => sockets.delete(one));
        one.pipe(other);
      }
    });
    server.listen(path);
    await once(server, "listening");
  };
  /** Breaks every connection and takes no new one. */
  const close = async () => {
    const closed = server === null ? null : once(server, "close");
    server?.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    server = null;
  };
  await open();
  onTestFinished(async () => {
    if (server !== null) await close();
    rmSync(folder, { recursive: true });
  });
  return { address: `unix://${path}`, open, close };
}
