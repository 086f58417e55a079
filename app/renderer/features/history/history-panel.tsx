/** All runs: to find, sort, note, compare, chart, delete. */
import { Button, Menu, Select, TextInput } from "@mantine/core";
import {
  IconChartLine,
  IconDownload,
  IconFileImport,
  IconGitCompare,
  IconSearch,
  IconTrash,
} from "@tabler/icons-react";
import { Suspense, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { formatBytes } from "../../../common/format.ts";
import { type Evaluation, RUN_STATES, type RunState } from "../../../common/runs.ts";
import { runCommand } from "../../shell/commands.ts";
import { lazily } from "../../shell/lazily.tsx";
import { panelSetting, savePanelSetting } from "../../shell/settings.ts";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import { useStaleRuns } from "../production/use-stale-runs.ts";
import { compareSelected, deleteRuns, exportList, pinBaseline, runsText } from "./actions.ts";
import { historyCommands } from "./commands.ts";
import classes from "./history.module.css";
import { Notes } from "./notes.tsx";
import { PruneDialog } from "./prune-dialog.tsx";
import {
  comparedPair,
  EVERYTHING,
  evaluationOf,
  filterRuns,
  NEWEST_FIRST,
  type RunQuery,
  SORT_KEYS,
  type Sorting,
  sortRuns,
} from "./run-table.ts";
import { RunTable } from "./run-table-view.tsx";
import { history, useHistory } from "./use-history.ts";

const loadCharts = () => import("./charts.tsx");
const Charts = lazily(loadCharts);

const SETTING = "history";
type Saved = { sorting: Sorting; charts: boolean };

function savedSetting(): Saved {
  const { sorting, charts } = (panelSetting(SETTING) ?? {}) as Partial<Saved>;
  const usable = sorting !== undefined && SORT_KEYS.includes(sorting.key) && typeof sorting.descending === "boolean";
  return { sorting: usable ? sorting : NEWEST_FIRST, charts: charts === true };
}

export default function HistoryPanel() {
  const { runs, unreadable, baselineRunId, bytes, status, error } = useHistory();
  const [query, setQuery] = useState<RunQuery>(EVERYTHING);
  const [setting, setSetting] = useState(savedSetting);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [pruning, setPruning] = useState(false);
  const stale = useStaleRuns();
  const searchField = useRef<HTMLInputElement>(null);
  const asked = useDeferredValue(query);
  const shown = useMemo(() => sortRuns(filterRuns(runs, asked), setting.sorting), [runs, asked, setting.sorting]);
  const choices = useMemo(() => choicesOf(runs), [runs]);
  const chosen = useMemo(() => runs.filter(({ id }) => selected.has(id)), [runs, selected]);

  useEffect(() => {
    // When there is nothing else to do, so that the first chart does not wait for it. Where that fails, it asks again.
    const idle = requestIdleCallback(() => void loadCharts().catch(() => undefined));
    return () => cancelIdleCallback(idle);
  }, []);

  const change = (changed: Partial<Saved>) => {
    const next = { ...setting, ...changed };
    setSetting(next);
    savePanelSetting(SETTING, next);
  };

  if (status === "failed") return <ErrorState error={error} retry={() => void history.refresh()} />;
  if (status === "loading") return <Loading what="Reading the history" />;
  if (runs.length === 0 && unreadable.length === 0) {
    return (
      <EmptyState title="No run yet" actions={<ImportMenu />}>
        Every run is kept here with its plan, source, events and log: to find again, to note something about, and to
        compare two of them. Start one from the editor with Ctrl+Enter.
      </EmptyState>
    );
  }
  const ids = chosen.map(({ id }) => id);
  const pair = comparedPair(new Set(ids));
  const only = chosen.length === 1 ? chosen[0] : undefined;
  return (
    <div className={classes.panel}>
      <search className={classes.bar} aria-label="Runs">
        <TextInput
          ref={searchField}
          aria-label="Search runs"
          placeholder="Search number, file, v14, code, tag, note"
          leftSection={<IconSearch size="1em" aria-hidden />}
          value={query.search}
          onChange={({ currentTarget }) => setQuery({ ...query, search: currentTarget.value })}
          className={classes.search}
        />
        <Select
          aria-label="State"
          placeholder="Any state"
          clearable
          data={[...RUN_STATES]}
          value={query.state}
          onChange={(state) => setQuery({ ...query, state: state as RunState | null })}
          w={120}
        />
        <Select
          aria-label="Profile"
          placeholder="Any profile"
          clearable
          data={choices.profiles}
          value={query.profile}
          onChange={(profile) => setQuery({ ...query, profile })}
          w={140}
        />
        {choices.hasProduction && (
          <Select
            aria-label="Evaluation"
            placeholder="Any evaluation"
            clearable
            data={[
              { value: "crusader", label: "by Crusader" },
              { value: "production", label: "by production's code" },
            ]}
            value={query.evaluation}
            onChange={(evaluation) => setQuery({ ...query, evaluation: evaluation as Evaluation | null })}
            w={190}
          />
        )}
        {choices.tags.length > 0 && (
          <Select
            aria-label="Tag"
            placeholder="Any tag"
            clearable
            data={choices.tags}
            value={query.tag}
            onChange={(tag) => setQuery({ ...query, tag })}
            w={120}
          />
        )}
      </search>
      <div className={classes.bar}>
        <output className={classes.count}>
          {shown.length === runs.length
            ? runsText(runs.length)
            : `${runsText(shown.length)} of ${runsText(runs.length)}`}
          , {formatBytes(bytes)} on the disk
          {selected.size > 0 && `; ${runsText(ids.length)} selected`}
          {error !== null && `; ${error.message}`}
        </output>
        <Button
          leftSection={<IconGitCompare size="1em" aria-hidden />}
          disabled={pair === null}
          title={pair === null ? "Select two runs" : "C"}
          onClick={() => compareSelected(new Set(ids))}
        >
          Compare
        </Button>
        <Button
          leftSection={<IconTrash size="1em" aria-hidden />}
          disabled={ids.length === 0}
          title={ids.length === 0 ? "Select runs" : "Delete"}
          onClick={() => void deleteRuns(ids)}
        >
          Delete
        </Button>
        <Button
          leftSection={<IconChartLine size="1em" aria-hidden />}
          aria-pressed={setting.charts}
          onClick={() => change({ charts: !setting.charts })}
        >
          Charts
        </Button>
        <ImportMenu />
        <Menu>
          <Menu.Target>
            <Button leftSection={<IconDownload size="1em" aria-hidden />}>Export</Button>
          </Menu.Target>
          <Menu.Dropdown>
            {(["csv", "json"] as const).map((format) => (
              <Menu.Item key={format} onClick={() => void exportList(format, filterOf(query))}>
                The list as {format.toUpperCase()}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <Button onClick={() => setPruning(true)}>Prune</Button>
      </div>
      {unreadable.length > 0 && (
        <details className={classes.caution}>
          <summary>
            {unreadable.length} {unreadable.length === 1 ? "folder" : "folders"} cannot be read and{" "}
            {unreadable.length === 1 ? "is" : "are"} left alone
          </summary>
          <ul>
            {unreadable.map(({ id, reason, bytes: size }) => (
              <li key={id}>
                {id}: {reason} ({formatBytes(size)}){" "}
                <Button onClick={() => void deleteRuns([id])} disabled={!/^[1-9]\d*$/.test(id)}>
                  Delete
                </Button>
              </li>
            ))}
          </ul>
        </details>
      )}
      {shown.length === 0 ? (
        <EmptyState
          title="No run is like that"
          actions={<Button onClick={() => setQuery(EVERYTHING)}>Show all runs</Button>}
        />
      ) : (
        <RunTable
          runs={shown}
          baselineRunId={baselineRunId}
          stale={stale}
          sorting={setting.sorting}
          onSort={(sorting) => change({ sorting })}
          selected={selected}
          onSelect={setSelected}
          onDelete={() => void deleteRuns(ids)}
          onPin={(runId) => void pinBaseline(runId === baselineRunId ? null : runId)}
          onSearch={() => searchField.current?.focus()}
        />
      )}
      {only !== undefined && stale.has(only.id) && (
        <p className={classes.caution}>
          Run {only.id} was made under other rules than those in force: {stale.get(only.id)?.join(" ")}
        </p>
      )}
      {only !== undefined && <Notes key={only.id} run={only} isBaseline={only.id === baselineRunId} />}
      {setting.charts && (
        <Suspense fallback={<Loading what="Loading charts" />}>
          <Charts runs={shown} all={runs} baselineRunId={baselineRunId} stale={stale} />
        </Suspense>
      )}
      <PruneDialog opened={pruning} onClose={() => setPruning(false)} />
    </div>
  );
}

function ImportMenu() {
  return (
    <Menu>
      <Menu.Target>
        <Button leftSection={<IconFileImport size="1em" aria-hidden />}>Import</Button>
      </Menu.Target>
      <Menu.Dropdown>
        {historyCommands.map(({ id, title }) => (
          <Menu.Item key={id} onClick={() => runCommand(id)}>
            {title}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** What the services can filter by themselves; states and tags of the list are theirs too. */
function filterOf({ search, state, profile, evaluation, tag }: RunQuery) {
  return {
    ...(search.trim() === "" ? {} : { search: search.trim() }),
    ...(state === null ? {} : { state }),
    ...(profile === null ? {} : { profile }),
    ...(evaluation === null ? {} : { evaluation }),
    ...(tag === null ? {} : { tag }),
  };
}

function choicesOf(runs: ReturnType<typeof useHistory>["runs"]) {
  const sorted = (values: Iterable<string>) => [...new Set(values)].sort();
  return {
    profiles: sorted(runs.map(({ profile }) => profile.name)),
    tags: sorted(runs.flatMap(({ tags }) => tags)),
    hasProduction: runs.some((run) => evaluationOf(run) === "production"),
  };
}
