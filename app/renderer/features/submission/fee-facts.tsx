/** What a submission costs, to whom it goes, and how that was found out. */
import { formatAmount, formatTao } from "../../../common/format.ts";
import type { Fee } from "../../../common/submission.ts";
import { CopiedFact, Fact } from "./facts.tsx";

/** Rows of a list of facts. `payment`: it is still to be paid, has been, or was for an earlier submission. */
export function FeeFacts({ fee, payment }: { fee: Fee; payment: "due" | "begun" | "cited" }) {
  const { amountRao, neededRao, destinationColdkey, destinationFrom, burnHotkey, burnUid } = fee;
  return (
    <>
      <Fact name="Fee">
        <b className="number">{formatAmount(amountRao)}</b>
        {payment === "cited" && ", paid before; nothing is paid again"}
      </Fact>
      {payment === "due" && (
        <Fact name="Balance needed">
          <span className="number">{formatAmount(neededRao)}</span>, of which{" "}
          <span className="number">{formatTao(BigInt(neededRao) - BigInt(amountRao))}</span> stay: a reserve for fees of
          the chain
        </Fact>
      )}
      <CopiedFact name="Destination coldkey" value={destinationColdkey} />
      <Fact name="Derived from">
        {destinationFrom === "payment_address"
          ? "the profile's payment_address"
          : `the owner of the hotkey at uid ${burnUid}`}
      </Fact>
      <CopiedFact name={`Hotkey at uid ${burnUid}`} value={burnHotkey} />
    </>
  );
}
