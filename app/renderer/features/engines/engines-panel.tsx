/** Container engines: which there are, whether one is fit for runs, and its images. */
import { Button, Select } from "@mantine/core";
import { IconCheck, IconCopy, IconRefresh, IconStethoscope } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { type EngineReport, reportText, worstState } from "../../../common/engines.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import { formatSeconds } from "../../../common/format.ts";
import { useConnection } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { notifyError } from "../../shell/notifications.ts";
import { useSettings } from "../../shell/settings.ts";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { loadEngines, useEngines } from "../simulation/engines.ts";
import { type Engines, RUN_PROFILES } from "../simulation/places.ts";
import { useProfiles } from "../simulation/use-profiles.ts";
import { type Check, checkEngine, checkedFor, chooseChecked, useChecks } from "./checks.ts";
import classes from "./engines.module.css";
import { FindingMark } from "./finding-mark.tsx";
import { FindingsView } from "./findings-view.tsx";
import { ImagesView } from "./images-view.tsx";

export default function EnginesPanel() {
  const { engines, error, isLooking, look } = useLook();
  if (engines === null) {
    return error === null ? (
      <Loading what="Looking for container engines" />
    ) : (
      <ErrorState error={error} retry={look} />
    );
  }
  return (
    <div className={classes.panel}>
      <section className={classes.part} aria-label="Container engines">
        <div className={classes.line}>
          <h2 className={classes.title}>Container engines</h2>
          <Button leftSection={<IconRefresh size="1em" aria-hidden />} disabled={isLooking} onClick={look}>
            Look again
          </Button>
          {isLooking && <VerdictMark mark="running" word="Asking each whether it answers" />}
        </div>
        {error !== null && <ErrorState error={error} retry={look} />}
        <EngineList engines={engines} />
      </section>
      <Chosen engines={engines} />
    </div>
  );
}

