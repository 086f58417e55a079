import { expect, test } from "vitest";
import { RankedOutput } from "./ranked-output.ts";

const ZERO = "\u001b[0;34m[rank 0]\u001b[0m ";
const ONE = "\u001b[0;35m[rank 1]\u001b[0m ";
const all = () => new RankedOutput(() => true);
const of = (wanted: string | null) => new RankedOutput((source) => source === wanted);

const LOG =
  "judge\n[rank 0] a\n[rank 1] b\n[rank 0] \u001b[31mred\n[rank 0] \n[reference 0] r\nno prefix\n[rank 1] end";
const SHOWN =
  `judge\r\n${ZERO}a\r\n${ONE}b\r\n${ZERO}\u001b[31mred\r\n${ZERO}\r\n` +
  `\u001b[0m[reference 0]\u001b[0m r\r\n\u001b[0mno prefix\r\n${ONE}end`;

test("every line is behind its rank's name, however the log is cut", () => {
  for (let size = 1; size <= LOG.length; size += 1) {
    const output = all();
    let shown = "";
    for (let start = 0; start < LOG.length; start += size) shown += output.take(LOG.slice(start, start + size));
    expect(shown).toBe(SHOWN);
  }
});

test("one rank's lines alone, or those of nobody", () => {
  expect(of("rank 1").take(LOG)).toBe(`${ONE}b\r\n${ONE}end`);
  expect(of(null).take(LOG)).toBe("judge\r\nno prefix\r\n");
  expect(of("rank 7").take(LOG)).toBe("");
});

test("a log from before lines told is shown as it is", () => {
  expect(all().take("step 1\n\u001b[32mok\n[x\nstill green\n")).toBe("step 1\r\n\u001b[32mok\r\n[x\r\nstill green\r\n");
});

test("no rank can pretend to be another: not by a prefix, not by a carriage return", () => {
  expect(all().take("[rank 0] [rank 1] fake\n")).toBe(`${ZERO}[rank 1] fake\r\n`);
  expect(all().take("[rank 0] x\r[rank 1] fake\n")).toBe(`${ZERO}x\r\n${ZERO}[rank 1] fake\r\n`);
  expect(of("rank 1").take("[rank 0] x\r[rank 1] fake\n")).toBe("");
});

test("a progress bar is a row a step, and no empty one", () => {
  const output = all();
  expect(output.take("[rank 0] \r10 %\r20 %\r") + output.take("30 %\r\n[rank 1] x\n")).toBe(
    `${ZERO}10 %\r\n${ZERO}20 %\r\n${ZERO}30 %\r\n${ONE}x\r\n`,
  );
});
