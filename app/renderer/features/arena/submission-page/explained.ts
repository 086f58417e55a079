/** Why a validator failed a submission, by the same explainer as one's own runs; the numbers of its run are not known. Pure. */
import type { ValidatorCode } from "../../../../common/events.ts";
import { type Explanation, explainFailure } from "../../../../common/explain.ts";

export type ToldError = { error: string | null; errorCode: ValidatorCode | null };
export type ExplainedError = { code: ValidatorCode; message: string; explanation: Explanation };

/** One for each of the validator's codes, in the order of their first mention. */
export function explainedErrors(told: readonly ToldError[]): ExplainedError[] {
  const byCode = new Map<ValidatorCode, ExplainedError>();
  for (const { error, errorCode: code } of told) {
    if (code === null || byCode.has(code)) continue;
    const message = error ?? "";
    const failure = {
      kind: "check" as const,
      code,
      fault: "submission" as const,
      message,
      hint: "",
      stage: "checks" as const,
      rank: null,
      line: null,
      detail: "",
    };
    const repeat = { failure, checks: [], notes: [], numRanks: 1, strategy: null, parameters: null };
    const explanation = explainFailure(repeat, {});
    if (explanation !== null) byCode.set(code, { code, message, explanation });
  }
  return [...byCode.values()];
}
