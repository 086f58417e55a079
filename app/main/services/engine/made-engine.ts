/** For tests: an engine that answers as it is told, for faults and machines that a real one here does not have. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** By method and path without the version: "GET /info"; the first that the call begins with counts, else it is 404. */
export type Answers = Record<string, RequestListener>;

/** Listens until the test ends. `asked`: each call, with names of ours cut short: "DELETE /containers/ours-probe". */
export async function startMadeEngine(answers: Answers): Promise<{ address: string; asked: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "crusader-made-engine-"));
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const [pathname = ""] = (request.url ?? "").split("?");
    const call = `${request.method} ${pathname.replace(/^\/v[\d.]+/, "")}`;
    asked.push(call.replace(/crusader-[0-9a-f]{16}-probe-[0-9a-f]{8}/, "ours-probe"));
    const answer = Object.entries(answers).find(([prefix]) => call.startsWith(prefix));
    if (answer === undefined) response.writeHead(404).end('{"message": "no such thing"}');
    else answer[1](request, response);
  });
  const path = join(folder, "engine.sock");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { address: `unix://${path}`, asked };
}

export const json =
  (value: unknown, status = 200): RequestListener =>
  (_request, response) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));

/** An image with these labels, and one container, which writes `output`; null: never anything, and never its end. */
export function answersOfProbe(labels: Record<string, string>, output: string | null): Answers {
  return {
    "GET /images/": json({ Id: "sha256:1", Config: { Labels: labels } }),
    "POST /networks/create": json({ Id: "n" }, 201),
    "POST /containers/create": json({ Id: "c" }, 201),
    "POST /containers/c/start": (_request, response) => response.writeHead(204).end(),
    "GET /containers/c/logs": (_request, response) => {
      response.writeHead(200);
      if (output === null) response.flushHeaders();
      else response.end(frame(output));
    },
    "GET /containers/c/json": json({ Id: "c", State: { Status: "exited", Running: false, ExitCode: 3 } }),
    "DELETE /": (_request, response) => response.writeHead(204).end(),
  };
}

/** As the engine wraps what a container writes to its stdout. */
function frame(text: string): Buffer {
  const bytes = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = 1;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}
