/** What the ranks printed, live: searchable, copyable, 100,000 lines. Untrusted: only colours pass (safe-output.ts). */
import "@xterm/xterm/css/xterm.css";
import { ActionIcon, Button, Select, TextInput } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconCopy, IconSearch } from "@tabler/icons-react";
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { type ITheme, Terminal } from "@xterm/xterm";
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { CrusaderError } from "../../../common/errors.ts";
import { formatBytes, formatInteger } from "../../../common/format.ts";
import { rankSource } from "../../../common/log-lines.ts";
import { client } from "../../client.ts";
import { notify, notifyError } from "../../shell/notifications.ts";
import { panelSetting, savePanelSetting } from "../../shell/settings.ts";
import { MONOSPACE } from "../../shell/theme.ts";
import { LogReader } from "./log-reader.ts";
import classes from "./simulation.module.css";

const MAX_LINES = 100_000;
const FONT_SIZE = 12;
const SETTING = "log";
const [ALL, NO_RANK] = ["all", "no rank"];

/** The window's colours; the 16 of the terminal are xterm's own, but for those unreadable on the ground they are on. */
function themeOf(element: HTMLElement): ITheme {
  const style = getComputedStyle(element);
  const variable = (name: string) => style.getPropertyValue(name).trim();
  const isDark = document.documentElement.dataset.appearance !== "light";
  const light: ITheme = {
    yellow: "#8a5a00",
    brightYellow: "#8a5a00",
    white: "#59626e",
    brightWhite: "#1b1f24",
    cyan: "#00707a",
    green: "#3a7300",
  };
  const dark: ITheme = { black: "#8d96a2", red: "#f28b82", blue: "#6ca3e6", magenta: "#c39ac9" };
  return {
    background: variable("--surface-sunken"),
    foreground: variable("--text"),
    cursor: variable("--surface-sunken"),
    selectionBackground: variable("--selected"),
    ...(isDark ? dark : light),
  };
}

type Parts = { terminal: Terminal; search: SearchAddon };

/** Whose lines are shown: `ALL`, `NO_RANK` or a rank's source. Chosen for the panel, whatever run it shows. */
function useShown(numRanks: number): {
  shown: string;
  options: { value: string; label: string }[];
  show: (value: string) => void;
} {
  const options = [
    { value: ALL, label: "All lines" },
    ...Array.from({ length: numRanks }, (_value, rank) => ({ value: rankSource(rank), label: `Rank ${rank}` })),
    { value: NO_RANK, label: "No rank" },
  ];
  const [chosen, setChosen] = useState(() => panelSetting(SETTING));
  const shown = options.find(({ value }) => value === chosen)?.value ?? ALL;
  const show = (value: string) => {
    setChosen(value);
    savePanelSetting(SETTING, value);
  };
  return { shown, options, show };
}

function isShown(shown: string, source: string | null): boolean {
  if (shown === ALL) return true;
  return shown === NO_RANK ? source === null || !source.startsWith("rank ") : source === shown;
}

export default function LogView({
  runId,
  numRanks,
  totalBytes,
}: {
  runId: string;
  numRanks: number;
  totalBytes: number;
}) {
  const place = useRef<HTMLDivElement>(null);
  const parts = useRef<Parts | null>(null);
  const reader = useRef<LogReader | null>(null);
  const bytes = useRef(totalBytes);
  const [error, setError] = useState<CrusaderError | null>(null);
  const [skippedBytes, setSkippedBytes] = useState(0);
  const [hasLines, setHasLines] = useState(false);
  const { shown, options, show } = useShown(numRanks);
  bytes.current = totalBytes;

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const terminal = new Terminal({
      scrollback: MAX_LINES,
      disableStdin: true,
      cursorInactiveStyle: "none",
      fontFamily: MONOSPACE,
      fontSize: FONT_SIZE,
      theme: themeOf(element),
      // Marks of the search in the scrollbar are such an interface.
      allowProposedApi: true,
    });
    const fit = new FitAddon();
    const search = new SearchAddon();
    terminal.loadAddon(fit);
    terminal.loadAddon(search);
    terminal.open(element);
    terminal.textarea?.setAttribute("aria-label", `Log of run ${runId}`);
    terminal.textarea?.setAttribute("readonly", "");
    terminal.attachCustomKeyEventHandler((event) => handleKey(event, terminal));
    parts.current = { terminal, search };
    setHasLines(false);
    const log = new LogReader({
      read: (offset, signal) => client.runs.output({ runId, offset }, { signal }),
      write: async (text) => {
        if (text === "") return;
        setHasLines(true);
        await new Promise<void>((resolve) => terminal.write(text, resolve));
      },
      shows: (source) => isShown(shown, source),
      onError: (failed) => setError(failed.code === "disconnected" ? null : failed),
    });
    reader.current = log;
    log.grow(bytes.current);
    setSkippedBytes(log.skippedBytes);
    const sizes = new ResizeObserver(() => {
      // A panel behind another has no size; fitting to it would make one column.
      if (element.clientWidth > 0 && element.clientHeight > 0) fit.fit();
    });
    sizes.observe(element);
    const appearance = new MutationObserver(() => {
      terminal.options.theme = themeOf(element);
    });
    appearance.observe(document.documentElement, { attributes: true, attributeFilter: ["data-appearance"] });
    return () => {
      log.stop();
      sizes.disconnect();
      appearance.disconnect();
      terminal.dispose();
      parts.current = null;
      reader.current = null;
    };
  }, [runId, shown]);

  useEffect(() => {
    reader.current?.grow(totalBytes);
    setSkippedBytes(reader.current?.skippedBytes ?? 0);
  }, [totalBytes]);

  return (
    <section className={classes.log} aria-label="Log">
      <LogBar parts={parts} totalBytes={totalBytes}>
        <Select
          aria-label="Lines of"
          title="Whose lines are shown"
          data={options}
          value={shown}
          allowDeselect={false}
          onChange={(value) => value !== null && show(value)}
          className={classes.logRank}
        />
      </LogBar>
      {skippedBytes > 0 && (
        <div className={classes.dim}>
          The first {formatBytes(skippedBytes)} are left out here; an export of the run has them.
        </div>
      )}
      {error !== null && (
        <div className={classes.problem} role="alert">
          <div>
            <b>{error.message}</b> {error.hint}
          </div>
          <Button
            onClick={() => {
              setError(null);
              reader.current?.grow(bytes.current);
            }}
          >
            Read on
          </Button>
        </div>
      )}
      {totalBytes === 0 && <div className={classes.dim}>Nothing was printed.</div>}
      {totalBytes > 0 && shown !== ALL && !hasLines && (
        <div className={classes.dim}>
          {shown === NO_RANK ? "All lines are of ranks" : `No line is of ${shown}`}{" "}
          {skippedBytes > 0 ? "in this part of the log" : "so far"}.
        </div>
      )}
      <div className={classes.terminal} ref={place} data-empty={!hasLines} />
    </section>
  );
}

