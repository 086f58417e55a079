// `npm start`: builds what is missing, then opens the window: Electron's where it can, else one in the browser; it says
// which and why. `npm start -- --web` takes the browser at once; what else follows `--` goes to the window: files and
// folders to open, or options of `crusader serve`. Python is set up from the window, when it is first needed.
import path from "node:path";
import process from "node:process";
import { CRUSADER, ROOT, run, runScript } from "./bootstrap.mjs";
import { buildWhereNeeded } from "./build.mjs";
import { displayProblem, prepareElectron } from "./desktop.mjs";

/** An Electron that ends this early with an error never showed its window. */
const EARLY_MS = 10_000;

await runScript(import.meta.url, async () => {
  const args = process.argv.slice(2);
  const wantsWeb = args.includes("--web");
  const forWindow = args.filter((argument) => argument !== "--web");
  await buildWhereNeeded();
  const problem = wantsWeb ? "--web was given" : displayProblem(process.platform, process.env, process.getuid?.());
  const electron = problem === null ? await prepareElectron() : { missing: problem };
  if ("missing" in electron) return serve(electron.missing, forWindow);

  process.stderr.write("Opening the desktop window (npm start -- --web opens it in the browser instead).\n");
  const started = performance.now();
  const code = await run(electron.program, [path.join(ROOT), ...forWindow]);
  // Ended by Ctrl-C or a kill; Chromium's own complaints end it with other signals.
  const wasAsked = code === 0 || code === 130 || code === 143;
  if (wasAsked || performance.now() - started > EARLY_MS) return code;
  return serve(`Electron ended with ${code}, its message is above`, forWindow);
});

/**
 * @param {string} why
 * @param {readonly string[]} args
 */
function serve(why, args) {
  process.stderr.write(`Opening the window in a browser: ${why}.\n\n`);
  // A browser opens no files of the command line.
  const options = args.filter((argument, index) => argument.startsWith("-") || args[index - 1] === "--port");
  return run(process.execPath, [CRUSADER, "serve", ...options]);
}
