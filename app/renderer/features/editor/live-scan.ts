/**
 * Keeps what is said about each text up to date while it is typed. A text that changed has no verdict until it was
 * scanned again; an answer about an older text is never shown. Without a browser: texts and scanner are given.
 */
import { createStore, type StoreApi } from "zustand/vanilla";
import type { Analysis } from "../../../common/scan.ts";
import { asCrusaderError } from "../../connection.ts";
import { isCounted, type Problem, problemsOf, problemsText } from "./findings.ts";

/** Long enough that a word is typed in one go, short enough to be there when one looks up. */
export const SCAN_AFTER_MS = 100;

export type Scanned = {
  /** Whether it is about the text as it is; else that text is being scanned. */
  current: boolean;
  analysis: Analysis | null;
  problems: readonly Problem[];
  /** Why there is no analysis: the scanner could not be loaded. */
  failure: string | null;
};

export type LiveScanState = { byBuffer: Readonly<Record<string, Scanned>> };

export type LiveScanOptions = {
  read: (id: string) => string;
  analyse: (text: string, signal: AbortSignal) => Promise<Analysis>;
  /** A new answer; the text is still the one that was scanned. */
  onScanned: (id: string, problems: readonly Problem[]) => void;
  afterMs?: number;
};

const UNSCANNED: Scanned = { current: false, analysis: null, problems: [], failure: null };

export class LiveScan {
  readonly state: StoreApi<LiveScanState> = createStore<LiveScanState>(() => ({ byBuffer: {} }));
  readonly #options: Required<LiveScanOptions>;
  /** A text that is to be scanned, or is being scanned. */
  readonly #pending = new Map<string, AbortController>();

  constructor(options: LiveScanOptions) {
    this.#options = { afterMs: SCAN_AFTER_MS, ...options };
  }

  get(id: string): Scanned | undefined {
    return this.state.getState().byBuffer[id];
  }

  /** The text changed: what was said about it no longer holds, and it is scanned once nobody types. */
  edited(id: string): void {
    this.#later(id, this.#options.afterMs);
  }

  /** Scans it now. */
  check(id: string): void {
    this.#later(id, 0);
  }

  /** By other rules, or by a scanner that is there again. */
  checkAll(): void {
    for (const id of Object.keys(this.state.getState().byBuffer)) this.check(id);
  }

  forget(id: string): void {
    this.#pending.get(id)?.abort();
    this.#pending.delete(id);
    this.state.setState(({ byBuffer: { [id]: _, ...left } }) => ({ byBuffer: left }));
  }

  #later(id: string, afterMs: number): void {
    this.#pending.get(id)?.abort();
    const turn = new AbortController();
    this.#pending.set(id, turn);
    const known = this.get(id);
    if (known === undefined || known.current) this.#set(id, { ...UNSCANNED, ...known, current: false });
    const timer = setTimeout(() => void this.#scan(id, turn.signal), afterMs);
    turn.signal.addEventListener("abort", () => clearTimeout(timer));
  }

  async #scan(id: string, signal: AbortSignal): Promise<void> {
    try {
      const analysis = await this.#options.analyse(this.#options.read(id), signal);
      if (signal.aborted) return;
      const problems = problemsOf(analysis);
      this.#set(id, { current: true, analysis, problems, failure: null });
      this.#options.onScanned(id, problems);
    } catch (thrown) {
      if (signal.aborted) return;
      const { message, hint } = asCrusaderError(thrown);
      this.#set(id, { ...UNSCANNED, failure: `${message} ${hint}`.trim() });
      this.#options.onScanned(id, []);
    }
    this.#pending.delete(id);
  }

  #set(id: string, scanned: Scanned): void {
    this.state.setState(({ byBuffer }) => ({ byBuffer: { ...byBuffer, [id]: scanned } }));
  }
}

/** For the status bar: rejections and advice in all open files, hints and notes left out; null where no file is open. */
export function problemSummary({ byBuffer }: LiveScanState): string | null {
  const all = Object.values(byBuffer);
  if (all.length === 0) return null;
  if (all.some(({ failure }) => failure !== null)) return "not checked";
  if (all.some(({ current }) => !current)) return "checking";
  return problemsText(all.flatMap(({ problems }) => problems).filter(isCounted).length);
}
