/** Finds the Python that the managed environment is made from. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import { runProgram } from "./process.ts";

/** Production runs 3.11; the others differ in nothing a rehearsal measures. PyTorch has no builds outside of these. */
const PREFERRED_MINORS = [11, 12, 13, 14] as const;
const ASK_TIMEOUT_MS = 10_000;

const ASK = `
import importlib.util, json, platform, sys
found = lambda name: importlib.util.find_spec(name) is not None
print(json.dumps({"version": platform.python_version(), "major": sys.version_info[0], "minor": sys.version_info[1],
    "executable": sys.executable, "bits": 64 if sys.maxsize > 2**32 else 32,
    "makesEnvironments": found("venv") and found("ensurepip")}))
`;

const answerSchema = z.object({
  version: z.string(),
  major: z.number(),
  minor: z.number(),
  executable: z.string(),
  bits: z.number(),
  makesEnvironments: z.boolean(),
});
export type BasePython = z.infer<typeof answerSchema>;

export interface FindOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The first fitting Python of: `CRUSADER_PYTHON` (no other is tried then), python3.11 .. python3.14, python3, python,
 * pyenv's versions, Windows' `py` launcher; 3.11 before any other.
 *
 * Throws `python_missing`, saying what was found and what to install.
 */
export async function findBasePython(options: FindOptions): Promise<BasePython> {
  const chosen = options.env.CRUSADER_PYTHON;
  const commands = chosen ? [[chosen]] : candidates(options);
  const answers: BasePython[] = [];
  for (const [program = "", ...args] of commands) {
    const answer = await ask(program, args, options);
    if (answer === null) continue;
    if (isFit(answer) && (chosen || answer.minor === PREFERRED_MINORS[0])) return answer;
    answers.push(answer);
  }
  const fit = PREFERRED_MINORS.flatMap((minor) => answers.filter((answer) => isFit(answer) && answer.minor === minor));
  if (fit[0] !== undefined) return fit[0];
  throw missing(answers, options);
}

function candidates({ env, platform }: FindOptions): string[][] {
  const versioned = PREFERRED_MINORS.map((minor) => `3.${minor}`);
  if (platform === "win32") return [...versioned.map((version) => ["py", `-${version}`]), ["python"], ["python3"]];
  const pyenvRoot = env.PYENV_ROOT ?? path.join(env.HOME ?? "/", ".pyenv");
  return [
    ...versioned.map((version) => [`python${version}`]),
    ["python3"],
    ["python"],
    ...pyenvVersions(pyenvRoot).map((version) => [path.join(pyenvRoot, "versions", version, "bin", "python3")]),
  ];
}

/** pyenv's shims only know the version chosen for the current folder; its own folder knows all. */
function pyenvVersions(root: string): string[] {
  try {
    return readdirSync(path.join(root, "versions")).filter((name) => /^3\.1[1-4]/.test(name));
  } catch {
    return [];
  }
}

async function ask(program: string, args: readonly string[], options: FindOptions): Promise<BasePython | null> {
  const { env, signal } = options;
  const result = await runProgram(program, [...args, "-I", "-X", "utf8", "-c", ASK], {
    env,
    signal,
    timeoutMs: ASK_TIMEOUT_MS,
  });
  const answer = result.status === 0 ? parseJson(result.stdout) : null;
  return answerSchema.safeParse(answer).data ?? null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const isSupported = (python: BasePython) =>
  python.major === 3 && PREFERRED_MINORS.some((minor) => minor === python.minor) && python.bits === 64;
const isFit = (python: BasePython) => isSupported(python) && python.makesEnvironments;

function missing(answers: readonly BasePython[], { env, platform }: FindOptions): CrusaderError {
  const withoutVenv = answers.find(isSupported);
  if (withoutVenv !== undefined) {
    const { executable, major, minor } = withoutVenv;
    return new CrusaderError(
      "python_missing",
      `Python ${withoutVenv.version} (${executable}) cannot make environments: its venv and ensurepip modules are missing.`,
      platform === "linux"
        ? `On Debian and Ubuntu: sudo apt install python${major}.${minor}-venv. Then try again.`
        : "Install Python from its official installer, or name another one in CRUSADER_PYTHON.",
    );
  }
  const range = `3.${PREFERRED_MINORS[0]} to 3.${PREFERRED_MINORS.at(-1)}`;
  const seen = [...new Set(answers.map(({ version, bits }) => (bits === 64 ? version : `${version}, ${bits} bit`)))];
  const found = seen.length === 0 ? "" : ` Found only: ${seen.join("; ")}.`;
  if (env.CRUSADER_PYTHON) {
    return new CrusaderError(
      "python_missing",
      `CRUSADER_PYTHON names ${env.CRUSADER_PYTHON}, which is no 64-bit Python ${range}.${found}`,
      "Give the path of such a Python, or unset CRUSADER_PYTHON to let Crusader look for one.",
    );
  }
  return new CrusaderError(
    "python_missing",
    `Rehearsals need a 64-bit Python ${range}, and there is none on this machine.${found}`,
    INSTALL_HINTS[platform] ?? "Install Python 3.11, or name one in CRUSADER_PYTHON.",
  );
}

const INSTALL_HINTS: Partial<Record<NodeJS.Platform, string>> = {
  linux:
    "Debian, Ubuntu: sudo apt install python3 python3-venv. Fedora: sudo dnf install python3.11. " +
    "Arch: sudo pacman -S python. Then try again; or name one in CRUSADER_PYTHON.",
  darwin: "brew install python@3.11, then try again; or name one in CRUSADER_PYTHON.",
  win32: "winget install Python.Python.3.11, then open a new terminal and try again; or name one in CRUSADER_PYTHON.",
};
