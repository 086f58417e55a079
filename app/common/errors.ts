/** Errors a person can act on. They cross every door as `{code, message, hint, detail}`. */
import { z } from "zod";

export const ERROR_CODES = [
  "usage", // wrong use of a command or procedure
  "not_found",
  "invalid_profile",
  "invalid_record",
  "python_missing",
  "python_setup_failed",
  "sandbox_missing",
  "git_missing",
  "fetch_failed", // a repository or a hosted file could not be fetched: address, network, or what it holds
  "publish_failed", // a file could not be published at its host; whether a new one was made there is in the message
  "foreign_code", // code of others needs a sandbox
  "engine_unreachable", // no container engine answers; what it does meanwhile is not known
  "engine_failed", // a container engine refused, or gave an answer that cannot be understood
  "image_missing", // the image is not there, or not the one that is needed
  "build_failed", // an image could not be built
  "server_unreachable", // an evaluation server cannot be asked
  "server_refused", // an evaluation server answers, but does not do it
  "chain_unreachable", // no node of the chain answers; what it does meanwhile is not known
  "chain_refused", // a node answers, but refuses, or says what no chain would
  "signature_refused", // not the signature of what was to be signed; nothing was sent
  "commitment_failed", // a commitment could not be made, or one cannot be read; nothing was sent
  "wallet_unreadable", // a key file is damaged, or of a form that Crusader does not read
  "wrong_password",
  "unsupported", // this machine cannot do it: no GPU, no such system
  "disk_full",
  "data_folder", // the data folder cannot be read or written, or was written by a newer Crusader
  "busy",
  "conflict", // someone else changed it meanwhile; nothing was overwritten
  "too_large",
  "access_denied", // a file or folder of the user's may not be read or written
  "cancelled", // asked for; no failure
  "disconnected", // the window lost its services; only ever made on the window's side
  "internal",
] as const;
export const errorCodeSchema = z.enum(ERROR_CODES);
export type ErrorCode = z.infer<typeof errorCodeSchema>;

export const errorReportSchema = z.object({
  code: errorCodeSchema,
  message: z.string(),
  hint: z.string(),
  detail: z.string(),
});
export type ErrorReport = z.infer<typeof errorReportSchema>;

/** An expected failure: what happened, and what to do. Anything else that is thrown is a bug of ours. */
export class CrusaderError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly detail: string;

  constructor(code: ErrorCode, message: string, hint = "", detail = "") {
    super(message);
    this.name = "CrusaderError";
    this.code = code;
    this.hint = hint;
    this.detail = detail;
  }

  report(): ErrorReport {
    return { code: this.code, message: this.message, hint: this.hint, detail: this.detail };
  }
}
