/** What to judge and how; what a start would do and what is missing for it, said before it. */
import { Button, Select, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconPlayerPlay } from "@tabler/icons-react";
import { type ReactNode, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { useStore } from "zustand";
import type { ErrorReport } from "../../../common/errors.ts";
import { formatSeconds, originText } from "../../../common/format.ts";
import {
  type Forecast,
  MAX_RANKS,
  MAX_REPEATS,
  SEED_PATTERN,
  type SimulationOptions,
} from "../../../common/simulation.ts";
import { client, useConnection } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { useActivity } from "../../shell/activity.ts";
import { lazily } from "../../shell/lazily.tsx";
import { setUpPython, useMachine } from "../../shell/machine.ts";
import { notifyError } from "../../shell/notifications.ts";
import { placeText } from "../../shell/places.ts";
import { freshTarget, type ShownTarget, selection, takeStartRequest, useSelection } from "../../shell/selection.ts";
import { CopyText } from "../../shell/ui/copy-text.tsx";
import { openFeature } from "../open-feature.ts";
import { type Choice, choose, useChoice } from "./choice.ts";
import { byHand, requestStart, startOnShortcut } from "./commands.ts";
import { type Declared, readDeclared } from "./declared.ts";
import { chosenEngine } from "./engines.ts";
import { PlaceSelect } from "./place-select.tsx";
import { remedyOf } from "./places.ts";
import classes from "./simulation.module.css";
import { useProfiles } from "./use-profiles.ts";

/** What is chosen for one start at a time, and not kept. */
type Fields = { seed: string; withoutSandbox: boolean; ignoreCudaNeeds: boolean };

const Allowance = lazily(() => import("./allowance.tsx"));
const ContainerFields = lazily(() => import("./container-fields.tsx"));
const CommandsDialog = lazily(() => import("./commands-dialog.tsx"));
const CHECK_AFTER_MS = 250;

const isCount = (value: number | null, most: number) =>
  value === null || (Number.isInteger(value) && value >= 1 && value <= most);

/** What keeps the ranks in is the backend's own there; elsewhere it is chosen. */
const isConfined = (backend: string) => backend === "docker" || backend === "evalServer";

/** As the contract takes them; null where a field holds what it would refuse. */
function optionsOf(choice: Choice, fields: Fields, isRehearsal: boolean): SimulationOptions | null {
  const { profile, backend, container, server, evaluation = "crusader", numRanks, repeats } = choice;
  const { withoutSandbox, ignoreCudaNeeds } = fields;
  const seed = fields.seed.trim();
  if (!isCount(numRanks, MAX_RANKS) || !isCount(repeats, MAX_REPEATS)) return null;
  if (seed !== "" && !SEED_PATTERN.test(seed)) return null;
  return {
    profile,
    backend,
    sandbox: withoutSandbox && !isConfined(backend) ? "none" : "bubblewrap",
    ...(backend === "docker" && container !== undefined ? { container } : {}),
    evaluation: backend === "docker" && !isRehearsal ? evaluation : "crusader",
    ...(backend === "evalServer" && server !== undefined ? { server } : {}),
    ...(numRanks === null ? {} : { numRanks }),
    ...(repeats === null ? {} : { repeats }),
    ...(seed === "" ? {} : { seed }),
    ignoreCudaNeeds,
  };
}

export function StartForm() {
  const choice = useChoice();
  const target = useSelection((state) => state.target);
  const startRequested = useSelection((state) => state.startRequested);
  const { status: connection } = useConnection();
  const [fields, setFields] = useState<Fields>({ seed: "", withoutSandbox: false, ignoreCudaNeeds: false });
  const [unfit, setUnfit] = useState(false);
  const change = (changed: Partial<Fields>) => setFields((before) => ({ ...before, ...changed }));
  const profiles = useProfiles();
  const isRehearsal = profiles?.find(({ name }) => name === choice.profile)?.kind === "rehearsal";
  const [looked, setLooked] = useState(0);
  const declared = useDeclared(target, looked);
  // On GPUs the profile's number is the competition's; CPU ranks can follow the file.
  const ownRanks = choice.numRanks ?? (isRehearsal ? (declared?.numRanks ?? null) : null);
  const foreign = declared?.origin ?? null;
  const withoutSandbox = fields.withoutSandbox && foreign === null;
  const options = useMemo(
    () => (unfit ? null : optionsOf({ ...choice, numRanks: ownRanks }, { ...fields, withoutSandbox }, isRehearsal)),
    [choice, fields, withoutSandbox, ownRanks, isRehearsal, unfit],
  );
  const { forecast, error } = useForecast(options);
  const [starting, setStarting] = useState(false);

  const isPublicForForeign =
    foreign !== null && choice.backend === "docker" && choice.container?.runProfile === "public";
  const needsContainer = foreign !== null && !("runId" in foreign) && !isConfined(choice.backend);
  const lacksSandbox =
    !needsContainer &&
    !isConfined(choice.backend) &&
    (fields.withoutSandbox || forecast?.problems.some(({ code }) => code === "sandbox_missing") === true);
  const blocked =
    target === null
      ? "Open a file in the editor, or choose one in the explorer."
      : connection !== "connected"
        ? "Not connected."
        : options === null
          ? "A field holds no usable value."
          : isPublicForForeign
            ? "Another's code runs with the validator's flags only."
            : needsContainer
              ? "Code of the arena runs in containers only."
              : (error?.message ?? forecast?.problems[0]?.message ?? null);

  const start = useCallback(async () => {
    if (target === null || options === null) return;
    setStarting(true);
    try {
      const current = await freshTarget(target);
      // What was looked at may be older than what is judged.
      const now = isRehearsal && choice.numRanks === null ? await readDeclared(client, current) : null;
      const numRanks = now?.numRanks ?? options.numRanks;
      const { runId } = await client.simulation.start({
        ...options,
        ...(numRanks === undefined ? {} : { numRanks }),
        target: current,
      });
      selection.setState({ runId });
    } catch (thrown) {
      notifyError(thrown, "Nothing was started.");
    } finally {
      setStarting(false);
    }
  }, [target, options, choice.numRanks, isRehearsal]);

  useEffect(() => {
    if (startRequested && !starting && takeStartRequest()) void start();
  }, [startRequested, starting, start]);

  return (
    <form
      className={classes.form}
      aria-label="Start a run"
      onKeyDownCapture={startOnShortcut}
      onFocus={() => setLooked((count) => count + 1)}
      onPointerEnter={() => setLooked((count) => count + 1)}
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
          value={choice.profile}
          allowDeselect={false}
          onChange={(profile) => profile !== null && choose({ profile })}
          rightSectionWidth={24}
          w={162}
        />
        <PlaceSelect label="Runs on" width="8.5rem" />
        <CountField
          label="Ranks"
          most={MAX_RANKS}
          usual={forecast?.numRanks ?? null}
          value={choice.numRanks}
          onChange={(numRanks) => choose({ numRanks })}
        />
        <CountField
          label="Repeats"
          most={MAX_REPEATS}
          usual={forecast?.repeats ?? null}
          value={choice.repeats}
          onChange={(repeats) => choose({ repeats })}
        />
        <TextInput
          label="Seed"
          placeholder="fresh"
          value={fields.seed}
          onChange={({ currentTarget }) => change({ seed: currentTarget.value })}
          error={options === null && /[^\x21-\x7e]/.test(fields.seed.trim()) ? "No blanks or special characters" : null}
          w={80}
        />
        <Button
          type="submit"
          variant="filled"
          leftSection={<IconPlayerPlay size="1em" aria-hidden />}
          loading={starting}
          disabled={blocked !== null}
          title={blocked ?? `Simulate ${target?.title ?? ""} (Ctrl+Enter)`}
        >
          Simulate
        </Button>
      </div>
      {choice.backend === "docker" && (
        <Suspense>
          <ContainerFields
            choice={choice}
            usesGpus={profiles !== null && !isRehearsal}
            forecast={forecast}
            onUnfit={setUnfit}
          />
        </Suspense>
      )}
      {choice.backend === "docker" && target !== null && options !== null && (
        <WhenAsked>
          <CommandsDialog options={options} target={target} />
        </WhenAsked>
      )}
      {isPublicForForeign && choice.container !== undefined && (
        <div className={classes.problem} role="alert">
          <IconAlertTriangle size="1em" aria-hidden />
          <div>
            This is another's code ({originText(foreign)}), and the public simulator's flags share the machine's memory
            segments.{" "}
            <Button onClick={() => choose({ container: { ...(choice.container ?? {}), runProfile: "validator" } })}>
              Use the validator's flags
            </Button>
          </div>
        </div>
      )}
      {needsContainer && (
        <div className={classes.problem} role="alert">
          <IconAlertTriangle size="1em" aria-hidden />
          <div>
            This is another's code ({originText(foreign)}): code of the arena runs in containers only.{" "}
            <Button onClick={() => choose({ backend: "docker" })}>Run in a container</Button>
          </div>
        </div>
      )}
      {error !== null && <Problem problem={error.report()} choice={choice} isForeign={foreign !== null} />}
      {forecast?.problems.map((problem) => (
        <Problem
          key={`${problem.code} ${problem.message}`}
          problem={problem}
          choice={choice}
          isForeign={foreign !== null}
        />
      ))}
      <ForecastView forecast={forecast} title={target?.title ?? null} place={placeText(choice)} />
      {lacksSandbox && foreign !== null && (
        <div>
          This is another's code ({originText(foreign)}): it runs in a sandbox only, so a start without one is not
          offered. Read it, and make a file of your own of what you trust.
        </div>
      )}
      {lacksSandbox && foreign === null && (
        <Suspense>
          <Allowance
            label="Run without a sandbox: I wrote this file, and it may read and change whatever I can"
            checked={fields.withoutSandbox}
            onChange={(withoutSandbox) => change({ withoutSandbox })}
          />
        </Suspense>
      )}
      {declared !== null && (
        <DeclaredView
          declared={declared}
          numRanks={forecast?.numRanks ?? null}
          onUseRanks={(numRanks) => choose({ numRanks })}
        />
      )}
      {isRehearsal && declared !== null && (declared.cudaNeeds.length > 0 || fields.ignoreCudaNeeds) && (
        <Suspense>
          <Allowance
            label="Start on CPU ranks even though the file asks for CUDA"
            checked={fields.ignoreCudaNeeds}
            onChange={(ignoreCudaNeeds) => change({ ignoreCudaNeeds })}
          />
        </Suspense>
      )}
    </form>
  );
}

type CountFieldProps = {
  label: string;
  most: number;
  /** Where nothing is typed; null while it is not known. */
  usual: number | null;
  value: number | null;
  onChange: (value: number | null) => void;
};

/** The browser's own: it takes no code to load. What is no such number is not taken. */
function CountField({ label, most, usual, value, onChange }: CountFieldProps) {
  return (
    <TextInput
      type="number"
      label={label}
      min={1}
      max={most}
      step={1}
      placeholder={usual === null ? "" : String(usual)}
      value={value ?? ""}
      onChange={({ currentTarget }) => {
        const count = currentTarget.value === "" ? null : Number(currentTarget.value);
        if (isCount(count, most)) onChange(count);
      }}
      w={56}
    />
  );
}

/** Loads the dialog when it is first asked for. */
function WhenAsked({ children }: { children: ReactNode }) {
  const open = useStore(byHand, (state) => state.open);
  const [needed, setNeeded] = useState(false);
  if (open && !needed) setNeeded(true);
  return needed && <Suspense>{children}</Suspense>;
}

/** What the file itself stands in the way with; it may be started all the same. */
function DeclaredView({
  declared: { verdict, cudaNeeds, numRanks: wanted },
  numRanks,
  onUseRanks,
}: {
  declared: Declared;
  numRanks: number | null;
  onUseRanks: (numRanks: number) => void;
}) {
  const need = cudaNeeds[0];
  const misfit = wanted !== null && numRanks !== null && wanted !== numRanks;
  if (verdict.ok && need === undefined && !misfit) return null;
  const where = verdict.line === null ? "" : ` at line ${verdict.line}`;
  return (
    <div className={classes.problem}>
      <IconAlertTriangle size="1em" aria-hidden />
      <div>
        {!verdict.ok && (
          <div>
            <b>The scan stops{where}</b>: {verdict.rule ?? verdict.kind}. Nothing of the file will run.
          </div>
        )}
        {need !== undefined && (
          <div>
            <b>Line {need.line} needs CUDA</b>: {need.what}.
          </div>
        )}
        {misfit && (
          <div>
            <b>
              {wanted === 1 ? "The file declares no topology, which fits 1 rank" : `The file declares ${wanted} ranks`}
            </b>
            , not {numRanks}.{" "}
            <Button onClick={() => onUseRanks(wanted)}>
              Use {wanted} {wanted === 1 ? "rank" : "ranks"}
            </Button>
          </div>
        )}
      </div>
    </div>
  );
}

function ForecastView({ forecast, title, place }: { forecast: Forecast | null; title: string | null; place: string }) {
  if (title === null)
    return <div className={classes.forecast}>Open a file in the editor, or a template, to judge it.</div>;
  if (forecast === null) return null;
  const { profile, backend, numRanks, repeats, sandbox, expectedStageSeconds, behindRunIds, notComparable } = forecast;
  const seconds = Object.values(expectedStageSeconds).reduce((sum, value) => sum + value, 0) * repeats;
  const parts = [
    `${numRanks} ${numRanks === 1 ? "rank" : "ranks"}`,
    `${repeats} ${repeats === 1 ? "repeat" : "repeats"}`,
    isConfined(backend)
      ? `${backend === "docker" ? "in a" : "on"} ${place}`
      : sandbox === "none"
        ? "no sandbox"
        : "in a sandbox without network",
    seconds > 0 ? `about ${formatSeconds(seconds)}, as earlier runs took` : "no earlier run tells how long",
  ];
  return (
    <div className={classes.forecast} aria-live="polite">
      <div>
        {`Judges ${title}`} by <b>{profile.title}</b>: {parts.join(", ")}.
        {isConfined(backend) && " It goes on when Crusader is closed."}
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

function Problem({
  problem: { code, message, hint, detail },
  choice,
  isForeign,
}: {
  problem: ErrorReport;
  choice: Choice;
  isForeign: boolean;
}) {
  // The hint is of a start without a sandbox, which is not for another's code.
  const { words, command } = remedyOf(isForeign && code === "sandbox_missing" ? "" : hint);
  const { machine } = useMachine();
  const tasks = useActivity((state) => state.tasks);
  const setup = tasks.find(({ kind, state }) => kind === "python_setup" && state === "running");
  return (
    <div className={classes.problem} role="alert">
      <IconAlertTriangle size="1em" aria-hidden />
      <div>
        <b>{message}</b> {words}
        {command !== null && <CopyText text={command} what="the command" />}
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
        <ProblemAction code={code} choice={choice} />
        {code === "sandbox_missing" && machine?.sandbox.state === "ready" && (
          <div>The machine has one now: {machine.sandbox.summary}.</div>
        )}
      </div>
    </div>
  );
}

const ENGINE_CODES: readonly string[] = ["not_found", "unsupported", "engine_unreachable", "engine_failed"];
const SERVER_CODES: readonly string[] = ["usage", "not_found", "server_unreachable", "server_refused"];

/** What can be done about it from here. */
function ProblemAction({ code, choice }: { code: ErrorReport["code"]; choice: Choice }) {
  const { backend, profile } = choice;
  if (backend === "docker" && [...ENGINE_CODES, "image_missing"].includes(code)) {
    const withEngine = (act: (engine: string) => Promise<void>) => () =>
      chosenEngine(choice)
        .then(act)
        .catch((thrown: unknown) => notifyError(thrown));
    return (
      <div className={classes.problemActions}>
        {code === "image_missing" && (
          <Button
            onClick={withEngine(async (engine) =>
              (await import("../engines/images-actions.ts")).buildImage(engine, profile),
            )}
          >
            Build image
          </Button>
        )}
        <Button
          onClick={withEngine(async (engine) => {
            const { checkChosen, chooseChecked } = await import("../engines/checks.ts");
            chooseChecked({ engine, profile });
            openFeature("engines");
            await checkChosen();
          })}
        >
          Check engine
        </Button>
      </div>
    );
  }
  if (backend === "evalServer" && SERVER_CODES.includes(code)) {
    return (
      <div>
        <Button onClick={() => openFeature("servers")}>Evaluation servers</Button>
      </div>
    );
  }
  return null;
}

/** Null until it was read, and where it cannot be: the start then tells why. */
function useDeclared(target: ShownTarget | null, looked: number): Declared | null {
  const [answer, setAnswer] = useState<{ of: ShownTarget; declared: Declared } | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a look at the form is when a changed file matters
  useEffect(() => {
    if (target === null) return;
    const controller = new AbortController();
    readDeclared(client, target.target, controller.signal)
      .then((declared) => setAnswer({ of: target, declared }))
      .catch(() => !controller.signal.aborted && setAnswer(null));
    return () => controller.abort();
  }, [target, looked]);
  return answer !== null && answer.of === target ? answer.declared : null;
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
