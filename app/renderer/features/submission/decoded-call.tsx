/** An extrinsic before it is signed: in words and amounts, and as it was decoded back from its own bytes. */
import type { UnsignedExtrinsic } from "../../../common/chain.ts";
import { formatAmount, formatInteger } from "../../../common/format.ts";
import { shownText } from "../../../common/shown-text.ts";
import { callRows } from "../../../common/submission-words.ts";
import { CopiedFact, Fact, Facts } from "./facts.tsx";
import classes from "./submission.module.css";

/** `showsSigner`: false where what signs says for whom, right below. */
export function DecodedCall({ unsigned, showsSigner = true }: { unsigned: UnsignedExtrinsic; showsSigner?: boolean }) {
  const { call, decoded, payload, byteCount, nonce, firstBlock, lastBlock, specVersion, feeRao } = unsigned;
  return (
    <>
      <Facts>
        {callRows(call).map(({ name, value, copied }) =>
          copied ? (
            <CopiedFact key={name} name={name} value={value} />
          ) : (
            <Fact key={name} name={name}>
              <span className="number">{value}</span>
            </Fact>
          ),
        )}
        {showsSigner && <CopiedFact name="Signed by" value={payload.address} />}
        <Fact name="Fee of the chain">
          <span className="number">{feeRao === null ? "the node does not tell" : formatAmount(feeRao)}</span>
        </Fact>
      </Facts>
      <details className={classes.decoded}>
        <summary>
          Decoded from its bytes: <span className="mono">{shownText(decoded.name)}</span>, {formatInteger(byteCount)}{" "}
          bytes
        </summary>
        <Facts>
          {decoded.arguments.map(({ name, value }) => (
            <Fact key={name} name={name}>
              <span className="mono">{shownText(value)}</span>
            </Fact>
          ))}
          <Fact name="Nonce">{formatInteger(nonce)}</Fact>
          <Fact name="Can be included in">
            blocks {formatInteger(firstBlock)} to {formatInteger(lastBlock)}
          </Fact>
          <Fact name="Runtime">spec {specVersion}</Fact>
          <CopiedFact name="Signed bytes" value={unsigned.signedBytes} />
        </Facts>
      </details>
    </>
  );
}
