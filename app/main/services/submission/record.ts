/** The folders of submissions: `<data folder>/submitted/<id>/{request.json, train.py, journal.jsonl}`. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { addressSchema, hexSchema, networkSchema } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { feeSchema, paymentSchema } from "../../../common/submission.ts";
import { signerSchema } from "../../../common/wallets.ts";
import { ensureFolder, flushFolder, writeAtomically, writeProblem } from "../storage/index.ts";
import { addLine, type Journal, type JournalLine, readJournal } from "./journal.ts";
import { rulesSchema } from "./rules.ts";

/** Raised when a reader of the old version would misread the new one. */
const VERSION = 1;
const ID = /^\d{8}-[0-9a-f]{8}$/;
const JOURNAL = "journal.jsonl";
const TEMPORARY_PREFIX = ".new-";

/** What was meant, frozen when it began. */
export const meantSchema = z.object({
  version: z.literal(VERSION),
  id: z.string().regex(ID),
  createdAt: z.iso.datetime(),
  network: networkSchema,
  genesisHash: hexSchema,
  profile: z.string(),
  rules: rulesSchema,
  /** Seconds of a block on that chain. */
  blockSeconds: z.number().positive(),
  fileName: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  byteCount: z.number().int(),
  runId: z.string().nullable(),
  /** As it is committed. */
  url: z.string(),
  hotkey: signerSchema,
  hotkeyAddress: addressSchema,
  uid: z.number().int().nullable(),
  /** Who pays; null where this submission pays nothing. */
  coldkey: signerSchema.nullable(),
  coldkeyAddress: addressSchema.nullable(),
  /** Null: none is due. */
  fee: feeSchema.nullable(),
  /** A payment of before that it cites; null where it pays itself, or none is due. */
  cited: paymentSchema.nullable(),
});
export type Meant = z.infer<typeof meantSchema>;

export type SubmissionRecord = { meant: Meant; journal: Journal };

export class SubmissionRecords {
  readonly #folder: string;
  /** By id, as long as the journal is as it was: a window looks at all of them again and again. */
  readonly #known = new Map<string, { fingerprint: string; record: SubmissionRecord }>();

  constructor(dataFolder: string) {
    this.#folder = join(dataFolder, "submitted");
  }

  /** Where a lock between processes for an account or a payment lies. Throws `disk_full` or `data_folder`. */
  lockPath(name: string): string {
    const folder = join(this.#folder, "locks");
    ensureFolder(folder);
    return join(folder, `${name}.lock`);
  }

  /** All of them, the newest first. Throws `data_folder` for one that cannot be understood: nothing is decided without it. */
  all(): SubmissionRecord[] {
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder)
      .filter((entry) => ID.test(entry))
      .map((id) => this.read(id))
      .sort((a, b) => (a.meant.createdAt < b.meant.createdAt ? 1 : -1));
  }

  /** Throws `not_found`, `data_folder`. */
  read(id: string): SubmissionRecord {
    const folder = this.#existing(id);
    const { size = 0, mtimeMs = 0 } = statSync(join(folder, JOURNAL), { throwIfNoEntry: false }) ?? {};
    const fingerprint = `${size} ${mtimeMs}`;
    const known = this.#known.get(id);
    if (known?.fingerprint === fingerprint) return known.record;
    const record = this.#readAnew(folder);
    this.#known.set(id, { fingerprint, record });
    return record;
  }

  #readAnew(folder: string): SubmissionRecord {
    const path = join(folder, "request.json");
    const meant = meantSchema.safeParse(readJson(path));
    if (!meant.success) {
      throw new CrusaderError(
        "data_folder",
        `${path} cannot be understood.`,
        "It was written by a newer Crusader, or changed. Update Crusader, and leave the folder as it is.",
        meant.error.message.slice(0, 500),
      );
    }
    const journal = readJournal(join(folder, JOURNAL));
    return { meant: { ...meant.data, network: journal.network ?? meant.data.network }, journal };
  }

  /** The submitted bytes. Throws `not_found`. */
  source(id: string): Buffer {
    return readFileSync(join(this.#existing(id), "train.py"));
  }

  /** Appears complete or not at all. Throws `disk_full` or `data_folder`. */
  create(draft: Omit<Meant, "version" | "id">, source: Uint8Array): Meant {
    const id = `${draft.createdAt.slice(0, 10).replaceAll("-", "")}-${randomBytes(4).toString("hex")}`;
    const meant: Meant = { version: VERSION, id, ...draft };
    ensureFolder(this.#folder);
    const unfinished = join(this.#folder, `${TEMPORARY_PREFIX}${id}`);
    try {
      mkdirSync(unfinished, { mode: 0o700 });
      writeAtomically(join(unfinished, "train.py"), source);
      writeAtomically(join(unfinished, "request.json"), `${JSON.stringify(meant, null, 2)}\n`);
      renameSync(unfinished, join(this.#folder, id));
      flushFolder(this.#folder);
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true });
      throw error instanceof CrusaderError ? error : writeProblem(error, unfinished);
    }
    return meant;
  }

  /** On the disk when it returns. Throws `disk_full` or `data_folder`. */
  add(id: string, line: JournalLine): void {
    addLine(join(this.#existing(id), JOURNAL), line);
    // Two lines within one tick of the disk's clock differ in size, but nothing is lost by reading anew.
    this.#known.delete(id);
  }

  #existing(id: string): string {
    const folder = join(this.#folder, id);
    // The pattern also keeps "../" out.
    if (!ID.test(id) || !existsSync(folder)) {
      throw new CrusaderError("not_found", `There is no submission ${id}.`, "crusader status shows those there are.");
    }
    return folder;
  }
}

/** Undefined for what is no JSON, or not there. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
