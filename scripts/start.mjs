// `npm start`: sets up what is missing, then rehearses a template on this machine.
import process from "node:process";
import { CRUSADER, run, runScript } from "./bootstrap.mjs";

await runScript(import.meta.url, async () => {
  const ready = await run(process.execPath, [CRUSADER, "setup"]);
  if (ready !== 0) return ready;
  process.stderr.write("\nRehearsing templates/fsdp.py; `npm run -s crusader -- --help` shows what else there is.\n");
  return run(process.execPath, [CRUSADER, "simulate", "templates/fsdp.py"]);
});
