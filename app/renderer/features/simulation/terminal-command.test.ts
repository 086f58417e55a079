import { expect, test } from "vitest";
import { simulationOptionsSchema } from "../../../common/simulation.ts";
import { terminalCommand } from "./terminal-command.ts";

const OPTIONS = simulationOptionsSchema.parse({ profile: "rehearsal", backend: "docker" });

test.each([
  ["--no-sandbox.py", "./--no-sandbox.py"],
  ["$(reboot) it's.py", "'$(reboot) it'\\''s.py'"],
  ["a\nb.py", "'a\nb.py'"],
])("a file's name is one word, and no option: %j", (name, word) => {
  expect(terminalCommand(OPTIONS, name, "order.json")).toBe(
    `crusader simulate ${word} --profile rehearsal --backend docker --write-order order.json`,
  );
});
