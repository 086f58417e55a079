/** What a submission costs, to whom it goes, and how that was found out. */
import { formatAmount } from "../../../common/format.ts";
import type { Fee } from "../../../common/submission.ts";
import { CopiedFact, Fact, Facts } from "./facts.tsx";

/** `cited`: it was paid for an earlier submission. */
export function FeeFacts({ fee, cited }: { fee: Fee; cited: boolean }) {
  const { amountRao, neededRao, destinationColdkey, destinationFrom, burnHotkey, burnUid } = fee;
  return (
    <Facts>
      <Fact name="Fee">
        <b className="number">{formatAmount(amountRao)}</b>
        {cited && " paid before; nothing is paid again"}
      </Fact>
      {!cited && (
        <Fact name="Balance needed">
          <span className="number">{formatAmount(neededRao)}</span>
        </Fact>
      )}
      <CopiedFact name="Destination coldkey" value={destinationColdkey} />
      <Fact name="Derived from">
        {destinationFrom === "payment_address"
          ? "the profile's payment_address"
          : `the owner of the hotkey at uid ${burnUid}`}
      </Fact>
      <CopiedFact name={`Hotkey at uid ${burnUid}`} value={burnHotkey} />
    </Facts>
  );
}
