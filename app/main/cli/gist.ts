/** `crusader gist`: puts a file where the validator can fetch it, as a secret gist. */
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { CrusaderError } from "../../common/errors.ts";
import { gistIdOf, gistIdSchema, gitHubTokenSchema } from "../../common/hosting.ts";
import { createServices } from "../router/services.ts";
import type { HostingService } from "../services/hosting/index.ts";
import { dataFolder } from "../services/settings/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { readToken } from "./servers.ts";
import { withCancelOnInterrupt } from "./setup.ts";
import { readSource } from "./source-file.ts";
import { safeJson } from "./terminal.ts";

const HELP = `Publishes a file as a secret gist, and prints the URL to submit. Only who has the URL finds it; after the reveal everybody has.

Usage: crusader gist COMMAND [options]

  publish FILE         a new secret gist; with --replace another file in one of before
  token                keep a token of GitHub's (--token-file, --token-stdin), forget it (--forget), or say whether there is
                       one; it needs the right to write gists and no other

  --replace ID|URL     publish: instead of a new gist; not one that a commitment of yours names
  --description TEXT   publish: of the gist, which everybody sees who sees the gist
  --token-file FILE    token: the file that holds it
  --token-stdin        token: read it from the input, which must not be a terminal
  --json               print the answer as JSON
  --help               this text

The token is kept in the data folder's secrets.json, which only its owner may read, and goes to GitHub and nowhere else.
Every submission needs a new URL, so a new gist. Change nothing in it until it was evaluated.
Exit codes: 0 done, 2 wrong use, 3 it could not be done.
`;

export type GistSurroundings = {
  env?: NodeJS.ProcessEnv;
  /** Instead of GitHub's API; for tests. */
  gitHubAddress?: string;
};

export async function gistCommand(
  args: readonly string[],
  io: CommandIo,
  { env = process.env, gitHubAddress }: GistSurroundings = {},
): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  if (values.help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const services = createServices({ dataFolder: dataFolder(env, process.platform), env, gitHubAddress });
  try {
    switch (command) {
      case "publish":
        return await publish(rest, values, services.hosting, io);
      case "token":
        if (rest.length > 0) throw usage("Usage: crusader gist token");
        return token(values, services.hosting, io);
      default:
        throw usage(
          command === undefined ? "Say what to do with gists." : `There is no \`crusader gist ${command}\`.`,
          "There are: publish, token. `crusader gist --help` shows how.",
        );
    }
  } finally {
    await services.close();
  }
}

type Values = ReturnType<typeof parse>["values"];

async function publish(
  [file, ...more]: readonly string[],
  { replace, description, json }: Values,
  hosting: HostingService,
  io: CommandIo,
): Promise<number> {
  if (file === undefined || more.length > 0) throw usage("Name one file to publish.");
  const gistId = replace === undefined ? null : idOf(replace);
  const code = { fileName: basename(file), bytes: await readCode(file) };
  const gist = await withCancelOnInterrupt((signal) => hosting.publishGist(code, { description, gistId, signal }));
  if (gist === null) {
    io.stderr.write("Ended. Look at your gists on GitHub: it may have been published.\n");
    return EXIT.environment;
  }
  io.stdout.write(json ? `${safeJson(gist)}\n` : `${gist.url}\n`);
  return EXIT.passed;
}

function token(values: Values, hosting: HostingService, io: CommandIo): number {
  const given = readToken(values["token-file"], values["token-stdin"]);
  if (given !== null && values.forget) throw usage("--forget and a token exclude each other.");
  // Without what was read: it may be another secret.
  if (given !== null && !gitHubTokenSchema.safeParse(given).success) {
    throw usage("That is no token of GitHub's: one printable word of 8 characters and more.");
  }
  if (given !== null) hosting.setToken(given);
  if (values.forget) hosting.removeToken();
  const hasToken = hosting.hasToken();
  const said = hasToken ? "A GitHub token is kept." : "No GitHub token is kept.";
  io.stdout.write(values.json ? `${safeJson({ hasToken })}\n` : `${said}\n`);
  return EXIT.passed;
}

function idOf(text: string): string {
  const id = gistIdOf(text) ?? text;
  if (gistIdSchema.safeParse(id).success) return id;
  throw usage("--replace takes the id or the URL of a gist.");
}

async function readCode(file: string): Promise<Uint8Array> {
  const source = await readSource(file);
  if (source instanceof CrusaderError) throw source;
  return source;
}

function usage(message: string, hint = "`crusader gist --help` shows how."): CrusaderError {
  return new CrusaderError("usage", message, hint);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        replace: { type: "string" },
        description: { type: "string", default: "" },
        "token-file": { type: "string" },
        "token-stdin": { type: "boolean", default: false },
        forget: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader gist --help` lists the options.");
  }
}
