// `npm run check`: every check that needs no test run; `npm run check -- --fix` repairs what it can.
import process from "node:process";
import { preparePython, runScript } from "./bootstrap.mjs";
import { runChecks } from "./checks.mjs";

await runScript(import.meta.url, async () => {
  const results = await runChecks(await preparePython(), { fix: process.argv.includes("--fix") });
  process.stdout.write("\n");
  for (const { name, state, reason } of results) process.stdout.write(`${state}  ${name}  ${reason}\n`);
  return results.every(({ state }) => state === "passed") ? 0 : 1;
});
