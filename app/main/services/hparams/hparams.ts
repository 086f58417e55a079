/**
 * Profiles: found, validated against `hparams/schema.json`, defaults filled in (spec/evaluation.md section 5, "Absent
 * hparams keys"). The judge gets the resolved profile and has no defaults of its own.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { Node, ParseError } from "jsonc-parser";
import { findNodeAtLocation, parseTree, printParseErrorCode } from "jsonc-parser";
import { closestMatch } from "leven";
import type { ErrorReport } from "../../../common/errors.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { Problem } from "./validate.ts";
import { ProfileValidator } from "./validate.ts";

export type Profile = {
  /** The file's name without ".json". */
  name: string;
  path: string;
  kind: "production" | "rehearsal";
  title: string;
  /** The file's content as it is. */
  raw: Record<string, unknown>;
  /** The content with every default filled in. */
  resolved: Record<string, unknown>;
  /** Of the file's bytes. */
  sha256: string;
  /** Dotted paths of keys that the schema does not know; kept in `raw` and `resolved`. */
  unknownKeys: string[];
  /** Dotted paths whose value the profile's source does not state. */
  assumed: string[];
};

export type ProfileSummary = { name: string; path: string } & (
  | { kind: Profile["kind"]; title: string; error: null }
  | { kind: null; title: null; error: ErrorReport }
);

const SCHEMA_FILE = "schema.json";
/** Files of the bundled folder that are no profiles. */
const NOT_PROFILES = new Set([SCHEMA_FILE, "scan-policy.json"]);
const MAX_PROFILE_BYTES = 1024 * 1024;

export class HparamsService {
  readonly #profilesFolder: string;
  readonly #userProfilesFolder: string | null;
  readonly #appliedProfile: () => string | null;
  #validator: Promise<ProfileValidator> | null = null;

  /**
   * `profilesFolder` is the bundled `hparams/`; `userProfilesFolder` may be missing. `appliedProfile` names the profile
   * that was taken over from the production source; null: none was.
   */
  constructor({
    profilesFolder,
    userProfilesFolder = null,
    appliedProfile = () => null,
  }: {
    profilesFolder: string;
    userProfilesFolder?: string | null;
    appliedProfile?: () => string | null;
  }) {
    this.#profilesFolder = profilesFolder;
    this.#userProfilesFolder = userProfilesFolder;
    this.#appliedProfile = appliedProfile;
  }

