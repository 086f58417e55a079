/** What is to be submitted, top to bottom: file and proof, rules and network, URL, identity, cost, preflight. */
import { Button, Select } from "@mantine/core";
import { IconArrowRight, IconPlayerPlay } from "@tabler/icons-react";
import { useEffect, useId, useState } from "react";
import { formatBytes, formatInteger } from "../../../common/format.ts";
import type { PracticeMiner } from "../../../common/practice.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Fee, Preflight, SubmissionRequest } from "../../../common/submission.ts";
import { blockedBy, citablePayments, paymentText } from "../../../common/submission-words.ts";
import type { Signer } from "../../../common/wallets.ts";
import { useConnection } from "../../client.ts";
import { useActivity } from "../../shell/activity.ts";
import { runCommand } from "../../shell/commands.ts";
import { notifyError } from "../../shell/notifications.ts";
import { freshTarget, type ShownTarget, useSelection } from "../../shell/selection.ts";
import { CopyText } from "../../shell/ui/copy-text.tsx";
import { ConnectionLine, NetworkPicker } from "../chain/network-picker.tsx";
import { watchNetwork } from "../chain/watched-network.ts";
import { showRun } from "../history/actions.ts";
import { UrlField } from "../hosting/url-field.tsx";
import { LocalnetCard } from "../practice/localnet-card.tsx";
import { PracticeCard } from "../practice/practice-card.tsx";
import { useChoice } from "../simulation/choice.ts";
import { useProfiles } from "../simulation/use-profiles.ts";
import { SignerPicker } from "../wallets/index.ts";
import { CopiedFact, Fact, Facts } from "./facts.tsx";
import { FeeFacts } from "./fee-facts.tsx";
import { type Form, missingWords, requestOf, withNetwork } from "./form.ts";
import { PreflightView } from "./preflight-view.tsx";
import classes from "./submission.module.css";
import { useSubmissions } from "./submissions.ts";
import { usePreflight } from "./use-preflight.ts";
import { changeForm, showView, useForm } from "./view.ts";

const change = (changed: Partial<Form>) => changeForm((form) => ({ ...form, ...changed }));
const changeHotkey = (hotkey: Signer | null) => change({ hotkey });
const changeColdkey = (coldkey: Signer | null) => change({ coldkey });

export function ComposeView() {
  const form = useForm();
  const target = useSelection((state) => state.target);
  const { scoring, profile } = useScoringProfiles(form);
  const { status } = useConnection();
  const request = requestOf(form, target?.target ?? null, profile);
  const revision = useActivity((state) => state.historyRevision);
  useEffect(() => watchNetwork(form.network), [form.network]);
  const { asked, again } = usePreflight(request, { target, revision });
  const preflight = asked?.preflight ?? null;
  const reason =
    missingWords(form, target, profile) ??
    (status === "connected" ? null : "Not connected.") ??
    (asked?.error != null ? shownText(asked.error.message) : null) ??
    (preflight === null || asked?.isRunning !== false ? "The preflight is not done yet." : blockedBy(preflight));
  return (
    <>
      <FileSection target={target} preflight={preflight} />
      <section className={classes.part} aria-label="Network and rules">
        <h2 className={classes.title}>Network and rules</h2>
        <div className={classes.fields}>
          <NetworkPicker
            value={form.network}
            onChange={(network) => changeForm((before) => withNetwork(before, network))}
          />
          <Select
            label="Profile"
            description="Netuid, fee and intervals go by it."
            data={scoring.map(({ name, title }) => ({ value: name, label: name, title: title ?? "" }))}
            value={profile}
            allowDeselect={false}
            onChange={(value) => value !== null && change({ profile: value })}
            w="15rem"
          />
        </div>
        {form.network !== "practice" && <ConnectionLine network={form.network} />}
        {form.network === "practice" && <PracticeCard onMiner={(miner) => change(keysOf(miner))} />}
        {form.network === "local" && <LocalnetCard />}
      </section>
      <section className={classes.part} aria-label="URL">
        <h2 className={classes.title}>URL</h2>
        <UrlField
          target={target}
          network={form.network}
          profile={profile}
          value={form.url}
          onChange={(url: string) => change({ url })}
          preflight={preflight}
        />
      </section>
      <section className={classes.part} aria-label="Identity">
        <h2 className={classes.title}>Identity</h2>
        {/* biome-ignore lint/a11y/useValidAriaRole: whose key, and no role of an element */}
        <SignerPicker role="hotkey" network={form.network} value={form.hotkey} onChange={changeHotkey} />
        {preflight?.uid != null && (
          <Facts>
            <Fact name="Registered">uid {preflight.uid}</Fact>
          </Facts>
        )}
        {form.network !== "practice" && <OwnKeys network={form.network} />}
      </section>
      <CostSection form={form} fee={preflight?.fee ?? null} />
      <PreflightView asked={asked} again={again} />
      <Onwards reason={reason} request={request} preflight={preflight} target={target} />
    </>
  );
}

/** A throwaway miner signs for both. */
function keysOf({ wallet, hotkey }: PracticeMiner): Pick<Form, "hotkey" | "coldkey"> {
  const key = { place: "practice", wallet } as const;
  return {
    hotkey: { kind: "file", key: { ...key, hotkey } },
    coldkey: { kind: "file", key: { ...key, hotkey: null } },
  };
}

/** NAME and HOTKEY are a person's to choose; NETUID is the profile's. */
const walletCommands = (network: string) =>
  [
    "btcli wallet create --wallet.name NAME --wallet.hotkey HOTKEY",
    `btcli subnet register --netuid NETUID --wallet.name NAME --wallet.hotkey HOTKEY --network ${network}`,
  ].join("\n");

