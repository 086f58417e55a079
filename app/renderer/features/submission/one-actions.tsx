/** What a person may do with a submission that is on its way, beside signing. */
import { Button, Modal } from "@mantine/core";
import { useState } from "react";
import type { Network } from "../../../common/chain.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { ErrorState } from "../../shell/ui/states.tsx";
import { NetworkPicker } from "../chain/network-picker.tsx";
import classes from "./submission.module.css";

/** One that is asked for in a dialog, which stays open with what went wrong. */
function useAsked(action: () => Promise<unknown>) {
  const [isAsked, setAsked] = useState(false);
  const [isWorking, setWorking] = useState(false);
  const [error, setError] = useState<CrusaderError | null>(null);
  return {
    isAsked,
    isWorking,
    error,
    ask: () => {
      setError(null);
      setAsked(true);
    },
    close: () => setAsked(false),
    run: () => {
      setWorking(true);
      setError(null);
      action()
        .then(() => setAsked(false))
        .catch((thrown: unknown) => setError(asCrusaderError(thrown)))
        .finally(() => setWorking(false));
    },
  };
}

export function Abandon({ id, isPaid }: { id: string; isPaid: boolean }) {
  const { isAsked, isWorking, error, ask, close, run } = useAsked(() => client.submission.abandon({ id }));
  return (
    <>
      <Button onClick={ask}>Abandon...</Button>
      <Modal opened={isAsked} onClose={close} title="Abandon the submission">
        <div className={classes.part}>
          <p>
            No further step of it is signed. What is on the chain stays there
            {isPaid ? "; the payment can be cited by a later submission." : "."}
          </p>
          {error !== null && <ErrorState error={error} />}
          <div className={classes.line}>
            <Button variant="filled" loading={isWorking} onClick={run}>
              Abandon it
            </Button>
            <Button onClick={close}>Keep it</Button>
          </div>
        </div>
      </Modal>
    </>
  );
}

/** For a node that is gone, or that keeps too little of the past. */
export function AnotherNode({ id, network }: { id: string; network: string }) {
  const [chosen, setChosen] = useState<Network>(network);
  const { isAsked, isWorking, error, ask, close, run } = useAsked(() =>
    client.submission.changeNetwork({ id, network: chosen }),
  );
  return (
    <>
      <Button onClick={ask}>Another node...</Button>
      <Modal opened={isAsked} onClose={close} title="Go on over another node">
        <div className={classes.part}>
          <p>It has to be a node of the same chain, which is looked at before anything is changed.</p>
          <div className={classes.fields}>
            <NetworkPicker value={chosen} onChange={setChosen} />
          </div>
          {error !== null && <ErrorState error={error} />}
          <div className={classes.line}>
            <Button variant="filled" disabled={chosen === network} loading={isWorking} onClick={run}>
              Go on over it
            </Button>
            <Button onClick={close}>Stay</Button>
          </div>
        </div>
      </Modal>
    </>
  );
}
