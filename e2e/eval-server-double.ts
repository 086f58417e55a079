/**
 * For tests: a server that keeps to spec/evaluation.md section 6, and fails where it is told to. Its jobs end when a test
 * says so; a job that ended is forgotten with the answer that says it, whether that arrives or not.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Body = Record<string, unknown>;
type Job = { state: "pending" | "done" | "failed"; result: unknown; request: Body };

/** What happens to the next request of that kind instead of, or to, its answer. */
export type Fault =
  | { kind: "status"; status: number; headers?: Record<string, string>; body?: string }
  /** Nothing is done, and the connection is cut. */
  | { kind: "cut" }
  /** It is done, and the connection is cut before the answer. */
  | { kind: "cut_after" }
  /** It is done, and the connection is cut after so many bytes of the answer's body. */
  | { kind: "cut_within"; bytes: number }
  /** It is done, and the answer has this body. */
  | { kind: "body"; body: string }
  /** It is done, and the answer's body goes on for ever. */
  | { kind: "endless" }
  /** Never answered. */
  | { kind: "silent" };

type Route = "health" | "evaluate" | "status";

const FIELDS: Record<string, "string" | "number"> = {
  task_id: "string",
  seed: "string",
  model_url: "string",
  data_url: "string",
  steps: "number",
  batch_size: "number",
  timeout: "number",
  sequence_length: "number",
  data_samples: "number",
  code: "string",
  max_loss_difference: "number",
  min_params_changed_ratio: "number",
  weight_relative_error_max: "number",
  timer_divergence_threshold: "number",
  gpu_peak_tflops: "number",
  max_plausible_mfu: "number",
  min_mfu: "number",
  num_gpus: "number",
};

export class ServerDouble {
  /** EVAL_AUTH_TOKEN. */
  token: string | null = null;
  readonly jobs = new Map<string, Job>();
  readonly requests: { route: Route; authorization: string | undefined; jobId: string | null }[] = [];
  /** What a new job becomes; pending for ever without it. */
  onJob: (jobId: string, request: Body) => void = () => {};
  /** Polls of one job that say pending before its end is told. */
  pendingPolls = 0;
  readonly #faults: Record<Route, Fault[]> = { health: [], evaluate: [], status: [] };
  readonly #server: Server;
  readonly #asked = new Map<string, number>();
  #moved = Promise.withResolvers<void>();

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => void this.#handle(request, response));
  }

  static async start(port = 0, server: Server = createServer()): Promise<ServerDouble> {
    const double = new ServerDouble(server);
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return double;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  fail(route: Route, ...faults: Fault[]): void {
    this.#faults[route].push(...faults);
  }

  /** How often one route was asked. */
  count(route: Route): number {
    return this.requests.filter((request) => request.route === route).length;
  }

  /** Resolves when `holds` does; looked at after each request. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#moved.promise;
  }

  end(jobId: string, result: unknown, state: "done" | "failed" = "done"): void {
    const job = this.jobs.get(jobId);
    if (job === undefined) throw new Error(`no job ${jobId}`);
    this.jobs.set(jobId, { ...job, state, result });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "";
    const jobId = /^\/eval-status\/([^/]+)$/.exec(path)?.[1] ?? null;
    const route = path === "/health" ? "health" : path === "/evaluate" ? "evaluate" : jobId !== null ? "status" : null;
    const text = await bodyOf(request);
    if (route === null) {
      send(response, 404, { detail: "Not Found" });
      return;
    }
    const fault = this.#faults[route].shift();
    if (fault?.kind === "cut") request.socket.destroy();
    else if (fault?.kind === "status") {
      response.writeHead(fault.status, { "content-type": "application/json", ...fault.headers });
      response.end(fault.body ?? JSON.stringify({ detail: "told to fail" }));
    } else if (fault?.kind !== "silent") {
      const { status, body } = this.#answer(route, request, jobId, text);
      deliver(response, status, JSON.stringify(body), fault);
    }
    this.requests.push({ route, authorization: request.headers.authorization, jobId });
    const { resolve } = this.#moved;
    this.#moved = Promise.withResolvers();
    resolve();
  }

  #answer(
    route: Route,
    request: IncomingMessage,
    jobId: string | null,
    text: string,
  ): { status: number; body: unknown } {
    if (route === "health") return { status: 200, body: { status: "ok" } };
    if (route === "status") return this.#status(jobId ?? "");
    if (this.token !== null && request.headers.authorization !== `Bearer ${this.token}`) {
      return { status: 401, body: { detail: "Invalid or missing token" } };
    }
    const parsed = JSON.parse(text) as Body;
    const wrong = [
      ...Object.entries(FIELDS).filter(([name, kind]) => typeof parsed[name] !== kind),
      ...Object.keys(parsed).filter((name) => !Object.hasOwn(FIELDS, name)),
    ];
    if (wrong.length > 0) return { status: 422, body: { detail: wrong } };
    const id = randomUUID();
    this.jobs.set(id, { state: "pending", result: null, request: parsed });
    this.onJob(id, parsed);
    return { status: 202, body: { job_id: id } };
  }

  #status(jobId: string): { status: number; body: unknown } {
    const job = this.jobs.get(jobId);
    if (job === undefined) return { status: 404, body: { detail: "Job not found" } };
    const asked = (this.#asked.get(jobId) ?? 0) + 1;
    this.#asked.set(jobId, asked);
    if (job.state === "pending" || asked <= this.pendingPolls) {
      return { status: 200, body: { status: "pending", result: null } };
    }
    this.jobs.delete(jobId);
    return { status: 200, body: { status: job.state, result: job.result } };
  }
}

/** A result as section 6 names its fields, of a job that passed. */
export function passedResult({ task_id, seed }: Body, more: Body = {}): Body {
  return {
    task_id,
    mfu: 55.25,
    tps: 12_345.6,
    total_tokens: 327_680,
    wall_time_seconds: 60.5,
    success: true,
    error: null,
    error_code: null,
    seed,
    diagnostics: {},
    ...more,
  };
}

function deliver(response: ServerResponse, status: number, body: string, fault: Fault | undefined): void {
  if (fault?.kind === "cut_after") {
    response.socket?.destroy();
    return;
  }
  const text = fault?.kind === "body" ? fault.body : body;
  const headers = { "content-type": "application/json" };
  if (fault?.kind === "cut_within") {
    response.writeHead(status, { ...headers, "content-length": String(Buffer.byteLength(text)) });
    response.write(text.slice(0, fault.bytes), () => response.socket?.destroy());
    return;
  }
  response.writeHead(status, headers);
  if (fault?.kind !== "endless") {
    response.end(text);
    return;
  }
  const piece = Buffer.alloc(64 * 1024, " ");
  const more = () => {
    while (!response.destroyed && response.write(piece)) {}
  };
  response.on("drain", more);
  response.on("error", () => {});
  more();
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString("utf8");
}
