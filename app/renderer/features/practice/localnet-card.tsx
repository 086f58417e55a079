/** The public localnet container: whether it is there and runs; its image is fetched when that is asked, and only then. */
import { Button, Progress, Select } from "@mantine/core";
import { IconPlayerPlay, IconPlayerStop } from "@tabler/icons-react";
import { useEffect, useId, useState } from "react";
import type { CrusaderError } from "../../../common/errors.ts";
import { formatWait } from "../../../common/format.ts";
import type { LocalnetStatus } from "../../../common/localnet.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Task } from "../../../common/tasks.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { useActivity } from "../../shell/activity.ts";
import { runCommand } from "../../shell/commands.ts";
import { notifyError } from "../../shell/notifications.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { loadEngines, useEngines } from "../simulation/engines.ts";
import classes from "./practice-card.module.css";

/** Before that, too little is known to say how long all of it takes. */
const ESTIMATED_AFTER_SECONDS = 5;
const ESTIMATED_FROM = 0.05;

export function LocalnetCard() {
  const [chosen, setChosen] = useState<string | null>(null);
  const task = useActivity(({ tasks }) => tasks.find(({ kind }) => kind === "localnet_start") ?? null);
  const { status, error, again, take } = useStatus(chosen ?? undefined, `${task?.id} ${task?.state}`);
  const titleId = useId();
  return (
    <section className={classes.card} aria-labelledby={titleId}>
      <h3 id={titleId} className={classes.title}>
        Local chain (Docker)
      </h3>
      <p>
        The public localnet container: a whole subtensor chain on this machine, which is the network local. Wallets,
        subnets and registrations on it are btcli's work; the practice network needs none of that, and no engine.
      </p>
      <EngineChoice chosen={chosen} onChoose={setChosen} />
      {task?.state === "running" ? (
        <Starting task={task} />
      ) : (
        <>
          {status === null && error === null && <Loading what="Asking the container engine" />}
          {error !== null && <Unavailable error={error} again={again} />}
          {status?.state === "running" && <Running status={status} onStopped={take} again={again} />}
          {status !== null && status.state !== "running" && (
            <Stopped status={status} engine={chosen ?? undefined} last={task} />
          )}
        </>
      )}
    </section>
  );
}

/** Asked anew when a start ended, and when a person asks; until the answer is there, the last one stays. */
function useStatus(engine: string | undefined, whenAnother: string) {
  const [known, setKnown] = useState<{ status: LocalnetStatus | null; error: CrusaderError | null }>({
    status: null,
    error: null,
  });
  const [turn, setTurn] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is asked for stays the same, when it is asked does not
  useEffect(() => {
    const controller = new AbortController();
    client.localnet.status({ engine }, { signal: controller.signal }).then(
      (status) => !controller.signal.aborted && setKnown({ status, error: null }),
      (thrown: unknown) => !controller.signal.aborted && setKnown({ status: null, error: asCrusaderError(thrown) }),
    );
    return () => controller.abort();
  }, [engine, whenAnother, turn]);
  return {
    ...known,
    again: () => setTurn((count) => count + 1),
    take: (status: LocalnetStatus) => setKnown({ status, error: null }),
  };
}

/** Of this machine alone: what runs elsewhere would not be the network local. Nothing where there is nothing to choose. */
function EngineChoice({ chosen, onChoose }: { chosen: string | null; onChoose: (engine: string) => void }) {
  const engines = useEngines();
  useEffect(() => {
    if (engines === null) loadEngines().catch((thrown: unknown) => notifyError(thrown));
  }, [engines]);
  const here = (engines ?? []).filter(({ address }) => /^(?:unix|npipe):/.test(address));
  if (here.length < 2) return null;
  return (
    <Select
      label="Container engine"
      data={here.map(({ name }) => ({ value: name, label: shownText(name) }))}
      value={chosen ?? here.find(({ current }) => current)?.name ?? null}
      allowDeselect={false}
      onChange={(name) => name !== null && onChoose(name)}
      w="15rem"
    />
  );
}

