/** What goes wrong between us and an engine, in words. */
import { CrusaderError } from "../../../common/errors.ts";
import type { Endpoint } from "./endpoints.ts";

/** Whether trying again later may help: nothing is known of what the engine does meanwhile. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof CrusaderError && error.code === "engine_unreachable";
}

/** An answer that is no success; `status` is HTTP's. */
export class EngineRefusal extends CrusaderError {
  readonly status: number;

  constructor(status: number, message: string, hint: string) {
    super("engine_failed", message, hint, `HTTP ${status}`);
    this.status = status;
  }
}

/** What a call threw, as an error of ours. */
export function engineError({ name, address }: Endpoint, error: unknown): CrusaderError {
  if (error instanceof CrusaderError) return error;
  const {
    code = "",
    message,
    statusCode,
    json,
  } = error as NodeJS.ErrnoException & {
    statusCode?: number;
    json?: unknown;
  };
  const engine = name === "default" ? "The container engine" : `The container engine ${name}`;
  const unreachable = (what: string, hint: string) =>
    new CrusaderError("engine_unreachable", `${engine} ${what} (${address}).`, hint, message);
  if (statusCode !== undefined) return answered(engine, statusCode, json, message);
  switch (code) {
    case "EACCES":
    case "EPERM":
      return unreachable(
        "may not be used by this user",
        "Join its group and log in again: sudo usermod -aG docker $USER. Or use a rootless engine.",
      );
    case "ENOENT":
    case "ECONNREFUSED":
      return unreachable(
        "does not run",
        "Start it (Linux: sudo systemctl start docker; else Docker Desktop), or choose another: docker context ls.",
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return unreachable("cannot be reached", "Check the address and the network.");
    case "ECONNRESET":
    case "EPIPE":
    case "ABORT_ERR":
    case "ERR_STREAM_PREMATURE_CLOSE":
      return unreachable(
        "broke off",
        "It may have been stopped or restarted. What runs in containers is looked for again.",
      );
  }
  if (code.startsWith("HPE_")) {
    return new CrusaderError(
      "engine_failed",
      `${engine} answered with something that is no engine's (${address}).`,
      "Check the address: something else may listen there.",
      message,
    );
  }
  if (code.startsWith("ERR_TLS") || /certificate|self.signed|SSL/i.test(`${code} ${message}`)) {
    return unreachable("could not prove who it is", "Check the certificates of the context: docker context inspect.");
  }
  return unreachable("cannot be reached", "Check that it runs: docker version.");
}

export function tooSlow({ name, address }: Endpoint, milliseconds: number): CrusaderError {
  return new CrusaderError(
    "engine_unreachable",
    `The container engine ${name} did not answer within ${milliseconds / 1000} s (${address}).`,
    "It may be overloaded or hang: see whether `docker version` answers.",
  );
}

export function endless({ name, address }: Endpoint, bytes: number): CrusaderError {
  return new CrusaderError(
    "engine_failed",
    `The container engine ${name} gave an answer of more than ${bytes / 1024 ** 2} MiB (${address}).`,
    "Check the address: something else may listen there.",
  );
}

export function malformed({ name, address }: Endpoint, call: string, detail: string): CrusaderError {
  return new CrusaderError(
    "engine_failed",
    `The container engine ${name} gave an answer to "${call}" that cannot be understood (${address}).`,
    "It may be of another kind or version than Docker 20.10 and its successors.",
    detail,
  );
}

function answered(engine: string, statusCode: number, json: unknown, message: string): EngineRefusal {
  const said = (json as { message?: unknown } | null)?.message;
  const reason = (typeof said === "string" ? said : message).trim();
  return new EngineRefusal(statusCode, `${engine} refused: ${reason}`, hintFor(reason));
}

function hintFor(reason: string): string {
  if (/device error|unknown device|unresolvable CDI devices|no such device/i.test(reason)) {
    return "The engine's host has no GPU of that number: nvidia-smi -L lists them there.";
  }
  if (/could not select device driver|nvidia-container|libnvidia|cdi device/i.test(reason)) {
    return "GPUs in containers need the NVIDIA Container Toolkit, set up for this engine: nvidia-ctk runtime configure.";
  }
  if (/no space left/i.test(reason)) return "Free space where the engine keeps its data: docker system df.";
  if (/rlimit|memlock|ulimit/i.test(reason))
    return "The engine may not raise that limit; the validator's flags need none.";
  if (/No such image/i.test(reason)) return "Build the image first.";
  if (
    /layer does not exist|unknown layer|failed to (?:get|register) layer|missing (?:blob|content)|parent snapshot/i.test(
      reason,
    )
  )
    return "The image is incomplete there: remove it (docker image rm), then build or load it again.";
  if (/client version|API version/i.test(reason)) return "Update the engine: Docker 20.10 or newer.";
  return "";
}
