/** All own submissions, the newest first, with their proofs of payment. */
import { Button } from "@mantine/core";
import { formatTao } from "../../../common/format.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Submission } from "../../../common/submission.ts";
import { countdown, paymentText, submissionStanding } from "../../../common/submission-words.ts";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import { shortAddress } from "../wallets/signer-choices.ts";
import { ExportButtons } from "./export-buttons.tsx";
import { StateMark } from "./state-mark.tsx";
import classes from "./submission.module.css";
import { useSubmissions } from "./submissions.ts";
import { shownTime, useNow } from "./times.ts";
import { showView } from "./view.ts";

export function ListView() {
  const { list, error } = useSubmissions();
  const now = useNow();
  if (error !== null) return <ErrorState error={error} />;
  if (list === null) return <Loading what="Reading the submissions" />;
  if (list.length === 0) {
    return (
      <EmptyState
        title="Nothing was submitted yet"
        actions={<Button onClick={() => showView({ kind: "new" })}>New submission</Button>}
      >
        Every submission is kept here with its file, its extrinsics and its proof of payment. The practice network walks
        the whole way without a coin.
      </EmptyState>
    );
  }
  return (
    <section className={classes.part} aria-label="Own submissions">
      <div className={classes.line}>
        <h2 className={classes.title}>Own submissions</h2>
        <ExportButtons />
      </div>
      <div className={classes.scrolled}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">Began</th>
              <th scope="col">Network</th>
              <th scope="col">Hotkey</th>
              <th scope="col">State</th>
              <th scope="col" data-number>
                Fee
              </th>
              <th scope="col">Proof of payment</th>
            </tr>
          </thead>
          <tbody>
            {list.map((submission) => (
              <Row key={submission.id} submission={submission} now={now} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ submission, now }: { submission: Submission; now: number }) {
  const { id, fileName, createdAt, network, hotkeyAddress, fee, payment, paymentIsOpen, state, reveal } = submission;
  const awaits = reveal !== null && (reveal.state === "waiting" || reveal.state === "late");
  return (
    <tr data-submission={id}>
      <th scope="row">
        <Button title="Show it" onClick={() => showView({ kind: "one", id }, { fullWidth: state === "open" })}>
          {shownText(fileName)}
        </Button>
      </th>
      <td>
        <time dateTime={createdAt}>{shownTime(createdAt)}</time>
      </td>
      <td className={network.includes("://") ? classes.breakable : undefined}>{network}</td>
      <td className={`mono ${classes.address}`} title={hotkeyAddress}>
        {shortAddress(hotkeyAddress)}
      </td>
      <td>
        <StateMark standing={submissionStanding(submission)} />
        {awaits && <div className="number">{countdown(reveal, now)}</div>}
      </td>
      <td className="number" data-number>
        {fee === null ? "none" : formatTao(fee.amountRao)}
      </td>
      <td className="number">
        {payment === null ? "" : paymentText(payment)}
        {paymentIsOpen && state !== "open" && <div className={classes.reason}>not used yet</div>}
      </td>
    </tr>
  );
}
