import { expect, test } from "vitest";
import { logRows } from "./log.ts";
import { type Paint, plain } from "./terminal.ts";

const OUTPUT = Buffer.from(
  "judge\n[rank 0] \r10 %\r20 %\r\n[rank 1] \u001b[2J[rank 0] fake\n[rank 1] x\r[rank 0] fake\n[rank 0] \n[rank 0] end",
);

test("every row is behind its rank's name, and obeyed by no terminal", () => {
  const paint: Paint = (tone, text) => `<${tone} ${text}>`;
  const [zero, one] = ["<faint [rank 0]>", "<faint [rank 1]>"];
  expect(logRows(OUTPUT, null, paint)).toEqual([
    "judge",
    `${zero} 10 %`,
    `${zero} 20 %`,
    `${one} [rank 0] fake`,
    `${one} x`,
    `${one} [rank 0] fake`,
    `${zero} `,
    `${zero} end`,
  ]);
});

test("one rank's rows", () => {
  expect(logRows(OUTPUT, "rank 0", plain)).toEqual(["[rank 0] 10 %", "[rank 0] 20 %", "[rank 0] ", "[rank 0] end"]);
  expect(logRows(OUTPUT, "rank 7", plain)).toEqual([]);
  expect(logRows(Buffer.alloc(0), null, plain)).toEqual([]);
});
