/** What the active file declares: its ranks, what each of them reads, what it holds, and how fast it has to be. */
import { Button, NumberInput, Select } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { memo, useCallback, useEffect, useMemo, useState } from "react";
import type { Outputs } from "../../../common/contract.ts";
import { formatInteger } from "../../../common/format.ts";
import { countParameters } from "../../../common/models.ts";
import { MAX_RANKS } from "../../../common/simulation.ts";
import type { TopologyAnswer, TopologyPlan } from "../../../common/topology.ts";
import { client, useConnection } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { panelSetting, savePanelSetting, useSettings } from "../../shell/settings.ts";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { Drawing } from "./drawing.tsx";
import { type MemoryChoices, MemoryView } from "./memory-view.tsx";
import { MfuView } from "./mfu-view.tsx";
import { looksSharded, type TopologyProfile, topologyProfile } from "./profile.ts";
import classes from "./topology.module.css";
import { useActiveText, usePlan } from "./use-plan.ts";

const PANEL_SETTING = "topology";

/** Null: as the simulation panel, the profile or the file has it. */
type Choices = MemoryChoices & { profile: string | null; numGpus: number | null };
const NO_CHOICES: Choices = { profile: null, numGpus: null, gpu: null, rows: null, replication: null };

export default function TopologyPanel() {
  const simulated = useSettings((settings) => settings.simulation.profile);
  const [choices, setChoices] = useState<Choices>(() => ({
    ...NO_CHOICES,
    ...(panelSetting(PANEL_SETTING) as Partial<Choices> | undefined),
  }));
  const change = useCallback(
    (changed: Partial<Choices>) => {
      const next = { ...choices, ...changed };
      setChoices(next);
      savePanelSetting(PANEL_SETTING, next);
    },
    [choices],
  );
  const name = choices.profile ?? simulated;
  const { profiles, profile, error: profileError, retry } = useProfile(name);
  const shown = useActiveText();
  const numGpus = choices.numGpus ?? profile?.numGpus ?? null;
  const { asking, answer, error } = usePlan(shown?.text ?? null, numGpus, profile?.sizes ?? null);
  const plan = usePlanToDraw(shown?.title ?? null, answer);

  if (shown === null) {
    return (
      <EmptyState title="No file is open">
        Open a train.py or a template in the editor: its ranks, the batches each of them reads, its memory and the time
        it may take are shown here while you edit.
      </EmptyState>
    );
  }
  if (profileError !== null) return <ErrorState error={profileError} retry={retry} />;
  if (profile === null || numGpus === null) return <Loading what="Reading the profile" />;
  return (
    <div className={classes.panel}>
      <Fields name={name} profiles={profiles} profile={profile} numGpus={choices.numGpus} onChange={change} />
      <Heading
        title={shown.title}
        answer={answer}
        numGpus={numGpus}
        asking={asking || shown.outdated}
        onUseGpus={(wanted) => change({ numGpus: wanted })}
      />
      {error !== null && <ErrorState error={error} />}
      {error === null && plan !== null && (
        <PlanView
          plan={plan}
          name={name}
          profile={profile}
          numGpus={numGpus}
          sharded={looksSharded(shown.text)}
          choices={choices}
          onChange={change}
        />
      )}
    </div>
  );
}

type Change = (changed: Partial<Choices>) => void;

type FieldsProps = {
  name: string;
  profiles: Outputs["hparams"]["list"];
  profile: TopologyProfile;
  /** Null: as the profile has it. */
  numGpus: number | null;
  onChange: Change;
};

/** Memoised, as all below: each scan of the text draws the panel, and few change what is shown. */
const Fields = memo(function Fields({ name, profiles, profile, numGpus, onChange }: FieldsProps) {
  return (
    <div className={classes.fields}>
      <Select
        label="Profile"
        data={profiles.map(({ name: value, title, error: broken }) => ({
          value,
          label: broken === null ? value : `${value} (cannot be used)`,
          disabled: broken !== null,
          title: title ?? "",
        }))}
        value={name}
        allowDeselect={false}
        onChange={(chosen) => chosen !== null && onChange({ ...NO_CHOICES, profile: chosen })}
        w={170}
      />
      <NumberInput
        label={profile.mfu === null ? "Ranks" : "GPUs"}
        min={1}
        max={MAX_RANKS}
        clampBehavior="strict"
        allowDecimal={false}
        placeholder={String(profile.numGpus)}
        value={numGpus ?? ""}
        onChange={(value) => onChange({ numGpus: typeof value === "number" && value >= 1 ? value : null })}
        w={64}
      />
    </div>
  );
});

type PlanViewProps = {
  plan: TopologyPlan;
  name: string;
  profile: TopologyProfile;
  numGpus: number;
  sharded: boolean;
  choices: Choices;
  onChange: Change;
};

const PlanView = memo(function PlanView({ plan, name, profile, numGpus, sharded, choices, onChange }: PlanViewProps) {
  const { shape } = profile.model;
  return (
    <>
      <Drawing key={`${plan.topology.dp_size} ${plan.topology.tp_size}`} plan={plan} />
      <Tokens plan={plan} profile={profile} />
      <MemoryView profile={profile} topology={plan.topology} sharded={sharded} choices={choices} onChange={onChange} />
      {profile.mfu === null ? (
        <p className={classes.dim}>
          A rehearsal on CPU ranks measures no MFU. Choose a production profile to see what time an MFU needs.
        </p>
      ) : (
        shape !== null && (
          <MfuView
            key={name}
            limits={profile.mfu}
            terms={{
              parameters: countParameters(shape).total,
              uniqueTokens: plan.uniqueTokens,
              gpuPeakTflops: profile.mfu.peakTflops,
              numGpus,
            }}
          />
        )
      )}
    </>
  );
});