type LogBarProps = { parts: { current: Parts | null }; totalBytes: number; children: ReactNode };

function LogBar({ parts, totalBytes, children }: LogBarProps) {
  const [query, setQuery] = useState("");
  const [found, setFound] = useState("");
  const find = (direction: "next" | "previous", text: string, incremental = false) => {
    const { search, terminal } = parts.current ?? {};
    if (search === undefined || terminal === undefined) return;
    if (text === "") {
      search.clearDecorations();
      terminal.clearSelection();
      setFound("");
      return;
    }
    const hit = direction === "next" ? search.findNext(text, { incremental }) : search.findPrevious(text);
    setFound(hit ? "" : "not found");
  };
  return (
    <div className={classes.logBar}>
      <h3 className={classes.title}>Log</h3>
      <span className={classes.dim}>{formatBytes(totalBytes)}</span>
      <span className={classes.spring} />
      {children}
      <TextInput
        aria-label="Search the log"
        placeholder="Search the log"
        leftSection={<IconSearch size="1em" aria-hidden />}
        value={query}
        error={found !== ""}
        onChange={({ currentTarget }) => {
          setQuery(currentTarget.value);
          find("next", currentTarget.value, true);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") find(event.shiftKey ? "previous" : "next", query);
        }}
        className={classes.logSearch}
      />
      <output className={classes.dim}>{found}</output>
      <ActionIcon
        aria-label="Previous match"
        title="Previous match (Shift+Enter)"
        onClick={() => find("previous", query)}
      >
        <IconArrowUp size="1em" aria-hidden />
      </ActionIcon>
      <ActionIcon aria-label="Next match" title="Next match (Enter)" onClick={() => find("next", query)}>
        <IconArrowDown size="1em" aria-hidden />
      </ActionIcon>
      <ActionIcon
        aria-label="Copy the log"
        title="Copy the log, or what is selected in it"
        onClick={() => parts.current !== null && void copy(parts.current.terminal)}
      >
        <IconCopy size="1em" aria-hidden />
      </ActionIcon>
    </div>
  );
}

/** Keys that move or copy; all others stay with the window. */
function handleKey(event: KeyboardEvent, terminal: Terminal): boolean {
  if (event.type !== "keydown") return false;
  const moves = new Map<string, () => void>([
    ["ArrowUp", () => terminal.scrollLines(-1)],
    ["ArrowDown", () => terminal.scrollLines(1)],
    ["PageUp", () => terminal.scrollPages(-1)],
    ["PageDown", () => terminal.scrollPages(1)],
    ["Home", () => terminal.scrollToTop()],
    ["End", () => terminal.scrollToBottom()],
  ]);
  const isCommand = event.ctrlKey || event.metaKey;
  const move = isCommand || event.altKey ? undefined : moves.get(event.key);
  if (move !== undefined) {
    move();
    event.preventDefault();
  } else if (isCommand && event.key === "a") {
    terminal.selectAll();
    event.preventDefault();
  } else if (isCommand && event.key === "c" && terminal.hasSelection()) {
    void copy(terminal);
    event.preventDefault();
  }
  return false;
}

async function copy(terminal: Terminal): Promise<void> {
  const text = terminal.hasSelection() ? terminal.getSelection() : textOf(terminal);
  try {
    await navigator.clipboard.writeText(text);
    notify({ kind: "info", title: `Copied ${formatInteger(text.split("\n").length)} lines`, key: "log-copied" });
  } catch (thrown) {
    notifyError(thrown, "Nothing was copied: the browser did not allow it.");
  }
}

function textOf(terminal: Terminal): string {
  const buffer = terminal.buffer.active;
  const lines: string[] = [];
  for (let row = 0; row < buffer.length; row += 1) {
    const line = buffer.getLine(row);
    const text = line?.translateToString(true) ?? "";
    if (line?.isWrapped === true && lines.length > 0) lines[lines.length - 1] += text;
    else lines.push(text);
  }
  return lines.join("\n").trimEnd();
}
