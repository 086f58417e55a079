/** How a scan function of unknown shape is asked, with functions of our own, in the Python that the sandbox has. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadPyodide } from "pyodide";
import type { PyCallable } from "pyodide/ffi";
import { beforeAll, expect, test } from "vitest";

type Ask = (text: string, numGpus: number) => unknown;
let start: (source: string, entry?: string) => Record<string, string>;
let ask: Ask;

beforeAll(async () => {
  const pyodide = await loadPyodide();
  pyodide.runPython(readFileSync(fileURLToPath(new URL("asker.py", import.meta.url)), "utf8"));
  const call = (name: string, ...values: unknown[]) => JSON.parse((pyodide.globals.get(name) as PyCallable)(...values));
  start = (source, entry = "scan") => call("start", source, entry);
  ask = (text, numGpus) => call("ask", text, numGpus);
});

/** A body for `scan(...)` that finds `import subprocess` in `tree`. */
const FIND = `
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import) and node.names[0].name == "subprocess"]
`;
const FINE = "x = 1\n";
const BAD = "x = 1\nimport subprocess\n";
const accepted = (message = "", line: number | null = null) => ({ outcome: "accepted", message, line });
const rejected = (message = "", line: number | null = null) => ({ outcome: "rejected", message, line });

test.each([
  ["a bool for a text", "def scan(source):\n    tree = ast.parse(source)", "return not found", "True", rejected()],
  [
    "its opposite",
    "def has_violation(source: str) -> bool:\n    tree = ast.parse(source)",
    "return bool(found)",
    "False",
    rejected(),
  ],
  [
    "a bool and a sentence",
    "def scan(code: str) -> tuple[bool, str]:\n    tree = ast.parse(code)",
    'return (False, f"Line {found[0].lineno}: no") if found else (True, "")',
    "True",
    rejected("Line 2: no"),
  ],
  [
    "a bool and a list, for a tree",
    "def scan(tree: ast.Module):",
    'return (not found, ["no", "never"] if found else [])',
    "True",
    rejected("no"),
  ],
  ["a sentence or nothing", "def scan(tree):", 'return "no" if found else None', "nothing", rejected("no")],
  [
    "a list",
    "def scan(tree):",
    "return found[:0] + [str(node.lineno) for node in found]",
    "no violations",
    rejected("2"),
  ],
  [
    "nothing, or an exception",
    "def scan(tree):",
    'if found:\n        raise ValueError("no")',
    "nothing",
    rejected("ValueError: no"),
  ],
  [
    "a dictionary",
    "def scan(tree):",
    'return {"valid": not found, "reason": "no" if found else None}',
    "valid True",
    rejected("no"),
  ],
  [
    "an object",
    "import types\ndef scan(tree):",
    'return types.SimpleNamespace(ok=not found, message="no" if found else "", line=found[0].lineno if found else None)',
    "ok True",
    rejected("no", 2),
  ],
  ["a path", "def scan(path: Path):\n    tree = ast.parse(path.read_text())", "return not found", "True", rejected()],
  ["bytes", "def scan(data: bytes):\n    tree = ast.parse(data)", "return not found", "True", rejected()],
  [
    "an async function",
    "async def scan(source):\n    tree = ast.parse(source)",
    "return not found",
    "True",
    rejected(),
  ],
])("%s", (_name, head, body, accepts, expected) => {
  const entry = /def (\w+)/.exec(head)?.[1] ?? "";
  const how = start(`import ast\nfrom pathlib import Path\n${head}${FIND}    ${body}\n`, entry).how;
  expect(how).toContain(`a file that is fine answers ${accepts}`);
  expect([ask(FINE, 1), ask(BAD, 1)]).toEqual([accepted(), expected]);
});

test("parameters get what their names and types ask for", () => {
  const { how } = start(
    `import ast\ndef scan(tree, source, *, num_gpus, filename, strict=True):${FIND}    return (not found, f"{source!r} {num_gpus} {filename}")`,
  );
  expect(how).toBe(
    "scan(tree: the parsed file, source: the text, num_gpus: the number of GPUs, filename: its name); a file that is fine answers True",
  );
  expect(ask(FINE, 4)).toEqual(accepted("'x = 1\\n' 4 train.py"));
});

test.each([
  ["always the same answer", "def scan(source): return True", /answers the same/],
  ["a part that is missing", "def scan(source): return helper(source)", /NameError: name 'helper'/],
  ["definitions that need more", "import torch_of_others\ndef scan(source): return True", /ModuleNotFoundError/],
  ["definitions that stop", "raise SystemExit(3)", /SystemExit: 3/],
  ["no such function", "def other(source): return True", /no function "scan"/],
  ["parameters of unknown meaning", "def scan(source, ledger): return True", /parameter "ledger"/],
  ["no file at all", "def scan(): return True", /takes no file/],
  ["a shape without a verdict", "def scan(source): return 3.5", /returns a float/],
  [
    "a rejection of what is fine",
    "def scan(source): raise ValueError('no')",
    /rejects a file that is known to be fine/,
  ],
  [
    "waiting for something",
    "import asyncio\nasync def scan(source): await asyncio.Event().wait()",
    /waits for something/,
  ],
])("says why it cannot be asked: %s", (_name, source, why) => {
  expect(start(source)).toEqual({ why: expect.stringMatching(why) });
});

test("a file that it cannot be asked about is no verdict", () => {
  start(`import ast\ndef scan(tree):${FIND}    return not found`);
  expect(ask("def (", 1)).toMatchObject({ outcome: "unasked", message: expect.stringContaining("does not parse") });
  start(
    `import ast\ndef scan(source):\n    if "odd" in source: return None\n    if "deep" in source: raise RecursionError("deep")\n    tree = ast.parse(source)${FIND}    return not found`,
  );
  expect(ask("odd", 1)).toMatchObject({ outcome: "unasked", message: expect.stringContaining("it answered nothing") });
  expect(ask("deep", 1)).toMatchObject({ outcome: "unasked", message: "it stopped with RecursionError: deep" });
  expect(ask("def (", 1)).toMatchObject({ outcome: "rejected", line: 1 });
});
