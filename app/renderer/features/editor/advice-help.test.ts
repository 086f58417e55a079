import { expect, test } from "vitest";
import { adviceHelp } from "./advice-help.ts";

test("each piece of advice has what is noticed, why, and what to do, with code", async () => {
  const help = await adviceHelp();
  const shape = /^\*Noticed:\* .+\n\n\*Why:\* .+\n\n\*Do:\* .+\n\n```python\n.+\n```$/s;
  expect({ many: help.size > 20, odd: [...help].filter(([, text]) => !shape.test(text)) }).toEqual({
    many: true,
    odd: [],
  });
  expect(help.get("optimizer-none")).toContain("it is always None (section 1)");
});
