/** Formats Python in a worker, which is started when it is first asked. Nothing leaves the machine. */
import { CrusaderError } from "../../../common/errors.ts";
import type { FormatRequest } from "./format.worker.ts";
import FormatWorker from "./format.worker.ts?worker";
import { formattingEdits, type TextEdit } from "./formatting-edits.ts";
import type { Formatted } from "./ruff.ts";

type Answer = { id: number } & ({ formatted: Formatted } | { failure: string });
type Waiting = { resolve: (formatted: Formatted) => void; reject: (error: Error) => void };

let worker: Worker | null = null;
let lastId = 0;
const waiting = new Map<number, Waiting>();

function failed(detail: string): CrusaderError {
  return new CrusaderError("internal", "The file was not formatted: the formatter failed.", "Format it again.", detail);
}

/** The next text gets a worker of its own: this one may never answer. */
function giveUp(detail: string): void {
  worker?.terminate();
  worker = null;
  for (const { reject } of waiting.values()) reject(failed(detail));
  waiting.clear();
}

function startWorker(): Worker {
  const started = new FormatWorker();
  started.onmessage = ({ data }: MessageEvent<Answer>) => {
    if ("failure" in data) return giveUp(data.failure);
    waiting.get(data.id)?.resolve(data.formatted);
    waiting.delete(data.id);
  };
  started.onerror = ({ message }) => giveUp(message);
  return started;
}

function format(text: string): Promise<Formatted> {
  worker ??= startWorker();
  lastId += 1;
  const request: FormatRequest = { id: lastId, text };
  const answer = new Promise<Formatted>((resolve, reject) => waiting.set(request.id, { resolve, reject }));
  worker.postMessage(request);
  return answer;
}

/**
 * What is to change in a text whose lines end with "\n"; nothing where it is well formatted. Throws `usage` where it is
 * no Python, and `internal` where the formatter fails.
 */
export async function formatEdits(text: string): Promise<TextEdit[]> {
  const formatted = await format(text);
  if (formatted.kind === "formatted") return formattingEdits(text, formatted.text);
  const { line, column, message } = formatted;
  throw new CrusaderError(
    "usage",
    `The file was not formatted: line ${line}, column ${column} is not valid Python.`,
    `${message}. Nothing was changed.`,
  );
}