/** Looks once a connection is there, and when asked to. */
function useLook() {
  const engines = useEngines();
  const { status } = useConnection();
  const [error, setError] = useState<CrusaderError | null>(null);
  const [isLooking, setLooking] = useState(false);
  const look = () => {
    setLooking(true);
    loadEngines()
      .then(() => setError(null))
      .catch((thrown: unknown) => setError(asCrusaderError(thrown)))
      .finally(() => setLooking(false));
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: with each new connection
  useEffect(() => {
    if (status === "connected") look();
  }, [status]);
  return { engines, error, isLooking, look };
}

function useChosen(engines: Engines) {
  // Read again when the settings change, which it goes by.
  useSettings(({ simulation }) => simulation);
  const checks = useChecks();
  const chosen = checkedFor(checks);
  const engine = engines.find(({ name, current }) => (chosen.engine === null ? current : name === chosen.engine));
  return {
    ...chosen,
    engine: engine ?? null,
    check: engine === undefined ? undefined : checks.checks.get(engine.name),
  };
}

function EngineList({ engines }: { engines: Engines }) {
  const { engine: chosen } = useChosen(engines);
  return (
    <ul className={classes.engines} aria-label="Engines">
      {engines.map(({ name, address, current, problem }) => (
        <li key={name}>
          <button
            type="button"
            className={classes.engine}
            aria-current={name === chosen?.name}
            onClick={() => chooseChecked({ engine: name })}
          >
            <FindingMark
              state={problem === null ? "ok" : "problem"}
              word={problem === null ? "answers" : "out of reach"}
            />
            <b>{name}</b>
            <span className="mono">{address}</span>
            {current && <span className={classes.dim}>docker's current context</span>}
          </button>
          {problem !== null && <p className={classes.problem}>{problem.message}</p>}
        </li>
      ))}
    </ul>
  );
}

function Chosen({ engines }: { engines: Engines }) {
  const profiles = useProfiles();
  const { engine, profile, runProfile, check } = useChosen(engines);
  if (engine === null) {
    return (
      <EmptyState title="The engine that runs are sent to is gone">
        Choose one of those above. <span className="mono">docker context create</span> adds one.
      </EmptyState>
    );
  }
  return (
    <>
      <section className={classes.part} aria-label={`Engine ${engine.name}`}>
        <h2 className={classes.title}>{engine.name}: fit for runs?</h2>
        <div className={classes.fields}>
          <Select
            label="Profile"
            data={(profiles ?? []).map(({ name }) => name)}
            value={profile}
            allowDeselect={false}
            onChange={(value) => value !== null && chooseChecked({ profile: value })}
            w="13rem"
          />
          <Select
            label="Flags of the container"
            data={Object.entries(RUN_PROFILES).map(([value, { title }]) => ({ value, label: title }))}
            value={runProfile}
            allowDeselect={false}
            onChange={(value) => value !== null && chooseChecked({ runProfile: value as typeof runProfile })}
            w="12rem"
          />
          <Button
            variant="filled"
            leftSection={<IconStethoscope size="1em" aria-hidden />}
            disabled={check?.isRunning === true}
            onClick={() => checkEngine(engine)}
          >
            Check
          </Button>
        </div>
        {check === undefined ? <NotChecked /> : <CheckView check={check} again={() => checkEngine(engine)} />}
      </section>
      <section className={classes.part} aria-label="Images">
        <ImagesView engine={engine.name} profile={profile} />
      </section>
    </>
  );
}

function NotChecked() {
  return (
    <p className={classes.dim}>
      Not checked yet. A check asks the engine, and starts a container with a run's flags that looks around for some
      seconds and is removed again.
    </p>
  );
}

function CheckView({ check, again }: { check: Check; again: () => void }) {
  const { item, error, isRunning, cancel } = check;
  return (
    <>
      {isRunning && (
        <div className={classes.line}>
          <VerdictMark mark="running" word={item?.doing ?? "Asking the engine"} />
          <Elapsed sinceMs={check.startedAtMs} />
          <Button onClick={cancel}>Cancel</Button>
        </div>
      )}
      <output className="visually-hidden">{isRunning || item === null ? "" : summary(item.report)}</output>
      {error !== null && <ErrorState error={error} retry={again} />}
      {item !== null && item.report.findings.length > 0 && (
        <ReportView report={item.report} isWhole={item.doing === null} />
      )}
    </>
  );
}

function ReportView({ report, isWhole }: { report: EngineReport; isWhole: boolean }) {
  const { profile, numRanks, runProfile, checkedAt } = report;
  const ranks = numRanks === 1 ? "1 rank" : `${numRanks} ranks`;
  return (
    <>
      <div className={classes.line}>
        {isWhole && <FindingMark state={worstState(report.findings)} word={summary(report)} />}
        <span className={classes.dim}>
          for {profile}, {ranks}, {runProfile === "public" ? "the public simulator's" : "the validator's"} flags, at{" "}
          {new Date(checkedAt).toLocaleTimeString()}
        </span>
        {isWhole && <CopyReport report={report} />}
      </div>
      <FindingsView report={report} />
    </>
  );
}

function CopyReport({ report }: { report: EngineReport }) {
  const [copied, setCopied] = useState<EngineReport | null>(null);
  const word = copied === report ? "Report copied" : "Copy the report";
  return (
    <Button
      leftSection={copied === report ? <IconCheck size="1em" aria-hidden /> : <IconCopy size="1em" aria-hidden />}
      onClick={() => {
        navigator.clipboard
          .writeText(reportText(report))
          .then(() => setCopied(report))
          .catch((thrown: unknown) => notifyError(thrown, "The report was not copied."));
      }}
    >
      {word}
    </Button>
  );
}

function summary({ findings }: Pick<EngineReport, "findings">): string {
  const problems = findings.filter(({ state }) => state === "problem").length;
  if (problems > 0) return problems === 1 ? "1 problem stands in the way" : `${problems} problems stand in the way`;
  const worst = worstState(findings);
  return worst === "warning" || worst === "unknown" ? "Fit for runs; see the warnings" : "Fit for runs";
}

const SHOWN_AFTER_MS = 2000;

/** How long it has taken, once that is worth saying. */
function Elapsed({ sinceMs }: { sinceMs: number }) {
  const [nowMs, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const tookMs = nowMs - sinceMs;
  return tookMs < SHOWN_AFTER_MS ? null : <span className={classes.dim}>{formatSeconds(tookMs / 1000)}</span>;
}
