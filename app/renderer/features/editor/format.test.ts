import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { formattingEdits, type TextEdit } from "./formatting-edits.ts";
import { loadRuff } from "./ruff.ts";

const TEMPLATES = new URL("../../../../templates/", import.meta.url);
const WASM = createRequire(import.meta.url).resolve("@astral-sh/ruff-wasm-web/ruff_wasm_bg.wasm");
const format = await loadRuff(readFileSync(WASM));

/** What an editor makes of them. */
function applied(text: string, edits: readonly TextEdit[]): string {
  const lines = text.split("\n");
  const offset = (line: number, column: number) =>
    lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
  return edits.toReversed().reduce((changed, { range, text: added }) => {
    const { startLineNumber, startColumn, endLineNumber, endColumn } = range;
    return (
      changed.slice(0, offset(startLineNumber, startColumn)) + added + changed.slice(offset(endLineNumber, endColumn))
    );
  }, text);
}

test("the templates are formatted already", () => {
  const names = readdirSync(TEMPLATES).filter((name) => name.endsWith(".py"));
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) {
    const text = readFileSync(new URL(name, TEMPLATES), "utf8");
    expect(format(text), name).toEqual({ kind: "formatted", text });
  }
});

test("what is no Python is named by its place, and nothing becomes of it", () => {
  expect(format("ok = 1\ndef f(:\n    pass\n")).toEqual({
    kind: "invalid",
    line: 2,
    column: 7,
    message: "Expected a parameter or the end of the parameter list",
  });
});

test("an edit touches what changed and nothing beside it", () => {
  const before = "import os\nx=1\n\nprint( x )\n";
  expect(formattingEdits(before, "import os\n\nx = 1\n\nprint(x)\n")).toEqual([
    { range: { startLineNumber: 2, startColumn: 1, endLineNumber: 2, endColumn: 1 }, text: "\n" },
    { range: { startLineNumber: 2, startColumn: 2, endLineNumber: 2, endColumn: 3 }, text: " = " },
    { range: { startLineNumber: 4, startColumn: 7, endLineNumber: 4, endColumn: 10 }, text: "x" },
  ]);
  expect(formattingEdits(before, before)).toEqual([]);
});

test.each([
  ["", "x = 1\n"],
  ["x = 1", "x = 1\n"],
  ["x = 1\n\n\n", "x = 1\n"],
  ["\n\nx = 1\n", "x = 1\n"],
  ["x = 1\n", ""],
  ["a\nb\nc\n", "c\nb\na\n"],
  ["one\ntwo\n", "one\n\ntwo"],
])("the edits make the one text of the other: %j, %j", (before, after) => {
  expect(applied(before, formattingEdits(before, after))).toBe(after);
});

test("so they do with a text that changed too much to be compared line by line", () => {
  const before = Array.from({ length: 5000 }, (_value, line) => `x${line} = "${line}";\n`).join("");
  const formatted = format(before);
  expect(formatted.kind).toBe("formatted");
  if (formatted.kind !== "formatted") return;
  const edits = formattingEdits(before, formatted.text);
  expect([edits.length, applied(before, edits) === formatted.text]).toEqual([1, true]);
});
