/** Who leads and why: the boards of validators, what they evaluate, and everything that was ever seen, to search and compare. */
import { Button, Checkbox, Select, TextInput } from "@mantine/core";
import { IconGitCompare, IconRefresh, IconSearch } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { type ShownSource, SUBMISSION_STATES, type SubmissionState } from "../../../common/arena.ts";
import { client } from "../../client.ts";
import { loadedAtOnce } from "../../shell/lazily.tsx";
import { notifyError } from "../../shell/notifications.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { useChoice } from "../simulation/choice.ts";
import { useProfiles } from "../simulation/use-profiles.ts";
import classes from "./arena.module.css";
import { setSources, useArena, useFollowedArena } from "./arena-store.ts";
import { compareSelected } from "./compare.ts";
import { CompareView } from "./compare-view.tsx";
import { Leaderboard } from "./leaderboard.tsx";
import { PlainWarning } from "./plain-warning.tsx";
import { Results } from "./results.tsx";
import { useSearchRequests } from "./search-field.ts";
import { SourceState } from "./source-state.tsx";
import { SourcesView } from "./sources-view.tsx";
import { useNow } from "./use-now.ts";
import { ValidatorView } from "./validator-view.tsx";
import {
  changeSearch,
  goBack,
  isSearch,
  type Saved,
  saveChoice,
  savedChoice,
  showView,
  usePanel,
  type View,
} from "./view.ts";

const ArenaSubmission = loadedAtOnce(
  () => import("./submission-page/arena-submission.tsx"),
  "Loading the submission's page",
);

export default function ArenaPanel() {
  useFollowedArena();
  const { sources, error } = useArena();
  const { view, search, selected } = usePanel();
  const [choice, setChoice] = useState(savedChoice);
  const profile = useScoringProfile(choice.profile);
  const nowMs = useNow();
  const searchField = useRef<HTMLInputElement>(null);
  const toSearch = () => {
    searchField.current?.focus();
    return searchField.current !== null;
  };
  useSearchRequests(toSearch);

  const change = (changed: Partial<Saved>) => {
    setChoice({ ...choice, ...changed });
    saveChoice(changed);
  };
  const source = sources?.find(({ name }) => name === choice.source) ?? sources?.[0] ?? null;
  // Before the sources are there, the board of the last one is asked for already.
  const name = source?.name ?? (sources === null ? choice.source : null);
  const show = (shown: string) => {
    change({ source: shown });
    showView({ kind: "board" });
  };
  if (sources === null && error !== null) return <ErrorState error={error} />;
  if (sources === null && name === null) return <Loading what="Reading the arena's sources" />;
  const list = { nowMs, selected, onSearch: toSearch };
  const isSearching = view.kind === "board" && isSearch(search);
  const page = name === null ? "sources" : view.kind;
  return (
    <div className={classes.panel}>
      {name !== null && (
        <Header
          view={view}
          source={source}
          sources={sources ?? []}
          profile={profile}
          nowMs={nowMs}
          onSource={(shown) => change({ source: shown })}
          onProfile={(named) => change({ profile: named })}
        />
      )}
      {name !== null && (view.kind === "board" || view.kind === "validator") && (
        <search className={classes.bar} aria-label="Submissions">
          <TextInput
            ref={searchField}
            aria-label="Search all submissions"
            placeholder="Search code, id, hotkey, state, error"
            leftSection={<IconSearch size="1em" aria-hidden />}
            value={search.query}
            maxLength={200}
            onChange={({ currentTarget }) => {
              changeSearch({ query: currentTarget.value });
              showView({ kind: "board" });
            }}
            onKeyDown={(event) => {
              if (event.key !== "Escape" || search.query === "") return;
              event.stopPropagation();
              changeSearch({ query: "" });
            }}
            className={classes.search}
            spellCheck={false}
          />
          <Select
            aria-label="State"
            placeholder="Any state"
            clearable
            data={[...SUBMISSION_STATES]}
            value={search.state}
            onChange={(state) => {
              changeSearch({ state: state as SubmissionState | null });
              showView({ kind: "board" });
            }}
            w={120}
          />
          <Checkbox
            size="xs"
            label="Own"
            checked={search.own}
            onChange={({ currentTarget }) => {
              changeSearch({ own: currentTarget.checked });
              showView({ kind: "board" });
            }}
          />
          {(sources?.length ?? 0) > 1 && (
            <Checkbox
              size="xs"
              label="In every source"
              checked={search.everySource}
              onChange={({ currentTarget }) => changeSearch({ everySource: currentTarget.checked })}
            />
          )}
          <Button
            leftSection={<IconGitCompare size="1em" aria-hidden />}
            disabled={selected.size === 0 || selected.size > 2}
            title={selected.size === 0 || selected.size > 2 ? "Select one or two submissions" : "C"}
            onClick={compareSelected}
          >
            Compare
          </Button>
        </search>
      )}
      {page === "sources" && <SourcesView sources={sources ?? []} nowMs={nowMs} onShow={show} />}
      {name !== null && page === "board" && isSearching && <Results source={name} search={search} {...list} />}
      {name !== null && page === "board" && !isSearching && (
        <Leaderboard
          key={name}
          source={name}
          profile={profile.name}
          charts={choice.charts}
          onCharts={(charts) => change({ charts })}
          {...list}
        />
      )}
      {name !== null && page === "validator" && <ValidatorView key={name} source={name} {...list} />}
      {page === "submission" && view.kind === "submission" && (
        <ArenaSubmission reference={view.reference} onClose={goBack} />
      )}
      {page === "compare" && view.kind === "compare" && <CompareView a={view.a} b={view.b} nowMs={nowMs} />}
    </div>
  );
}

