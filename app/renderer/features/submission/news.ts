/** What is worth telling of submissions while a person looks elsewhere. Pure. */
import { formatInteger } from "../../../common/format.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Submission } from "../../../common/submission.ts";
import { evaluatedWords, paymentText } from "../../../common/submission-words.ts";
import type { NotificationOptions } from "../../shell/notifications.ts";

export type News = Pick<NotificationOptions, "kind" | "title" | "message"> & {
  submissionId: string;
  /** A later one of the same topic takes the place of an earlier one. */
  topic: "progress" | "url" | "problem";
};

/** Each change once; a submission that is new to this window has none. */
export function newsOf(before: readonly Submission[], after: readonly Submission[]): News[] {
  return after.flatMap((now) => {
    const earlier = before.find(({ id }) => id === now.id);
    return earlier === undefined ? [] : changes(earlier, now).map((news) => ({ ...news, submissionId: now.id }));
  });
}

function changes(before: Submission, { fileName, steps, payment, urlWatch, ...now }: Submission) {
  const found: Omit<News, "submissionId">[] = [];
  const name = shownText(fileName);
  const becomes = (state: Submission["state"]) => now.state === state && before.state !== state;
  if (payment !== null && before.payment === null && steps.some(({ step }) => step === "transfer")) {
    found.push({
      topic: "progress",
      kind: "success",
      title: `${name}: the fee is paid`,
      message: `Proof: ${paymentText(payment)}.`,
    });
  }
  if (becomes("committed")) {
    const block = steps.at(-1)?.inclusion?.block;
    const where = block === undefined ? "" : `In block ${formatInteger(block)}. `;
    found.push({
      topic: "progress",
      kind: "success",
      title: `${name} is committed`,
      message: `${where}Leave the hosted file as it is until it was evaluated.`,
    });
  }
  if (becomes("revealed")) {
    found.push({
      topic: "progress",
      kind: "success",
      title: `${name} is revealed`,
      message: "The chain shows what was meant.",
    });
  }
  if (becomes("evaluated") && now.evaluated !== null) {
    found.push({
      topic: "progress",
      kind: now.evaluated.error === null ? "success" : "warning",
      title: `${name} was evaluated`,
      message: [shownText(evaluatedWords(now.evaluated)), shownText(now.evaluated.error ?? "")]
        .filter((part) => part !== "")
        .join(": "),
    });
  }
  if (urlWatch.state === "changed" && before.urlWatch.state !== "changed") {
    found.push({
      topic: "url",
      kind: "error",
      title: `${name}: the hosted file has changed`,
      message: shownText(`${urlWatch.message} ${urlWatch.hint}`),
    });
  }
  if (now.problem !== null && now.problem.message !== before.problem?.message) {
    found.push({
      topic: "problem",
      kind: "warning",
      title: `${name}: ${shownText(now.problem.message)}`,
      message: shownText(now.problem.hint),
    });
  }
  return found;
}
