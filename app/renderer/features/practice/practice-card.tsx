/** The practice network: how it stands, started and stopped, and throwaway miners made for it. */
import { Button, Select, TextInput } from "@mantine/core";
import { IconPlayerPlay, IconPlayerStop } from "@tabler/icons-react";
import { type FormEvent, useEffect, useId, useState } from "react";
import type { CrusaderError } from "../../../common/errors.ts";
import { formatInteger } from "../../../common/format.ts";
import { DEFAULT_SECONDS_PER_BLOCK, type PracticeMiner, type PracticeStatus } from "../../../common/practice.ts";
import { shownText } from "../../../common/shown-text.ts";
import { client, followStream } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { notify } from "../../shell/notifications.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { loadWallets } from "../wallets/wallets-store.ts";
import classes from "./practice-card.module.css";

const PACES = [0.5, 1, DEFAULT_SECONDS_PER_BLOCK, 12];

/** `onMiner`: what is done with a throwaway miner that was made. */
export function PracticeCard({ onMiner }: { onMiner: (miner: PracticeMiner) => void }) {
  const { status, error } = usePractice();
  // Here, as what it does puts another part in its place.
  const { failed, ...action } = useAction();
  const titleId = useId();
  return (
    <section className={classes.card} aria-labelledby={titleId}>
      <h3 id={titleId} className={classes.title}>
        Practice network
      </h3>
      {status === null && error === null && <Loading what="Asking for the practice network" />}
      {status === null && error !== null && <ErrorState error={error} />}
      {status?.state === "stopped" && <Stopped status={status} {...action} />}
      {status?.state === "running" && <Running status={status} onMiner={onMiner} {...action} />}
      {failed !== null && <ErrorState error={failed} />}
    </section>
  );
}

function usePractice(): { status: PracticeStatus | null; error: CrusaderError | null } {
  const [status, setStatus] = useState<PracticeStatus | null>(null);
  const [error, setError] = useState<CrusaderError | null>(null);
  useEffect(
    () =>
      followStream((signal) => client.practice.watch(undefined, { signal }), {
        onItem: (item) => {
          setStatus(item);
          setError(null);
        },
        onError: setError,
      }),
    [],
  );
  return { status, error };
}

type ActionProps = { run: (what: string, action: () => Promise<unknown>) => void; working: string | null };

/** One thing at a time is done; what failed stays until the next. */
function useAction() {
  const [working, setWorking] = useState<string | null>(null);
  const [failed, setFailed] = useState<CrusaderError | null>(null);
  const run = (what: string, action: () => Promise<unknown>) => {
    setWorking(what);
    setFailed(null);
    action()
      .catch((thrown: unknown) => setFailed(asCrusaderError(thrown)))
      .finally(() => setWorking(null));
  };
  return { working, failed, run };
}

function Stopped({ status, run, working }: ActionProps & { status: PracticeStatus }) {
  const [pace, setPace] = useState(String(DEFAULT_SECONDS_PER_BLOCK));
  return (
    <>
      <p>
        A chain of Crusader's own on this machine: the real chain's calls and checks, money that is worth nothing, and a
        beacon of its own that reveals.
      </p>
      <div className={classes.line}>
        <Select
          label="A block every"
          data={PACES.map((seconds) => ({ value: String(seconds), label: `${seconds} s` }))}
          value={pace}
          allowDeselect={false}
          onChange={(value) => value !== null && setPace(value)}
          w="7rem"
        />
        <Button
          leftSection={<IconPlayerPlay size="0.875rem" aria-hidden />}
          loading={working === "start"}
          disabled={working !== null}
          onClick={() => run("start", () => client.practice.start({ secondsPerBlock: Number(pace) }))}
        >
          {status.hasChain ? "Start it again" : "Start the practice network"}
        </Button>
        {status.hasChain && <Reset run={run} working={working} />}
      </div>
    </>
  );
}

type OnMiner = (miner: PracticeMiner) => void;

function Running({ status, onMiner, run, working }: ActionProps & { status: PracticeStatus; onMiner: OnMiner }) {
  const { block, finalizedBlock, secondsPerBlock, netuid, endpoint, isOwn, problem } = status;
  return (
    <>
      <div className={classes.state}>
        <IconPlayerPlay size="0.875rem" aria-hidden />
        <span className={classes.number}>
          Runs: block {formatInteger(block ?? 0)}, final up to {formatInteger(finalizedBlock ?? 0)}, {secondsPerBlock} s
          a block, netuid {netuid}
        </span>
        <span className={`${classes.dim} mono`}>{endpoint}</span>
      </div>
      {!isOwn && <p className={classes.dim}>Another process of Crusader runs it, and ends it when it ends.</p>}
      {problem !== null && (
        <p role="alert" className={classes.caution}>
          {shownText(problem.message)} The chain goes on, and is lost when it stops. {shownText(problem.hint)}
        </p>
      )}
      <MinerForm run={run} working={working} onMiner={onMiner} />
      <div className={classes.line}>
        <Button
          leftSection={<IconPlayerStop size="0.875rem" aria-hidden />}
          loading={working === "stop"}
          disabled={working !== null}
          onClick={() => run("stop", () => client.practice.stop())}
        >
          Stop it
        </Button>
        <Reset run={run} working={working} />
      </div>
    </>
  );
}

function MinerForm({ run, working, onMiner }: ActionProps & { onMiner: OnMiner }) {
  const [wallet, setWallet] = useState("practice");
  const [hotkey, setHotkey] = useState("miner");
  const create = (event: FormEvent) => {
    event.preventDefault();
    run("miner", async () => {
      const miner = await client.practice.createMiner({ wallet, hotkey });
      await loadWallets();
      onMiner(miner);
      notify({
        kind: "success",
        title: `Miner ${wallet}/${hotkey} has uid ${miner.uid}`,
        message: "Its coldkey has 10 TAO of the practice network.",
      });
    });
  };
  return (
    <form className={classes.line} onSubmit={create}>
      <TextInput
        label="Wallet"
        value={wallet}
        onChange={({ currentTarget }) => setWallet(currentTarget.value)}
        spellCheck={false}
        autoComplete="off"
        w="9rem"
      />
      <TextInput
        label="Hotkey"
        value={hotkey}
        onChange={({ currentTarget }) => setHotkey(currentTarget.value)}
        spellCheck={false}
        autoComplete="off"
        w="9rem"
      />
      <Button
        type="submit"
        loading={working === "miner"}
        disabled={working !== null || wallet.trim() === "" || hotkey.trim() === ""}
      >
        Make a throwaway miner
      </Button>
    </form>
  );
}

function Reset({ run, working }: ActionProps) {
  const [asks, setAsks] = useState(false);
  if (!asks) {
    return (
      <Button disabled={working !== null} onClick={() => setAsks(true)}>
        Forget all of it...
      </Button>
    );
  }
  return (
    <div className={classes.state} role="alert">
      Its chain, files and throwaway wallets are deleted.
      <Button
        loading={working === "reset"}
        disabled={working !== null}
        onClick={() =>
          run("reset", async () => {
            await client.practice.reset();
            setAsks(false);
            await loadWallets();
          })
        }
      >
        Delete them
      </Button>
      <Button onClick={() => setAsks(false)}>Keep them</Button>
    </div>
  );
}
