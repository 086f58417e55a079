/** `crusader serve`: the window in a browser, on this machine or through a tunnel. */
import { hostname, userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CrusaderError } from "../../common/errors.ts";
import { startWebHost, type WebHost } from "../hosts/web/index.ts";
import { createServices, type Services } from "../router/services.ts";
import { dataFolder } from "../services/settings/index.ts";
import { type CommandIo, EXIT, type OutputStream } from "./io.ts";
import { counted } from "./report.ts";

const HELP = `Opens Crusader's window in a browser. It listens on 127.0.0.1 only; reach it from elsewhere through ssh -L.

Usage: crusader serve [options]

  --port N     where to listen (default: 7733, or the next free one)
  --new-token  end the sessions of all browsers that were let in before
  --help       this text

The printed address lets one browser in, which then stays in across restarts. Ctrl-C ends it; a run that is going on is
cancelled then, and recorded as cancelled; one in a container goes on, and the next start finds it again.
`;

const DEFAULT_PORT = 7733;
const PORTS_TRIED = 20;
const RENDERER_FOLDER = fileURLToPath(new URL("../../../dist/renderer", import.meta.url));
const ENDINGS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export async function serveCommand(
  args: readonly string[],
  io: CommandIo,
  rendererFolder = RENDERER_FOLDER,
): Promise<number> {
  const options = parse(args);
  if (options.help) {
    io.stdout.write(HELP);
    return EXIT.passed;
  }
  const services = createServices({ dataFolder: dataFolder(process.env, process.platform) });
  try {
    const ended = await services.cleanUp();
    if (ended > 0) io.stderr.write(`Ended ${counted(ended, "process")} left by a run that was killed.\n`);
    const host = await startOnPort(services, options, rendererFolder, io);
    greet(host, io.stdout);
    await untilAskedToEnd(services, io.stderr);
    await host.close();
    return EXIT.passed;
  } finally {
    await services.close();
  }
}

type Options = { port: number | undefined; newToken: boolean; help: boolean };

function parse(args: readonly string[]): Options {
  const { values } = parseOptions(args);
  const { port } = values;
  if (port !== undefined && (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)) {
    throw new CrusaderError("usage", `--port takes a number from 0 to 65535, not "${port}".`);
  }
  return {
    port: port === undefined ? undefined : Number(port),
    newToken: values["new-token"] ?? false,
    help: values.help ?? false,
  };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        "new-token": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new CrusaderError("usage", (error as Error).message, "`crusader serve --help` lists the options.");
  }
}

/** On the port that was asked for and no other; without one, on the first free one from the default on. */
async function startOnPort(
  services: Services,
  options: Options,
  rendererFolder: string,
  io: CommandIo,
): Promise<WebHost> {
  const start = (port: number) =>
    startWebHost({
      services,
      rendererFolder,
      port,
      newToken: options.newToken,
      onSession: (url) => io.stdout.write(`A browser was let in. For another one: ${url}\n`),
    });
  if (options.port !== undefined) return start(options.port);
  for (let port = DEFAULT_PORT; ; port += 1) {
    try {
      return await start(port);
    } catch (error) {
      const isTaken = error instanceof CrusaderError && error.code === "busy";
      if (!isTaken || port >= DEFAULT_PORT + PORTS_TRIED) throw error;
    }
  }
}

function greet({ port, url }: WebHost, stdout: OutputStream): void {
  const there = `${userInfo().username}@${process.env.SSH_CONNECTION?.split(" ")[2] ?? hostname()}`;
  stdout.write(`Crusader's window: ${url()}\n`);
  stdout.write(`From another machine, first: ssh -N -L ${port}:127.0.0.1:${port} ${there}\n`);
  stdout.write("Ctrl-C ends it.\n");
}

/** Resolves at the first signal; with a run going on, Ctrl-C has to be said twice. */
async function untilAskedToEnd(services: Services, stderr: OutputStream): Promise<void> {
  let warned = false;
  await new Promise<void>((resolve) => {
    for (const signal of ENDINGS) {
      process.on(signal, () => {
        const own = services.runs.list().filter(({ ownedHere }) => ownedHere);
        const running = own.filter(({ outlivesApp }) => !outlivesApp);
        const left = own.filter(({ outlivesApp }) => outlivesApp).map(({ runId }) => runId);
        if (signal === "SIGINT" && running.length > 0 && !warned) {
          warned = true;
          const runs = running.map(({ runId }) => runId).join(", ");
          stderr.write(`\nRun ${runs} is going on. Ctrl-C once more cancels it and ends Crusader.\n`);
          return;
        }
        stderr.write(running.length > 0 ? "\nCancelling and ending.\n" : "\nEnding.\n");
        if (left.length > 0)
          stderr.write(`Run ${left.join(", ")} goes on without it; the next start finds it again.\n`);
        resolve();
      });
    }
  });
}