function Unavailable({ error, again }: { error: CrusaderError; again: () => void }) {
  return (
    <>
      <p>
        It needs a container engine of this machine that answers, as Docker or Podman, the ports 9944 and 9945, and room
        for a large image.
      </p>
      <ErrorState error={error} retry={again} />
      <Button onClick={() => runCommand("panel.engines")}>Show engines</Button>
    </>
  );
}

function Stopped({
  status: { image, hasImage, state },
  engine,
  last,
}: {
  status: LocalnetStatus;
  engine: string | undefined;
  last: Task | null;
}) {
  const [isAsking, setAsking] = useState(false);
  const start = () => {
    setAsking(true);
    client.localnet
      .start({ engine, pull: !hasImage })
      .catch((thrown: unknown) => notifyError(thrown))
      .finally(() => setAsking(false));
  };
  return (
    <>
      <p>
        {state === "ended" ? "It has ended; started again it begins anew. " : "It does not run. "}
        {hasImage ? "Its image is there: " : "Its image is large, and is not there yet: "}
        <span className="mono">{image}</span>
      </p>
      <div className={classes.line}>
        <Button
          leftSection={<IconPlayerPlay size="0.875rem" aria-hidden />}
          loading={isAsking}
          disabled={isAsking}
          onClick={start}
        >
          {hasImage ? "Start the local chain" : "Fetch the image and start it"}
        </Button>
      </div>
      {last?.state === "cancelled" && (
        <p className={classes.dim}>Cancelled. What was fetched is kept; the next start goes on from there.</p>
      )}
      {last?.error != null && <ErrorState error={last.error} />}
    </>
  );
}

function Starting({ task: { id, detail, fraction, startedAt } }: { task: Task }) {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, (nowMs - Date.parse(startedAt)) / 1000);
  const isEstimated = fraction !== null && fraction >= ESTIMATED_FROM && seconds >= ESTIMATED_AFTER_SECONDS;
  const left = isEstimated ? (seconds * (1 - fraction)) / fraction : null;
  return (
    <>
      <div className={classes.state}>
        <span className={classes.number}>
          {detail}, {formatWait(seconds)} so far
          {left !== null && `, about ${formatWait(left)} left`}
        </span>
        <Button
          onClick={() => {
            client.tasks.cancel({ taskId: id }).catch((thrown: unknown) => notifyError(thrown));
          }}
        >
          Cancel
        </Button>
      </div>
      {fraction !== null && (
        <Progress value={fraction * 100} size="sm" w="100%" aria-label="Fetching the image of the local chain" />
      )}
    </>
  );
}

function Running({
  status: { endpoint, engine },
  onStopped,
  again,
}: {
  status: LocalnetStatus;
  onStopped: (status: LocalnetStatus) => void;
  again: () => void;
}) {
  const [asks, setAsks] = useState(false);
  const [isStopping, setStopping] = useState(false);
  const [failed, setFailed] = useState<CrusaderError | null>(null);
  const stop = () => {
    setStopping(true);
    setFailed(null);
    client.localnet
      .stop({ engine })
      .then(onStopped)
      .catch((thrown: unknown) => setFailed(asCrusaderError(thrown)))
      .finally(() => setStopping(false));
  };
  return (
    <>
      <div className={classes.state}>
        <IconPlayerPlay size="0.875rem" aria-hidden />
        <span>Runs on the engine {shownText(engine)}; once its chain has started it answers at</span>
        <span className="mono">{endpoint}</span>
      </div>
      {asks ? (
        <div className={classes.state} role="alert">
          The container is removed, and its chain with it.
          <Button loading={isStopping} disabled={isStopping} onClick={stop}>
            Stop and remove it
          </Button>
          <Button disabled={isStopping} onClick={() => setAsks(false)}>
            Keep it
          </Button>
          {isStopping && <span>It has 10 s to end.</span>}
        </div>
      ) : (
        <div className={classes.line}>
          <Button leftSection={<IconPlayerStop size="0.875rem" aria-hidden />} onClick={() => setAsks(true)}>
            Stop it...
          </Button>
          <Button onClick={again}>Look again</Button>
        </div>
      )}
      {failed !== null && <ErrorState error={failed} />}
    </>
  );
}