type ScoringProfile = { name: string | null; all: string[] };

/** The one that was chosen here, else that of the next run, else the first that scores. */
function useScoringProfile(chosen: string | null): ScoringProfile {
  const profiles = useProfiles();
  const choice = useChoice();
  // The board needs not wait for the list.
  if (profiles === null) return { name: chosen, all: [] };
  const scoring = profiles.filter(({ kind, error }) => kind === "production" && error === null);
  const named = (wanted: string | null) => scoring.find(({ name }) => name === wanted)?.name;
  return {
    name: named(chosen) ?? named(choice.profile) ?? scoring[0]?.name ?? null,
    all: scoring.map(({ name }) => name),
  };
}

type HeaderProps = {
  view: View;
  source: ShownSource | null;
  sources: readonly ShownSource[];
  profile: ScoringProfile;
  nowMs: number;
  onSource: (name: string) => void;
  onProfile: (name: string) => void;
};

function Header({ view, source, sources, profile, nowMs, onSource, onProfile }: HeaderProps) {
  const [isLooking, setLooking] = useState(false);
  const look = async () => {
    setLooking(true);
    try {
      setSources(await client.arena.refresh({}));
    } catch (thrown) {
      notifyError(thrown);
    } finally {
      setLooking(false);
    }
  };
  const tab = (kind: "board" | "validator" | "sources", word: string) => (
    <Button aria-pressed={view.kind === kind} onClick={() => showView({ kind })}>
      {word}
    </Button>
  );
  return (
    <header className={classes.header}>
      <nav className={classes.actions} aria-label="Arena">
        {tab("board", "Leaderboard")}
        {tab("validator", "Validator")}
        {tab("sources", "Sources")}
      </nav>
      <Select
        aria-label="Source"
        data={sources.map(({ name }) => name)}
        value={source?.name ?? null}
        onChange={(name) => name !== null && onSource(name)}
        allowDeselect={false}
        w={150}
      />
      {profile.all.length > 1 && (
        <Select
          aria-label="Rules of"
          data={profile.all}
          value={profile.name}
          onChange={(name) => name !== null && onProfile(name)}
          allowDeselect={false}
          w={180}
        />
      )}
      <Button
        loading={isLooking}
        leftSection={<IconRefresh size="1em" aria-hidden />}
        onClick={() => void look()}
        title="Looks at every source now"
      >
        Look now
      </Button>
      <div className={classes.sourceState} aria-live="polite">
        {source !== null && <SourceState source={source} nowMs={nowMs} />}
        {source?.isPlain === true && <PlainWarning />}
      </div>
    </header>
  );
}
