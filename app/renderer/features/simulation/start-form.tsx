/** What to judge and how; what a start would do and what is missing for it, said before it. */
import { Button, Checkbox, NumberInput, Select, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconPlayerPlay } from "@tabler/icons-react";
import { useCallback, useEffect, useMemo, useState } from "react";
import type { Outputs } from "../../../common/contract.ts";
import type { ErrorReport } from "../../../common/errors.ts";
import { formatSeconds } from "../../../common/format.ts";
import { type Forecast, type SimulationOptions, simulationOptionsSchema } from "../../../common/simulation.ts";
import { client, useConnection } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { useActivity } from "../../shell/activity.ts";
import { setUpPython, useMachine } from "../../shell/machine.ts";
import { notifyError } from "../../shell/notifications.ts";
import { freshTarget, selection, takeStartRequest, useSelection } from "../../shell/selection.ts";
import { changeSettings, useSettings } from "../../shell/settings.ts";
import { requestStart } from "./commands.ts";
import classes from "./simulation.module.css";

type Profiles = Outputs["hparams"]["list"];
type Fields = {
  profile: string;
  numRanks: number | null;
  repeats: number | null;
  seed: string;
  withoutSandbox: boolean;
  ignoreCudaNeeds: boolean;
};

const CHECK_AFTER_MS = 250;

/** As the contract takes them; null where a field holds what it would refuse. */
function optionsOf(fields: Fields, backend: string): SimulationOptions | null {
  const { profile, numRanks, repeats, seed, withoutSandbox, ignoreCudaNeeds } = fields;
  const parsed = simulationOptionsSchema.safeParse({
    profile,
    backend,
    sandbox: withoutSandbox ? "none" : "bubblewrap",
    ...(numRanks === null ? {} : { numRanks }),
    ...(repeats === null ? {} : { repeats }),
    ...(seed.trim() === "" ? {} : { seed: seed.trim() }),
    ignoreCudaNeeds,
  });
  return parsed.success ? parsed.data : null;
}

export function StartForm() {
  const saved = useSettings((settings) => settings.simulation);
  const target = useSelection((state) => state.target);
  const startRequested = useSelection((state) => state.startRequested);
  const { status: connection } = useConnection();
  const [fields, setFields] = useState<Fields>({
    profile: saved.profile,
    numRanks: saved.numRanks,
    repeats: saved.repeats,
    seed: "",
    withoutSandbox: false,
    ignoreCudaNeeds: false,
  });
  const change = (changed: Partial<Fields>) => setFields((before) => ({ ...before, ...changed }));
  const options = useMemo(() => optionsOf(fields, saved.backend), [fields, saved.backend]);
  const profiles = useProfiles();
  const { forecast, error } = useForecast(options);
  const [starting, setStarting] = useState(false);

  const blocked =
    target === null
      ? "Open a file in the editor, or choose one in the explorer."
      : connection !== "connected"
        ? "Not connected."
        : options === null
          ? "A field holds no usable value."
          : (error?.message ?? forecast?.problems[0]?.message ?? null);

  const start = useCallback(async () => {
    if (target === null || options === null) return;
    setStarting(true);
    try {
      const { runId } = await client.simulation.start({ ...options, target: await freshTarget(target) });
      selection.setState({ runId });
      const { profile, backend, numRanks, repeats } = options;
      await changeSettings({
        simulation: { profile, backend, numRanks: numRanks ?? null, repeats: repeats ?? null },
      });
    } catch (thrown) {
      notifyError(thrown, "Nothing was started.");
    } finally {
      setStarting(false);
    }
  }, [target, options]);

  useEffect(() => {
    if (startRequested && !starting && takeStartRequest()) void start();
  }, [startRequested, starting, start]);

  return (
    <form
      className={classes.form}
      aria-label="Start a run"
      onSubmit={(event) => {
        event.preventDefault();
        if (blocked === null && !starting) requestStart().catch((thrown: unknown) => notifyError(thrown));
      }}
    >
      <div className={classes.fields}>
        <Select
          label="Profile"
          data={(profiles ?? []).map(({ name, title, error: broken }) => ({
            value: name,
            label: broken === null ? name : `${name} (cannot be used)`,
            disabled: broken !== null,
            title: title ?? "",
          }))}
          value={fields.profile}
          allowDeselect={false}
          onChange={(profile) => profile !== null && change({ profile })}
          w={170}
        />
        <NumberInput
          label="Ranks"
          min={1}
          max={64}
          clampBehavior="strict"
          allowDecimal={false}
          placeholder={forecast === null ? "" : String(forecast.numRanks)}
          value={fields.numRanks ?? ""}
          onChange={(value) => change({ numRanks: typeof value === "number" ? value : null })}
          w={72}
        />
        <NumberInput
          label="Repeats"
          min={1}
          max={100}
          clampBehavior="strict"
          allowDecimal={false}
          placeholder={forecast === null ? "" : String(forecast.repeats)}
          value={fields.repeats ?? ""}
          onChange={(value) => change({ repeats: typeof value === "number" ? value : null })}
          w={72}
        />
        <TextInput
          label="Seed"
          placeholder="a fresh one each run"
          value={fields.seed}
          onChange={({ currentTarget }) => change({ seed: currentTarget.value })}
          error={options === null && /[^\x21-\x7e]/.test(fields.seed.trim()) ? "No blanks or special characters" : null}
          w={150}
        />
        <Button
          type="submit"
          variant="filled"
          leftSection={<IconPlayerPlay size="1em" aria-hidden />}
          loading={starting}
          disabled={blocked !== null}
          title={blocked ?? "Ctrl+Enter"}
        >
          Simulate {target?.title ?? ""}
        </Button>
      </div>
      <ForecastView forecast={forecast} title={target?.title ?? null} />
      {error !== null && <Problem problem={error.report()} />}
      {forecast?.problems.map((problem) => (
        <Problem key={`${problem.code} ${problem.message}`} problem={problem} />
      ))}
      {(fields.withoutSandbox || forecast?.problems.some(({ code }) => code === "sandbox_missing") === true) && (
        <Checkbox
          size="xs"
          label="Run without a sandbox: I wrote this file, and it may read and change whatever I can"
          checked={fields.withoutSandbox}
          onChange={({ currentTarget }) => change({ withoutSandbox: currentTarget.checked })}
        />
      )}
      <CudaConsent checked={fields.ignoreCudaNeeds} onChange={(ignoreCudaNeeds) => change({ ignoreCudaNeeds })} />
      {target === null && <p className={classes.dim}>{blocked}</p>}
    </form>
  );
}