/** Real keys are made and registered elsewhere; how is said here. */
function OwnKeys({ network }: { network: string }) {
  return (
    <details>
      <summary>No keys yet, or not registered</summary>
      <div className={classes.part}>
        <p className={classes.dim}>
          Crusader makes no real keys and registers none: btcli does. It shows the phrases that bring the keys back, and
          what a registration costs.
        </p>
        <CopyText text={walletCommands(network)} what="the commands" />
      </div>
    </details>
  );
}

/** Those that score, and which of them is meant: a rehearsal is nothing to submit by. */
function useScoringProfiles(form: Form) {
  const profiles = useProfiles();
  const choice = useChoice();
  const scoring = (profiles ?? []).filter(({ kind, error }) => kind === "production" && error === null);
  const named = (name: string | null) => scoring.find((one) => one.name === name)?.name;
  return { scoring, profile: named(form.profile) ?? named(choice.profile) ?? scoring[0]?.name ?? null };
}

function FileSection({ target, preflight }: { target: ShownTarget | null; preflight: Preflight | null }) {
  return (
    <section className={classes.part} aria-label="File and proof">
      <h2 className={classes.title}>File and proof</h2>
      {target === null ? (
        <p className={classes.dim}>Open the file in the editor, or choose it in the explorer.</p>
      ) : (
        <>
          <div className={classes.line}>
            <b>{target.title}</b> <span className={classes.dim}>{target.origin}</span>
            {preflight !== null && <span className="number">{formatBytes(preflight.byteCount)}</span>}
            <Button
              leftSection={<IconPlayerPlay size="1em" aria-hidden />}
              onClick={() => runCommand("simulation.start")}
            >
              Simulate
            </Button>
          </div>
          {preflight !== null && (
            <Facts>
              <CopiedFact name="SHA-256" value={preflight.sha256} />
              <Fact name="Judged in">
                {preflight.runIds.length === 0 ? (
                  "no run yet: simulate it first"
                ) : (
                  <span className={classes.line}>
                    {preflight.runIds.map((runId) => (
                      <Button key={runId} onClick={() => showRun(runId)}>
                        run {runId}
                      </Button>
                    ))}
                  </span>
                )}
              </Fact>
            </Facts>
          )}
        </>
      )}
    </section>
  );
}

function CostSection({ form, fee }: { form: Form; fee: Fee | null }) {
  const { list } = useSubmissions();
  const citable = citablePayments(list ?? [], form.network);
  const cited = form.payment;
  const keyOf = ({ block, extrinsicIndex }: { block: number; extrinsicIndex: number }) => `${block}:${extrinsicIndex}`;
  return (
    <section className={classes.part} aria-label="Cost">
      <h2 className={classes.title}>Cost</h2>
      {(citable.length > 0 || cited !== null) && (
        <Select
          label="Payment"
          description="What was paid for a submission that came to nothing is cited by another one, once."
          data={[
            { value: "new", label: "Pay the fee" },
            ...citable.flatMap(({ payment, fileName, createdAt }) =>
              payment === null
                ? []
                : [
                    {
                      value: keyOf(payment),
                      label: `Cite ${paymentText(payment)} (${shownText(fileName)}, ${createdAt.slice(0, 10)})`,
                    },
                  ],
            ),
          ]}
          value={cited === null ? "new" : keyOf(cited)}
          allowDeselect={false}
          onChange={(value) =>
            change({
              payment: citable.find(({ payment }) => payment !== null && keyOf(payment) === value)?.payment ?? null,
            })
          }
          w="32rem"
          maw="100%"
        />
      )}
      {cited === null && citable.length > 0 && (
        <span className={classes.reason}>
          {citable.length === 1 ? "A payment is" : `${formatInteger(citable.length)} payments are`} not used yet: to
          cite
          {citable.length === 1 ? " it" : " one"} costs nothing.
        </span>
      )}
      {cited === null && (
        // biome-ignore lint/a11y/useValidAriaRole: whose key, and no role of an element
        <SignerPicker role="coldkey" network={form.network} value={form.coldkey} onChange={changeColdkey} />
      )}
      {fee === null ? (
        <p className={classes.dim}>The preflight says whether a fee is due, and to whom.</p>
      ) : (
        <Facts>
          <FeeFacts fee={fee} payment={cited === null ? "due" : "cited"} />
        </Facts>
      )}
    </section>
  );
}

type OnwardsProps = {
  reason: string | null;
  request: SubmissionRequest | null;
  preflight: Preflight | null;
  target: ShownTarget | null;
};

function Onwards({ reason, request, preflight, target }: OnwardsProps) {
  const reasonId = useId();
  const [isSaving, setSaving] = useState(false);
  const review = async (asked: SubmissionRequest, passed: Preflight, shown: ShownTarget) => {
    setSaving(true);
    try {
      // What was typed since is saved, and is what the review looks at.
      const fresh = await freshTarget(shown);
      showView({ kind: "review", request: { ...asked, target: fresh }, preflight: passed }, { fullWidth: true });
    } finally {
      setSaving(false);
    }
  };
  return (
    <section className={classes.part} aria-label="Review">
      <div className={classes.line}>
        <Button
          variant="filled"
          size="sm"
          rightSection={<IconArrowRight size="1em" aria-hidden />}
          disabled={reason !== null}
          loading={isSaving}
          aria-describedby={reasonId}
          onClick={() => {
            if (request === null || preflight === null || target === null) return;
            review(request, preflight, target).catch((thrown: unknown) => notifyError(thrown));
          }}
        >
          Review what would be signed
        </Button>
        <span id={reasonId} className={reason === null ? classes.dim : classes.reason}>
          {reason ?? "Nothing is signed or sent by that."}
        </span>
      </div>
    </section>
  );
}
