/** The step that is a person's: prepared, shown with the time there is to sign it, signed, sent, or prepared again. */
import { Button } from "@mantine/core";
import { useCallback, useEffect, useState } from "react";
import type { UnsignedExtrinsic } from "../../../common/chain.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import type { ShownStep, TimeToSign } from "../../../common/submission.ts";
import { signingWords, timeToSignStanding } from "../../../common/submission-words.ts";
import { client, useConnection } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { SignStep } from "../wallets/index.ts";
import { DecodedCall } from "./decoded-call.tsx";
import { StateMark } from "./state-mark.tsx";
import classes from "./submission.module.css";
import { useNow } from "./times.ts";

/** Builds the step whose turn it is, which costs nothing and tells nobody. */
function usePrepare(id: string) {
  const [error, setError] = useState<CrusaderError | null>(null);
  const [isWorking, setWorking] = useState(false);
  const prepare = useCallback(() => {
    setError(null);
    setWorking(true);
    client.submission
      .prepare({ id })
      .catch((thrown: unknown) => setError(asCrusaderError(thrown)))
      .finally(() => setWorking(false));
  }, [id]);
  return { error, isWorking, prepare };
}

/** As soon as it is looked at, unless something went wrong before. */
export function Prepare({ id, step, isAsked }: { id: string; step: ShownStep; isAsked: boolean }) {
  const { status } = useConnection();
  const { error, isWorking, prepare } = usePrepare(id);
  useEffect(() => {
    if (status === "connected" && !isAsked) prepare();
  }, [status, isAsked, prepare]);
  if (error !== null) return <ErrorState error={error} retry={prepare} />;
  if (isWorking) return <Loading what="Looking at everything once more, and building the extrinsic" />;
  return (
    <div className={classes.line}>
      <Button variant="filled" disabled={status !== "connected"} onClick={prepare}>
        Prepare it again
      </Button>
      <span className={classes.dim}>{whyAgain(step)}</span>
    </div>
  );
}

function whyAgain({ state, signBy }: ShownStep): string {
  if (state !== "expired") return "The one before took no effect.";
  return signBy === null
    ? "The one before is in no block and can be in none."
    : "Crusader sent nothing of it. All that was done before is kept; a signature made for it fits no more.";
}

export function Sign({ id, step: { step, signer, unsigned, signBy } }: { id: string; step: ShownStep }) {
  const { status } = useConnection();
  const { error, isWorking, prepare } = usePrepare(id);
  if (unsigned === null) return null;
  const isConnected = status === "connected";
  return (
    <div className={classes.sign}>
      <DecodedCall unsigned={unsigned} showsSigner={false} />
      <div className={classes.line}>
        {signBy !== null && <TimeLeft signBy={signBy} unsigned={unsigned} />}
        <Button disabled={!isConnected} loading={isWorking} onClick={prepare}>
          Prepare it again
        </Button>
        {signer.kind === "cold" && (
          <span className={classes.dim}>A signature made for this one fits no more then.</span>
        )}
      </div>
      {error !== null && <ErrorState error={error} />}
      <SignStep
        unsigned={unsigned}
        signer={signer}
        action={signingWords(unsigned.call)}
        blockedBy={isWorking ? "It is being prepared again." : isConnected ? null : "Not connected."}
        onSigned={async (signed) => {
          await client.submission.send({ id, step, signed });
        }}
      />
    </div>
  );
}

function TimeLeft({ signBy, unsigned }: { signBy: TimeToSign; unsigned: UnsignedExtrinsic }) {
  const now = useNow();
  return (
    <span className="number">
      <StateMark standing={timeToSignStanding(signBy, unsigned, now)} />
    </span>
  );
}
