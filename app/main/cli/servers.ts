/** `crusader servers`: the boxes that run the production image's HTTP server, for `simulate --backend evalServer`. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { z } from "zod";
import { CrusaderError } from "../../common/errors.ts";
import type { ShownServer } from "../../common/servers.ts";
import { serverAddressSchema, serverNameSchema, serverTokenSchema } from "../../common/servers.ts";
import { ServerList } from "../services/servers/index.ts";
import { dataFolder, FileSecrets } from "../services/settings/index.ts";
import { type CommandIo, EXIT } from "./io.ts";
import { renderTable } from "./table.ts";
import { paintFor, safeJson, safeLine } from "./terminal.ts";

const HELP = `Names boxes that run the production image's HTTP server, for \`crusader simulate --backend evalServer --server NAME\`.

Usage: crusader servers COMMAND [options]

  list                 those there are; never their tokens
  add NAME ADDRESS     name one: https://..., or http://... through a tunnel that ends on this machine
  remove NAME          forget it and its token
  check [NAME]         ask whether it answers; without a name all of them

  --token-file FILE    add: the file that holds its token (EVAL_AUTH_TOKEN of the box)
  --token-stdin        add: read the token from the input, which must not be a terminal
  --replace            add: in the place of the one of that name
  --json               print the answer as JSON
  --help               this text

A token is never an argument, as other users of this machine can read those. It is kept in the data folder's secrets.json,
which only its owner may read, and goes nowhere but to its server.
Exit codes: 0 done, 2 wrong use, 3 a server does not answer.
`;

/** Far above any token; keeps a mistaken file out of memory. */
const MAX_TOKEN_FILE_BYTES = 64 * 1024;
const STDIN = 0;

export async function serversCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  if (values.help === true) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const folder = dataFolder(process.env, process.platform);
  const servers = new ServerList({ dataFolder: folder, secrets: new FileSecrets({ dataFolder: folder }) });
  const json = values.json ?? false;
  switch (command) {
    case "list":
      expectArguments(rest, 0, "servers list");
      return show(servers.list(), json, io);
    case "add": {
      const [name, address] = expectArguments(rest, 2, "servers add NAME ADDRESS");
      const server = {
        name: valid(serverNameSchema, name),
        address: valid(serverAddressSchema, address),
      };
      const token = readToken(values["token-file"], values["token-stdin"] ?? false);
      return show(servers.add(server, token, { replace: values.replace ?? false }), json, io);
    }
    case "remove": {
      const [name = ""] = expectArguments(rest, 1, "servers remove NAME");
      return show(servers.remove(name), json, io);
    }
    case "check": {
      if (rest.length > 1) expectArguments(rest, 1, "servers check [NAME]");
      return check(servers, rest[0] === undefined ? servers.list().map(({ name }) => name) : [rest[0]], json, io);
    }
    default:
      throw new CrusaderError(
        "usage",
        command === undefined ? "Say what to do with the servers." : `There is no \`crusader servers ${command}\`.`,
        "There are: list, add, remove, check. `crusader servers --help` shows how.",
      );
  }
}

async function check(servers: ServerList, names: readonly string[], json: boolean, io: CommandIo): Promise<number> {
  const checks = await Promise.all(names.map((name) => servers.check(name)));
  if (json) io.stdout.write(`${safeJson(checks)}\n`);
  else if (checks.length === 0) io.stdout.write(NONE);
  else {
    const paint = paintFor(io.stdout);
    for (const { name, problem, milliseconds } of checks) {
      if (problem === null) io.stdout.write(`${paint("good", "answers")}  ${safeLine(name)}, in ${milliseconds} ms\n`);
      else {
        io.stdout.write(`${paint("bad", "trouble")}  ${safeLine(problem.message)}\n`);
        if (problem.hint !== "") io.stdout.write(`         ${safeLine(problem.hint)}\n`);
      }
    }
  }
  return checks.every(({ problem }) => problem === null) ? EXIT.passed : EXIT.environment;
}

const NONE = "No servers are named. `crusader servers add NAME ADDRESS` names one.\n";

function show(servers: readonly ShownServer[], json: boolean, io: CommandIo): number {
  if (json) io.stdout.write(`${safeJson(servers)}\n`);
  else if (servers.length === 0) io.stdout.write(NONE);
  else {
    const rows = servers.map(({ name, address, hasToken, isPlain }) => [
      name,
      address,
      hasToken ? "kept" : "none",
      isPlain ? "plain http: can be read and changed on the way" : "",
    ]);
    const columns = [{ title: "name" }, { title: "address" }, { title: "token" }, { title: "" }];
    io.stdout.write(renderTable(columns, rows, { paint: paintFor(io.stdout) }));
  }
  return EXIT.passed;
}

function expectArguments(given: readonly string[], count: number, how: string): string[] {
  if (given.length === count) return [...given];
  throw new CrusaderError("usage", `Usage: crusader ${how}`, "`crusader servers --help` shows more.");
}

function valid(schema: z.ZodType<string>, value: string | undefined): string {
  const { data, error } = schema.safeParse(value);
  if (data !== undefined) return data;
  throw new CrusaderError("usage", error?.issues[0]?.message ?? "", "`crusader servers --help` shows how.");
}

/** From a file or the input, whichever was asked for; null where neither was. Throws `usage` and `not_found`. */
export function readToken(file: string | undefined, fromStdin: boolean): string | null {
  if (file === undefined && !fromStdin) return null;
  if (file !== undefined && fromStdin)
    throw new CrusaderError("usage", "--token-file and --token-stdin exclude each other.");
  if (fromStdin && process.stdin.isTTY) {
    throw new CrusaderError(
      "usage",
      "A token typed here would stand on the screen.",
      "Pipe it in, or name a file: --token-file FILE",
    );
  }
  let content: Buffer;
  try {
    content = readFileSync(file ?? STDIN);
  } catch (error) {
    throw new CrusaderError("not_found", `${file ?? "The input"} cannot be read.`, "", (error as Error).message);
  }
  const token = serverTokenSchema.safeParse(content.subarray(0, MAX_TOKEN_FILE_BYTES).toString("utf8").trim());
  // Without what was read: it may be another secret.
  if (!token.success) throw new CrusaderError("usage", `${file ?? "The input"} holds no token: one printable word.`);
  return token.data;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        "token-file": { type: "string" },
        "token-stdin": { type: "boolean" },
        replace: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader servers --help` lists the options.");
  }
}
