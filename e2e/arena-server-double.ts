/**
 * For tests: a validator's public API that keeps to spec/evaluation.md section 7, over submissions that a test puts there,
 * and misbehaves where it is told to.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type DoubleSubmission = {
  submission_id: string;
  miner_hotkey: string;
  miner_uid: number;
  code_hash: string;
  bucket_path: string;
  spec_version: number;
  status: string;
  created_at: string;
  updated_at: string;
  final_score: number | null;
  error_message: string | null;
  payment_verified: boolean;
  /** Null: not stored yet. */
  code: string | null;
  evaluations: Record<string, unknown>[];
};

/** What happens instead of the answer of a path, until it is taken away. */
export type ArenaFault =
  | { kind: "status"; status: number; headers?: Record<string, string>; body?: string }
  | { kind: "body"; body: string | Buffer; contentType?: string }
  /** The answer's body goes on for ever. */
  | { kind: "endless" }
  | { kind: "cut" }
  /** Never answered. */
  | { kind: "silent" }
  /** Answered when the test says so. */
  | { kind: "held"; until: Promise<void> };

export class ArenaServerDouble {
  apiKey: string | null = null;
  /** ETags are sent, and asked with. */
  hasTags = true;
  readonly submissions: DoubleSubmission[] = [];
  threshold: Record<string, unknown> = {
    current_threshold: 0.1,
    last_improvement: 0.1,
    last_update_block: 1000,
    decayed_threshold: 0.0955,
    updated_at: "2026-04-05T10:00:00",
  };
  readonly requests: { path: string; apiKey: string | undefined; status: number }[] = [];
  /** By path, without the question's parameters; "*" is all of them. */
  readonly faults = new Map<string, ArenaFault>();
  readonly #server: Server;
  #moved = Promise.withResolvers<void>();

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => void this.#handle(request, response));
  }

  static async start(port = 0): Promise<ArenaServerDouble> {
    const server = createServer();
    const double = new ArenaServerDouble(server);
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

  /** Resolves when `holds` does; looked at after each request. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#moved.promise;
  }

  /** Paths that were asked for, without what came after a question mark. */
  asked(): string[] {
    return this.requests.map(({ path }) => path.replace(/\?.*/, ""));
  }

  put(...submissions: (Partial<DoubleSubmission> & { submission_id: string })[]): void {
    for (const submission of submissions) {
      const code = submission.code === undefined ? codeFor(submission.submission_id) : submission.code;
      const at = this.submissions.findIndex(({ submission_id }) => submission_id === submission.submission_id);
      this.submissions.splice(at === -1 ? this.submissions.length : at, at === -1 ? 0 : 1, {
        miner_hotkey: "5HotkeyA",
        miner_uid: 7,
        code_hash: hashOf(code ?? "").slice(0, 32),
        bucket_path: `https://gist.example/${submission.submission_id}`,
        spec_version: 5,
        status: "finished",
        created_at: "2026-04-05T10:00:00",
        updated_at: "2026-04-05T11:00:00",
        final_score: 50,
        error_message: null,
        payment_verified: true,
        evaluations: [],
        ...submission,
        code,
      });
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.address);
    const { "x-api-key": apiKey, "if-none-match": tag } = request.headers;
    const log = { path: request.url ?? "", apiKey: Array.isArray(apiKey) ? apiKey.join() : apiKey, status: 0 };
    this.requests.push(log);
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
    const send = (status: number, body: unknown, headers: Record<string, string> = {}) => {
      log.status = status;
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(status === 304 ? undefined : JSON.stringify(body));
    };
    const fault = this.faults.get(pathname) ?? this.faults.get("*");
    if (fault !== undefined && fault.kind !== "held") {
      misbehave(response, fault);
      return;
    }
    if (fault?.kind === "held") await fault.until;
    if (this.apiKey !== null && log.apiKey !== this.apiKey && pathname !== "/health") {
      send(401, { detail: "Invalid or missing API key" });
      return;
    }
    const limit = Number(searchParams.get("limit") ?? 100);
    const body = this.#answer(pathname, limit);
    if (body === undefined) {
      send(404, { detail: "Not found" });
      return;
    }
    const etag = `"${hashOf(JSON.stringify(body)).slice(0, 16)}"`;
    if (this.hasTags && tag === etag) send(304, null, { etag });
    else send(200, body, this.hasTags ? { etag } : {});
  }

  #answer(path: string, limit: number): unknown {
    const finished = this.submissions.filter(({ status }) => status === "finished");
    const count = (...statuses: string[]) => this.submissions.filter(({ status }) => statuses.includes(status)).length;
    const counts = {
      queued_count: count("pending", "validating"),
      running_count: count("evaluating"),
      finished_count: finished.length,
      failed_count: count("failed_validation", "failed_evaluation", "error"),
    };
    switch (path) {
      case "/health":
        return { status: "healthy" };
      case "/leaderboard":
        return finished
          .toSorted((a, b) => (b.final_score ?? 0) - (a.final_score ?? 0))
          .slice(0, limit)
          .map((each, index) => ({
            rank: index + 1,
            ...pick(each, "submission_id", "miner_hotkey", "miner_uid", "final_score", "created_at"),
            num_evaluations: each.evaluations.length,
          }));
      case "/api/stats/overview":
        return {
          submissions_24h: this.submissions.length,
          current_top_score: Math.max(0, ...finished.map(({ final_score }) => final_score ?? 0)),
          mfu_to_beat: 0,
          adaptive_threshold: this.threshold.decayed_threshold,
          score_improvement_24h: 0,
          total_submissions: this.submissions.length,
          active_miners: new Set(this.submissions.map(({ miner_hotkey }) => miner_hotkey)).size,
        };
      case "/api/stats/validator":
        return {
          status: "running",
          evaluations_completed_1h: 3,
          current_evaluation: null,
          uptime: "3d 4h",
          ...counts,
          success_rate: "71.4%",
        };
      case "/api/stats/recent":
        return this.submissions
          .toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1))
          .slice(0, limit)
          .map((each) => ({
            ...pick(each, "submission_id", "miner_hotkey", "miner_uid", "status", "final_score", "created_at"),
            error: each.error_message,
          }));
      case "/api/stats/history": {
        let best = 0;
        return finished
          .toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1))
          .flatMap(({ submission_id, final_score, created_at }) => {
            if ((final_score ?? 0) <= best) return [];
            best = final_score ?? 0;
            return [{ submission_id, mfu: best, timestamp: created_at }];
          })
          .slice(-limit);
      }
      case "/api/stats/queue":
        return { ...counts, avg_score: 50 };
      case "/api/stats/threshold":
        return this.threshold;
    }
    const [, id = "", part = ""] = /^\/api\/submissions\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
    const found = this.submissions.find(({ submission_id }) => submission_id === decodeURIComponent(id));
    if (found === undefined) return undefined;
    const { code, evaluations, ...facts } = found;
    if (part === "") return facts;
    if (part === "evaluations") return evaluations;
    if (part !== "code") return undefined;
    // As production does: code that is not stored yet comes as a few comment lines.
    return { code: code ?? "# Code not available yet\n# Evaluation pending\n", code_hash: facts.code_hash };
  }
}