  /** The bundled profiles, then the user's; those that cannot be used with the reason. */
  async list(): Promise<ProfileSummary[]> {
    const files = await this.#files();
    return Promise.all(
      files.map(async ({ name, path, takenBy }): Promise<ProfileSummary> => {
        if (takenBy !== null) {
          const error = new CrusaderError(
            "invalid_profile",
            `The name ${name} belongs to the profile ${takenBy}.`,
            "Rename the file, or give its path instead of its name.",
          );
          return { name, path, kind: null, title: null, error: error.report() };
        }
        return this.#read(path).then(
          ({ kind, title }) => ({ name, path, kind, title, error: null }),
          (error: unknown) => {
            if (!(error instanceof CrusaderError)) throw error;
            return { name, path, kind: null, title: null, error: error.report() };
          },
        );
      }),
    );
  }

  /**
   * The profile of that name, or in that file (anything with a separator in it, or ending in ".json"). The limits of
   * production that a rehearsal shows beside its own are, in `resolved`, those in force.
   *
   * Throws `not_found` naming the profiles there are, and `invalid_profile` naming every wrong value.
   */
  async load(nameOrPath: string): Promise<Profile> {
    const profile = await this.#find(nameOrPath);
    const applied = profile.kind === "rehearsal" ? await this.#applied() : null;
    return applied === null ? profile : besideProduction(profile, applied);
  }

  /** Null where nothing was taken over, or what was is gone or can no longer be used: then the built-in limits are shown. */
  async #applied(): Promise<Profile | null> {
    const name = this.#appliedProfile();
    if (name === null) return null;
    return this.#find(name).catch((error: unknown) => {
      if (error instanceof CrusaderError) return null;
      throw error;
    });
  }

  async #find(nameOrPath: string): Promise<Profile> {
    if (/[/\\]|\.json$/i.test(nameOrPath)) return this.#read(resolve(nameOrPath));
    const files = (await this.#files()).filter(({ takenBy }) => takenBy === null);
    const file = files.find(({ name }) => name === nameOrPath);
    if (file === undefined)
      throw notFound(
        `There is no profile named ${nameOrPath}.`,
        nameOrPath,
        files.map(({ name }) => name),
      );
    return this.#read(file.path);
  }

  async #files(): Promise<{ name: string; path: string; takenBy: string | null }[]> {
    const bundled = (await jsonFiles(this.#profilesFolder)).filter((file) => !NOT_PROFILES.has(file));
    const own = this.#userProfilesFolder === null ? [] : await jsonFiles(this.#userProfilesFolder);
    const entry = (folder: string, file: string) => ({ name: profileName(file), path: join(folder, file) });
    const bundledEntries = bundled.map((file) => ({ ...entry(this.#profilesFolder, file), takenBy: null }));
    const pathByName = new Map(bundledEntries.map(({ name, path }) => [name, path]));
    const ownEntries = own.map((file) => {
      const { name, path } = entry(this.#userProfilesFolder as string, file);
      return { name, path, takenBy: pathByName.get(name) ?? null };
    });
    return [...bundledEntries, ...ownEntries];
  }

  async #read(path: string): Promise<Profile> {
    const bytes = await this.#bytes(path);
    const { text, tree, raw } = parse(path, bytes);
    this.#validator ??= readFile(join(this.#profilesFolder, SCHEMA_FILE), "utf8").then(
      (schema) => new ProfileValidator(JSON.parse(schema)),
    );
    const { resolved, problems, unknownKeys } = (await this.#validator).validate(raw);
    if (problems.length > 0) throw invalidValues(path, problems, (at) => lineOf(text, tree, at));
    const { kind, title, assumed } = resolved.crusader as Pick<Profile, "kind" | "title" | "assumed">;
    const name = profileName(path);
    return {
      name,
      path,
      kind,
      title: title === "" ? name : title,
      raw,
      resolved,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      unknownKeys,
      assumed,
    };
  }

  async #bytes(path: string): Promise<Buffer> {
    try {
      const { size } = await stat(path);
      if (size > MAX_PROFILE_BYTES) {
        throw new CrusaderError(
          "invalid_profile",
          `${path} is too large for a profile.`,
          `A profile has at most ${MAX_PROFILE_BYTES} bytes.`,
        );
      }
      return await readFile(path);
    } catch (error) {
      if (error instanceof CrusaderError) throw error;
      const { code = "", message } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "ENOTDIR") {
        throw new CrusaderError(
          "invalid_profile",
          `The profile ${path} cannot be read.`,
          "Check that it is a file and may be read.",
          message,
        );
      }
      const names = (await this.#files()).filter(({ takenBy }) => takenBy === null).map(({ name }) => name);
      throw notFound(`There is no profile at ${path}.`, profileName(path), names);
    }
  }
}

type Sections = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** `profile` with the values of `applied` in place of the ones that it gives as production's. */
function besideProduction(profile: Profile, applied: Profile): Profile {
  const crusader = profile.resolved.crusader as { production?: Sections };
  const inForce = applied.resolved as Sections;
  const sections = Object.entries(crusader.production ?? {}).map(([section, limits]) => {
    const values = Object.entries(limits).map(([name, limit]) => [name, inForce[section]?.[name] ?? limit]);
    return [section, Object.fromEntries(values)];
  });
  const production = Object.fromEntries(sections);
  return { ...profile, resolved: { ...profile.resolved, crusader: { ...crusader, production } } };
}

function profileName(path: string): string {
  return basename(path).replace(/\.json$/i, "");
}

async function jsonFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return entries.filter((entry) => entry.endsWith(".json")).sort();
}

function notFound(message: string, wanted: string, names: string[]): CrusaderError {
  const nearest = closestMatch(wanted, names, { maxDistance: Math.max(2, Math.floor(wanted.length / 2)) });
  const question = nearest === undefined ? "" : `Did you mean ${nearest}? `;
  return new CrusaderError(
    "not_found",
    message,
    `${question}There are: ${names.join(", ")}. A path to a file works too.`,
  );
}

/** Strict JSON in UTF-8 (a byte order mark is let pass); an error says where. */
function parse(path: string, bytes: Buffer): { text: string; tree: Node; raw: Record<string, unknown> } {
  const text = decode(path, bytes);
  const errors: ParseError[] = [];
  const tree = parseTreeWithin(path, text, errors);
  const [first] = errors;
  if (first !== undefined || tree === undefined) {
    const { line, column } = position(text, first?.offset ?? 0);
    // "CommaExpected" -> "comma expected"
    const reason = printParseErrorCode(first?.error ?? 4)
      .replace(/(?<!^)([A-Z])/g, " $1")
      .toLowerCase();
    throw new CrusaderError(
      "invalid_profile",
      `${path} is no JSON: ${reason} at line ${line}, column ${column}.`,
      "Correct the file there.",
    );
  }
  const raw: unknown = JSON.parse(text);
  if (tree.type !== "object") {
    throw new CrusaderError(
      "invalid_profile",
      `${path} holds no JSON object.`,
      "A profile is the validator's hparams.json: an object with keys such as evaluation_runs.",
    );
  }
  return { text, tree, raw: raw as Record<string, unknown> };
}

function parseTreeWithin(path: string, text: string, errors: ParseError[]): Node | undefined {
  try {
    return parseTree(text, errors, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
  } catch (error) {
    // The parser recurses; tens of thousands of nested brackets end its stack.
    if (!(error instanceof RangeError)) throw error;
    throw new CrusaderError(
      "invalid_profile",
      `${path} is nested too deeply for a profile.`,
      "A profile has at most a few levels.",
    );
  }
}

function decode(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CrusaderError("invalid_profile", `${path} is no text in UTF-8.`, "Save the file as UTF-8.");
  }
}

/** 1-based line and column of an offset. */
function position(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

/** Line of the value at that path, or of the deepest part of the path that the file has. */
function lineOf(text: string, tree: Node, at: (string | number)[]): number {
  for (let length = at.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(tree, at.slice(0, length));
    if (node !== undefined) return position(text, node.offset).line;
  }
  return 1;
}

function invalidValues(path: string, problems: Problem[], line: (at: (string | number)[]) => number): CrusaderError {
  const lines = problems
    .map(({ at, text }) => ({ line: line(at), text }))
    .sort((a, b) => a.line - b.line)
    .map((problem) => `  line ${problem.line}: ${problem.text}`);
  const count =
    problems.length === 1 ? "a value that is not allowed" : `${problems.length} values that are not allowed`;
  return new CrusaderError("invalid_profile", `${path} has ${count}:\n${lines.join("\n")}`, "Correct the file.");
}
