/** For tests: a backend with real processes and pipes; only what the judge says is scripted (scripted-judge.mjs). */
import { fileURLToPath } from "node:url";
import type { CrusaderError } from "../../../common/errors.ts";
import type { Backend } from "./backend.ts";
import { startJudge } from "./judge-process.ts";
import { MARKER_VARIABLE } from "./marked-processes.ts";

const SCRIPTED_JUDGE = fileURLToPath(new URL("scripted-judge.mjs", import.meta.url));

export class ScriptedBackend implements Backend {
  readonly name = "scripted";
  problems: CrusaderError[] = [];
  program: string = process.execPath;
  async check() {
    return this.problems;
  }
  async environment() {
    return { python: "scripted" };
  }
  async launch(order: Parameters<Backend["launch"]>[0], listener: Parameters<Backend["launch"]>[1]) {
    const { marker, seed, numRanks } = order;
    return startJudge(
      {
        program: this.program,
        args: [SCRIPTED_JUDGE],
        env: { [MARKER_VARIABLE]: marker },
        marker,
        order: JSON.stringify(order),
        fallback: { seed, numRanks, device: "cpu" },
      },
      listener,
    );
  }
}
