/**
 * What is known of one job on an evaluation server, on the disk before anything can lose it: `eval-server-<repeat>.jsonl`
 * in the run's folder, lines that are only added, and the job's answer as it came beside it. Whoever goes on with the job
 * after a crash begins here.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { strategySchema } from "../../../../common/scan.ts";
import { writeProblem } from "../../storage/index.ts";
import { jobAnswerOf } from "./eval-server-answer.ts";

const lineSchema = z.discriminatedUnion("kind", [
  /** `startedAt`: milliseconds since 1970. */
  z.object({ kind: z.literal("begun"), server: z.string(), address: z.string(), startedAt: z.number() }),
  /** Scan and topology passed: it may be sent. */
  z.object({ kind: z.literal("cleared"), strategy: strategySchema }),
  z.object({ kind: z.literal("sending") }),
  /** The server said that it did not take it. */
  z.object({ kind: z.literal("refused") }),
  z.object({ kind: z.literal("accepted"), jobId: z.string() }),
  /** The answer is kept; what follows from it is told from that event on. */
  z.object({ kind: z.literal("answered"), firstEvent: z.number() }),
  /** The connection broke after the job's state was asked for: the answer may be lost. */
  z.object({ kind: z.literal("broken"), receivedBytes: z.number() }),
]);
export type JournalLine = z.infer<typeof lineSchema>;

/** A bad connection may break again and again. */
const MAX_KEPT = 3;

export class JobJournal {
  readonly #path: string;
  readonly #answerPath: string;
  readonly #piecesPath: string;
  #pieces: number | null = null;

  constructor(runFolder: string, repeat: number) {
    const path = join(runFolder, `eval-server-${repeat}`);
    this.#path = `${path}.jsonl`;
    this.#answerPath = `${path}.answer.json`;
    this.#piecesPath = `${path}.answer.part`;
  }

  /** What an earlier process wrote; empty where there was none. A line that a crash tore is left out. */
  read(): JournalLine[] {
    if (!existsSync(this.#path)) return [];
    const lines = readFileSync(this.#path, "utf8").split("\n");
    return lines.flatMap((line) => lineSchema.safeParse(parseJson(line)).data ?? []);
  }

  /** Begins anew. Throws `disk_full` or `data_folder`. */
  begin(line: JournalLine & { kind: "begun" }): void {
    try {
      writeFileSync(this.#path, `${JSON.stringify(line)}\n`, { mode: 0o600, flush: true });
    } catch (error) {
      throw writeProblem(error, this.#path);
    }
  }

  /** On the disk when it returns. Throws `disk_full` or `data_folder`. */
  add(line: JournalLine): void {
    try {
      const descriptor = openSync(this.#path, "a", 0o600);
      try {
        // A crash may have torn the line before; empty lines are skipped.
        writeSync(descriptor, `\n${JSON.stringify(line)}\n`);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      throw writeProblem(error, this.#path);
    }
  }

  /** Takes the next piece of an answer, as it comes. Throws `disk_full` or `data_folder`. */
  takePiece(piece: Uint8Array): void {
    try {
      this.#pieces ??= openSync(this.#piecesPath, "w", 0o600);
      writeSync(this.#pieces, piece);
    } catch (error) {
      throw writeProblem(error, this.#piecesPath);
    }
  }

  /** The pieces were the job's answer. Throws `disk_full` or `data_folder`. */
  keepAnswer(body: string): void {
    this.#closePieces();
    try {
      // Anew, and not the pieces: they may repeat the token.
      writeFileSync(`${this.#answerPath}.new`, body, { mode: 0o600, flush: true });
      renameSync(`${this.#answerPath}.new`, this.#answerPath);
      rmSync(this.#piecesPath, { force: true });
    } catch (error) {
      throw writeProblem(error, this.#answerPath);
    }
  }

  /** The pieces said that the job goes on. */
  dropPieces(): void {
    this.#closePieces();
    rmSync(this.#piecesPath, { force: true });
  }

  /** The pieces were no answer, or not a whole one; they stay for people. Returns the file's name, or null where nothing came. */
  keepUnreadable(withoutToken: (text: string) => string): string | null {
    this.#closePieces();
    if (!existsSync(this.#piecesPath)) return null;
    const place = (number: number) => this.#answerPath.replace(/json$/, `unreadable-${number}`);
    let number = 1;
    // An earlier process may have kept some. The last place is always the newest one's.
    while (number < MAX_KEPT && existsSync(place(number))) number += 1;
    const path = place(number);
    try {
      writeFileSync(path, withoutToken(readFileSync(this.#piecesPath, "utf8")), { mode: 0o600 });
      rmSync(this.#piecesPath);
    } catch {
      // A full disk: the pieces stay where they are until the next answer comes.
      return null;
    }
    return path;
  }

  /** The job's answer, where it has come before: also one whose last piece came just before a crash. Null otherwise. */
  answer(): string | null {
    for (const path of [this.#answerPath, this.#piecesPath]) {
      if (!existsSync(path)) continue;
      const body = readFileSync(path, "utf8");
      const answer = jobAnswerOf(body);
      if (answer !== null && answer.status !== "pending") return body;
    }
    return null;
  }

  /** Lets go of what an answer that was cut off left open. */
  close(): void {
    this.#closePieces();
  }

  #closePieces(): void {
    if (this.#pieces !== null) closeSync(this.#pieces);
    this.#pieces = null;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
