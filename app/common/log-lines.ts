/**
 * Who printed a line of a run's log. The judge puts it before each line of others (`simulator-image/crusades_eval/log.py`);
 * a line without is the judge's own, or of a log from before lines told. Pure.
 */

const PREFIX = /^\[(rank \d{1,3}|reference \d{1,3}|launcher)\] /;
const BEGINNINGS = ["[rank ", "[reference ", "[launcher] "];

export type LogLine = {
  /** "rank 0", "reference 1", "launcher"; null: the line does not say. */
  source: string | null;
  /** Without the prefix. */
  text: string;
};

/** `line`, or as much of it as there is once `mayBePrefix` is false. */
export function readLogLine(line: string): LogLine {
  const found = PREFIX.exec(line);
  if (found === null) return { source: null, text: line };
  return { source: found[1] as string, text: line.slice(found[0].length) };
}

/** Whether this beginning of a line may still become a prefix. */
export function mayBePrefix(beginning: string): boolean {
  return BEGINNINGS.some((start) =>
    beginning.length < start.length
      ? start.startsWith(beginning)
      : beginning.startsWith(start) && /^\d{0,3}\]?$/.test(beginning.slice(start.length)) && !PREFIX.test(beginning),
  );
}

/** The source of what rank `number` of the submission prints. */
export function rankSource(number: number): string {
  return `rank ${number}`;
}
