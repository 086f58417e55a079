/**
 * Progress of a long operation: one line that is drawn over on a terminal, a plain line now and then anywhere else.
 *
 *     const progress = new ProgressLine(io.stderr);
 *     progress.update({ title: "Downloading packages", done: 3_000_000, total: 9_000_000, unit: "bytes" });
 *     progress.print("A line that stays, above the progress line");
 *     progress.stop();
 *
 * `stop` must be called on every path (`finally`): a running timer redraws the line.
 */
import type { OutputStream } from "./io.ts";

export interface ProgressState {
  /** What is being done, e.g. "Downloading packages". A new title begins a new step with its own clock. */
  readonly title: string;
  /** How far, in `unit`; leave out, or give no `total`, where the length is unknown. */
  readonly done?: number | undefined;
  readonly total?: number | undefined;
  /** "bytes" is shown in MB; anything else as it is ("tokens", "files"). */
  readonly unit?: string | undefined;
  /** Changing detail, e.g. a file name; cut first when the terminal is narrow. */
  readonly detail?: string | undefined;
}

const REDRAW_MS = 100;
const PLAIN_INTERVAL_MS = 10_000;
/** Before this much time an estimate jumps about more than it tells. */
const ESTIMATE_AFTER_MS = 3_000;
const BAR_CHARACTERS = 20;
const DEFAULT_COLUMNS = 80;
const ERASE_TO_END = "\x1b[K";

export class ProgressLine {
  readonly #stream: OutputStream;
  #state: ProgressState | null = null;
  #stepStartedMs = 0;
  #lastPlainMs = 0;
  #drawn = "";
  #timer: NodeJS.Timeout | null = null;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  /** Shows a state; cheap enough to be called for every event. */
  update(state: ProgressState): void {
    const now = performance.now();
    const newStep = this.#state?.title !== state.title;
    this.#state = state;
    if (newStep) {
      this.#stepStartedMs = now;
      this.#lastPlainMs = now;
      if (this.#stream.isTTY) this.#draw();
      else this.#stream.write(`${describeProgress(state, 0)}\n`);
    }
    this.#timer ??= setInterval(() => this.#tick(), REDRAW_MS).unref();
  }

  /** Prints text that stays, above the line. Each call is one line or more; a missing line end is added. */
  print(text: string): void {
    this.#erase();
    this.#stream.write(text.endsWith("\n") ? text : `${text}\n`);
    if (this.#stream.isTTY && this.#state !== null) this.#draw();
  }

  /** Removes the line and stops the timer. The next `update` begins anew. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#state = null;
    this.#erase();
  }

  #tick(): void {
    if (this.#stream.isTTY) {
      this.#draw();
      return;
    }
    const now = performance.now();
    if (this.#state === null || now - this.#lastPlainMs < PLAIN_INTERVAL_MS) return;
    this.#lastPlainMs = now;
    this.#stream.write(`${describeProgress(this.#state, now - this.#stepStartedMs)}\n`);
  }

  #draw(): void {
    if (this.#state === null) return;
    const elapsedMs = performance.now() - this.#stepStartedMs;
    // One column stays free: a full line makes some terminals wrap.
    const width = (this.#stream.columns || DEFAULT_COLUMNS) - 1;
    const text = describeProgress(this.#state, elapsedMs, { bar: true }).slice(0, Math.max(width, 0));
    if (text === this.#drawn) return;
    // Written over, then erased behind: erasing first would flicker.
    this.#stream.write(`\r${text}${ERASE_TO_END}`);
    this.#drawn = text;
  }

  #erase(): void {
    if (this.#drawn === "") return;
    this.#stream.write(`\r${ERASE_TO_END}`);
    this.#drawn = "";
  }
}

/** One state as text: `Downloading packages [####------] 34%  63.1 of 187.0 MB  12 s, about 23 s left  torch`. */
export function describeProgress(state: ProgressState, elapsedMs: number, options: { bar?: boolean } = {}): string {
  const { done, total, unit = "", detail = "" } = state;
  const fraction = done !== undefined && total !== undefined && total > 0 ? Math.min(done / total, 1) : null;
  const parts = [state.title];
  if (fraction !== null && options.bar) {
    const filled = Math.floor(fraction * BAR_CHARACTERS);
    parts[0] += ` [${"#".repeat(filled)}${"-".repeat(BAR_CHARACTERS - filled)}]`;
  }
  if (fraction !== null) parts[0] += ` ${Math.floor(fraction * 100)}%`;
  if (done !== undefined && unit !== "") parts.push(formatAmount(done, total, unit));
  if (elapsedMs >= 1000) {
    const leftMs = fraction !== null && fraction > 0 ? (elapsedMs * (1 - fraction)) / fraction : null;
    const known = leftMs !== null && elapsedMs >= ESTIMATE_AFTER_MS && fraction !== 1;
    parts.push(formatSeconds(elapsedMs / 1000) + (known ? `, about ${formatSeconds(leftMs / 1000)} left` : ""));
  }
  if (detail !== "") parts.push(detail);
  return parts.join("  ");
}

/** `63.1 of 187.0 MB`, `12,288 of 40,960 tokens`, `12,288 tokens`. */
export function formatAmount(done: number, total: number | undefined, unit: string): string {
  const number = (value: number) =>
    unit === "bytes" ? (value / 1e6).toFixed(1) : Math.round(value).toLocaleString("en-US");
  const name = unit === "bytes" ? "MB" : unit;
  return total === undefined ? `${number(done)} ${name}` : `${number(done)} of ${number(total)} ${name}`;
}

/** `4 s`, `1 min 20 s`, `2 h 5 min`: whole seconds, for elapsed time and estimates. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