/** Only where it matters: the shown run ended because the file asks for CUDA, or it was chosen already. */
function CudaConsent({ checked, onChange }: { checked: boolean; onChange: (checked: boolean) => void }) {
  const runId = useSelection((state) => state.runId);
  const revision = useActivity((state) => state.historyRevision);
  const [needsCuda, setNeedsCuda] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a run that ends moves the revision
  useEffect(() => {
    if (runId === null) return;
    let stale = false;
    client.runs
      .show({ runId })
      .then(({ result }) => !stale && setNeedsCuda(result?.failure?.kind === "needs_cuda"))
      // The run's own view tells what is wrong with it.
      .catch(() => !stale && setNeedsCuda(false));
    return () => {
      stale = true;
    };
  }, [runId, revision]);
  if (!needsCuda && !checked) return null;
  return (
    <Checkbox
      size="xs"
      label="Start on CPU ranks even though the file asks for CUDA"
      checked={checked}
      onChange={({ currentTarget }) => onChange(currentTarget.checked)}
    />
  );
}

function ForecastView({ forecast, title }: { forecast: Forecast | null; title: string | null }) {
  if (forecast === null) return null;
  const { profile, numRanks, repeats, sandbox, expectedStageSeconds, behindRunIds, notComparable } = forecast;
  const seconds = Object.values(expectedStageSeconds).reduce((sum, value) => sum + value, 0) * repeats;
  const parts = [
    `${numRanks} ${numRanks === 1 ? "rank" : "ranks"}`,
    `${repeats} ${repeats === 1 ? "repeat" : "repeats"}`,
    sandbox === "none" ? "no sandbox" : "in a sandbox without network",
    seconds > 0 ? `about ${formatSeconds(seconds)}, as earlier runs took` : "no earlier run tells how long",
  ];
  return (
    <div className={classes.forecast} aria-live="polite">
      <div>
        {title === null ? "A start judges" : `Judges ${title}`} by <b>{profile.title}</b>: {parts.join(", ")}.
      </div>
      {behindRunIds.length > 0 && (
        <div>
          Waits behind {behindRunIds.length === 1 ? "run" : "runs"} {behindRunIds.join(", ")}.
        </div>
      )}
      {notComparable.length > 0 && (
        <div className={classes.caution}>
          <IconAlertTriangle size="1em" aria-hidden /> Not a score: {notComparable.join("; ")}.
        </div>
      )}
    </div>
  );
}

function Problem({ problem: { code, message, hint, detail } }: { problem: ErrorReport }) {
  const { machine } = useMachine();
  const tasks = useActivity((state) => state.tasks);
  const setup = tasks.find(({ kind, state }) => kind === "python_setup" && state === "running");
  return (
    <div className={classes.problem} role="alert">
      <IconAlertTriangle size="1em" aria-hidden />
      <div>
        <b>{message}</b> {hint}
        {detail !== "" && (
          <details>
            <summary>Details</summary>
            <pre>{detail}</pre>
          </details>
        )}
        {code === "python_missing" && (
          <div>
            <Button
              disabled={setup !== undefined}
              onClick={() => setUpPython().catch((thrown: unknown) => notifyError(thrown))}
            >
              {setup === undefined ? "Make the Python environment (about 1 GB)" : `${setup.title}: ${setup.detail}`}
            </Button>
          </div>
        )}
        {code === "sandbox_missing" && machine?.sandbox.state === "ready" && (
          <div>The machine has one now: {machine.sandbox.summary}.</div>
        )}
      </div>
    </div>
  );
}

function useProfiles(): Profiles | null {
  const [profiles, setProfiles] = useState<Profiles | null>(null);
  useEffect(() => {
    client.hparams
      .list()
      .then(setProfiles)
      .catch((thrown: unknown) => notifyError(thrown));
  }, []);
  return profiles;
}

function useForecast(options: SimulationOptions | null) {
  const [answer, setAnswer] = useState<{ forecast: Forecast | null; error: ReturnType<typeof asCrusaderError> | null }>(
    {
      forecast: null,
      error: null,
    },
  );
  const { machine } = useMachine();
  const { status } = useConnection();
  const revision = useActivity((state) => state.historyRevision);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is missing changes with the machine, what goes first with the runs
  useEffect(() => {
    if (options === null || status !== "connected") return;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      client.simulation
        .check(options, { signal: controller.signal })
        .then((forecast) => setAnswer({ forecast, error: null }))
        .catch((thrown: unknown) => {
          const error = asCrusaderError(thrown);
          if (!controller.signal.aborted && error.code !== "disconnected") setAnswer({ forecast: null, error });
        });
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [options, status, machine, revision]);
  return answer;
}