/** An evaluation as the API gives it. */
export function doubleEvaluation(id: string, mfu: number | null, error: string | null = null): Record<string, unknown> {
  return {
    evaluation_id: id,
    evaluator_hotkey: "5Validator",
    mfu,
    tokens_per_second: mfu === null ? null : mfu * 1000,
    total_tokens: 327_680,
    wall_time_seconds: 41.5,
    success: error === null,
    error,
    created_at: "2026-04-05T10:30:00",
  };
}

export function codeFor(id: string): string {
  return `"""${id}"""\nimport torch\n\n\ndef inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n    return None\n`;
}

export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function pick<K extends keyof DoubleSubmission>(submission: DoubleSubmission, ...keys: K[]): Pick<DoubleSubmission, K> {
  return Object.fromEntries(keys.map((key) => [key, submission[key]])) as Pick<DoubleSubmission, K>;
}

function misbehave(response: ServerResponse, fault: Exclude<ArenaFault, { kind: "held" }>): void {
  switch (fault.kind) {
    case "status":
      response.writeHead(fault.status, fault.headers ?? {});
      response.end(fault.body ?? "");
      return;
    case "body":
      response.writeHead(200, { "content-type": fault.contentType ?? "application/json" });
      response.end(fault.body);
      return;
    case "endless": {
      response.writeHead(200, { "content-type": "application/json" });
      const more = () => {
        while (!response.destroyed && response.write(" ".repeat(65_536)));
      };
      response.on("drain", more);
      more();
      return;
    }
    case "cut":
      response.destroy();
      return;
    case "silent":
      return;
  }
}
