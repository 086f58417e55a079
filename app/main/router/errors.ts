/** How errors leave: always one of the contract's, with a whole report. Bugs are also kept for the diagnostics. */
import { ORPCError } from "@orpc/client";
import { type ProcedureClientInterceptorOptions, ValidationError } from "@orpc/server";
import { CrusaderError, type ErrorReport } from "../../common/errors.ts";

const MAX_KEPT = 50;

export type JournalEntry = { at: string; procedure: string; report: ErrorReport };

/** The last errors that were bugs, for the diagnostics. In memory only. */
export class ErrorJournal {
  #entries: JournalEntry[] = [];

  get entries(): readonly JournalEntry[] {
    return this.#entries;
  }

  add(procedure: string, report: ErrorReport): void {
    this.#entries = [...this.#entries, { at: new Date().toISOString(), procedure, report }].slice(-MAX_KEPT);
  }
}

/** Whatever was thrown, as a report. An answer that breaks its own schema is a bug like any other. */
export function reportOf(thrown: unknown): ErrorReport {
  if (thrown instanceof CrusaderError) return thrown.report();
  if (thrown instanceof ORPCError && thrown.code === "BAD_REQUEST") {
    const issues = thrown.cause instanceof ValidationError ? thrown.cause.issues : [];
    const said = issues.map(({ path = [], message }) => {
      const at = path.map((part) => (typeof part === "object" ? part.key : part)).join(".");
      return at === "" ? message : `${at}: ${message}`;
    });
    return {
      code: "usage",
      message: said.length === 0 ? "The request is malformed." : `The request is not understood: ${said[0]}`,
      hint: "",
      detail: said.join("\n"),
    };
  }
  const error = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  const detail = error instanceof ValidationError ? JSON.stringify(error.issues) : "";
  return {
    code: "internal",
    message: "Crusader itself failed.",
    hint: "Please report it with the diagnostics (Help).",
    detail: `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n${detail}`.trim(),
  };
}

/** For `clientInterceptors` of a handler: around validation and procedure, streams included. */
export function reportingErrors(journal: ErrorJournal) {
  const translate = (thrown: unknown, path: readonly string[], signal: AbortSignal | undefined) => {
    // The window went away, or no longer wants it: nobody reads what is thrown.
    if (signal?.aborted === true && thrown === signal.reason) return thrown;
    if (thrown instanceof ORPCError && thrown.defined) return thrown;
    const report = reportOf(thrown);
    if (report.code === "internal") journal.add(path.join("."), report);
    return new ORPCError(report.code, { message: report.message, data: report, defined: true, status: 500 });
  };
  // biome-ignore lint/suspicious/noExplicitAny: the library's own interceptors are typed so
  return async (options: ProcedureClientInterceptorOptions<any, any, any> & { next: () => Promise<any> }) => {
    const { path, signal } = options;
    try {
      const output = await options.next();
      return isIterator(output) ? withErrors(output, (thrown) => translate(thrown, path, signal)) : output;
    } catch (thrown) {
      throw translate(thrown, path, signal);
    }
  };
}

function isIterator(value: unknown): value is AsyncIteratorObject<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value && "next" in value;
}

function withErrors(iterator: AsyncIteratorObject<unknown>, translate: (thrown: unknown) => unknown) {
  return (async function* () {
    try {
      yield* iterator;
    } catch (thrown) {
      throw translate(thrown);
    }
  })();
}
