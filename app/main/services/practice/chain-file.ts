/**
 * A chain on the disk: `chain.jsonl` of a folder. Its first line is what the chain goes by, each further one a block. Lines are
 * added as blocks are made; a line that a crash tore is left out, and the file is written anew, shorter, when it is opened.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import { ensureFolder, writeAtomically, writeProblem } from "../storage/index.ts";
import { type KeptBlock, sealed } from "./chain.ts";
import { CHAIN_FILE } from "./folder.ts";

const VERSION = 1;

const hexSchema = z.string().regex(/^(?:[0-9a-f]{2})*$/);
const basicsSchema = z.object({
  version: z.literal(VERSION),
  beacon: z.object({ secret: hexSchema, genesisSeconds: z.number().int(), periodSeconds: z.number() }),
  netuid: z.number().int(),
});
/** What the chain goes by as long as there is one. */
export type ChainBasics = Omit<z.infer<typeof basicsSchema>, "version">;

const blockSchema = z.object({
  kind: z.enum(["state", "changes", "content"]),
  number: z.number().int(),
  parentHash: hexSchema,
  stateRoot: hexSchema,
  digestLog: hexSchema,
  timestampMs: z.number(),
  extrinsics: z.array(hexSchema),
  values: z.array(z.tuple([hexSchema, hexSchema.nullable()])),
});

export class ChainFile {
  readonly #path: string;

  constructor(folder: string) {
    ensureFolder(folder);
    this.#path = join(folder, CHAIN_FILE);
  }

  /** Null where there is none yet. Throws `data_folder` for a file that holds no chain. */
  read(): { basics: ChainBasics; blocks: KeptBlock[] } | null {
    if (!existsSync(this.#path)) return null;
    const [first = "", ...lines] = readFileSync(this.#path, "utf8").split("\n");
    const basics = basicsSchema.safeParse(parsed(first)).data;
    const blocks: KeptBlock[] = [];
    for (const line of lines) {
      const read = blockSchema.safeParse(parsed(line)).data;
      if (read === undefined) break;
      blocks.push(keptBlock(read));
    }
    if (basics === undefined || blocks[0]?.block.number !== 0) {
      throw new CrusaderError(
        "data_folder",
        `${this.#path} holds no practice chain that this Crusader can go on with.`,
        "Reset the practice network: nothing on it is worth anything.",
      );
    }
    return { basics, blocks };
  }

  /** In the place of all that was there. */
  write(basics: ChainBasics, blocks: Iterable<KeptBlock>): void {
    const lines = [JSON.stringify({ version: VERSION, ...basics }), ...Array.from(blocks, lineOf)];
    writeAtomically(this.#path, `${lines.join("\n")}\n`);
  }

  append(block: KeptBlock): void {
    try {
      appendFileSync(this.#path, `${lineOf(block)}\n`);
    } catch (error) {
      throw writeProblem(error, this.#path);
    }
  }
}

function lineOf({ block, kind, values }: KeptBlock): string {
  const { number, parentHash, stateRoot, digestLog, timestampMs, extrinsics } = block;
  return JSON.stringify({
    kind,
    number,
    parentHash,
    stateRoot,
    digestLog: digestLog.toString("hex"),
    timestampMs,
    extrinsics: extrinsics.map((extrinsic) => extrinsic.toString("hex")),
    values: [...values].map(([key, value]) => [key, value?.toString("hex") ?? null]),
  });
}

function keptBlock({ kind, digestLog, extrinsics, values, ...block }: z.infer<typeof blockSchema>): KeptBlock {
  const bytes = (hex: string) => Buffer.from(hex, "hex");
  return {
    kind,
    block: sealed({ ...block, digestLog: bytes(digestLog), extrinsics: extrinsics.map(bytes) }),
    values: new Map(values.map(([key, value]) => [key, value === null ? null : bytes(value)])),
  };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