/** What is declared, whether it fits, and what to do where it does not. */
function Heading({
  title,
  answer,
  numGpus,
  asking,
  onUseGpus,
}: {
  title: string;
  answer: TopologyAnswer | null;
  numGpus: number;
  asking: boolean;
  onUseGpus: (numGpus: number) => void;
}) {
  const unreadable = answer === null ? null : whyUnreadable(answer);
  const declared = answer?.declared ?? null;
  const wanted = declared === null ? 1 : declared.dp_size * declared.tp_size;
  return (
    <div className={classes.heading} aria-live="polite" aria-busy={asking}>
      <h2 className={classes.title}>
        {title}
        {answer?.plan != null && (
          <>
            <span className="number">
              dp {answer.plan.topology.dp_size} x tp {answer.plan.topology.tp_size} = {numGpus}
            </span>
            <VerdictMark mark="passed" word={declared === null ? "needs no declaration" : "fits"} />
          </>
        )}
        {asking && <span className={classes.dim}>reading</span>}
      </h2>
      {unreadable !== null && (
        <div className={classes.problem}>
          <IconAlertTriangle size="1em" aria-hidden />
          <div>{unreadable} What is drawn is of the text before.</div>
        </div>
      )}
      {unreadable === null && answer?.problem != null && (
        <div className={classes.problem} role="alert">
          <IconAlertTriangle size="1em" aria-hidden />
          <div>
            {answer.problem}
            {wanted !== numGpus && wanted <= MAX_RANKS && (
              <div>
                <Button onClick={() => onUseGpus(wanted)}>
                  Draw it for {wanted} {wanted === 1 ? "GPU" : "GPUs"}
                </Button>
              </div>
            )}
          </div>
        </div>
      )}
    </div>
  );
}

/** Why nothing can be said about what is declared; null where it can. */
function whyUnreadable({ verdict: { kind, rule, line }, problem }: TopologyAnswer): string | null {
  if (kind === "syntax") return `Line ${line ?? 1} is no Python yet.`;
  if (rule === "scanner-crash" || rule === "source-too-large") return problem ?? "The scanner cannot read this file.";
  return null;
}

function Tokens({ plan, profile }: { plan: TopologyPlan; profile: TopologyProfile }) {
  const { batch_size, seq_len, num_samples } = profile.sizes;
  const rows: [string, number, string][] = [
    ["Tokens a step, each rank", plan.tokensPerStep, `${batch_size} samples of ${formatInteger(seq_len)} tokens`],
    ["Unique tokens a step", plan.uniqueTokensPerStep, "each data group's own, once"],
    ["Unique tokens of the run", plan.uniqueTokens, `${formatInteger(plan.steps)} steps; MFU counts these`],
    ["total_tokens must be", plan.tokensPerStep * plan.steps, "what each rank trained on"],
    ["Samples", num_samples, "after the last, the data begins again"],
  ];
  return (
    <table className={classes.figures} aria-label="Tokens">
      <tbody>
        {rows.map(([label, value, about]) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            <td>{formatInteger(value)}</td>
            <td className={classes.about}>{about}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** While the text is no Python for a moment, what was drawn of the same file stays. */
function usePlanToDraw(title: string | null, answer: TopologyAnswer | null): TopologyPlan | null {
  const [drawn, setDrawn] = useState<{ title: string | null; plan: TopologyPlan | null }>({ title, plan: null });
  const keeps = answer === null || whyUnreadable(answer) !== null;
  const next = keeps ? (drawn.title === title ? drawn.plan : null) : answer.plan;
  useEffect(() => setDrawn({ title, plan: next }), [title, next]);
  return next;
}

/** The profiles there are, and the one of that name. */
function useProfile(name: string) {
  const [profiles, setProfiles] = useState<Outputs["hparams"]["list"]>([]);
  const [loaded, setLoaded] = useState<{ name: string; resolved: Record<string, unknown> } | null>(null);
  const [error, setError] = useState<ReturnType<typeof asCrusaderError> | null>(null);
  const [tries, setTries] = useState(0);
  const { status } = useConnection();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another try is another reading
  useEffect(() => {
    if (status !== "connected") return;
    const turn = new AbortController();
    const options = { signal: turn.signal };
    Promise.all([client.hparams.list(undefined, options), client.hparams.load({ name }, options)])
      .then(([list, { resolved }]) => {
        setProfiles(list);
        setLoaded({ name, resolved });
        setError(null);
      })
      .catch((thrown: unknown) => {
        if (!turn.signal.aborted) setError(asCrusaderError(thrown));
      });
    return () => turn.abort();
  }, [name, status, tries]);
  const profile = useMemo(() => (loaded?.name === name ? topologyProfile(loaded.resolved) : null), [loaded, name]);
  return { profiles, profile, error, retry: () => setTries((count) => count + 1) };
}
