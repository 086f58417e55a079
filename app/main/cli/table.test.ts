import { expect, test } from "vitest";
import type { Check } from "../../common/events.ts";
import { renderChecks, renderTable } from "./table.ts";

test("numbers line up on the right, wide characters count twice, long cells are cut", () => {
  const columns = [
    { title: "name", maxWidth: 8 },
    { title: "bytes", align: "right" as const },
  ];
  expect(
    renderTable(columns, [
      ["short", "1,024"],
      ["\u706b\u661f", "7"],
      ["a-very-long-name", "12"],
    ]),
  ).toBe(["name      bytes", "short     1,024", "\u706b\u661f          7", "a-very..     12", ""].join("\n"));
});

test("a hostile cell cannot break out of its row", () => {
  expect(renderTable([{ title: "name" }], [["evil\n\u001b[1A\u001b[32mPASSED"]])).toBe("name\nevil PASSED\n");
});

const check = (overrides: Partial<Check>): Check => ({
  name: "weights",
  state: "passed",
  value: 0.00061,
  limit: 0.005,
  rule: "at_most",
  unit: "",
  used: 0.122,
  productionLimit: 0.015,
  code: "weight_mismatch",
  message: "",
  ...overrides,
});

test("checks show value, limit, share used and production's own limit", () => {
  const checks = [
    check({
      name: "tokens",
      value: 40960,
      limit: 40960,
      rule: "equal",
      unit: "tokens",
      used: null,
      productionLimit: null,
    }),
    check({
      name: "logits",
      state: "not_measured",
      value: null,
      limit: null,
      rule: "holds",
      used: null,
      productionLimit: null,
    }),
    check({}),
    check({
      name: "loss",
      state: "failed",
      value: 0.6,
      limit: 0.4,
      used: 1.5,
      productionLimit: 0.3,
      code: "loss_mismatch",
      message: "The loss\u001b[0m differs.",
    }),
  ];
  expect(renderChecks(checks)).toBe(
    [
      "check    state                 value            limit   used                production",
      "tokens   ok            40,960 tokens  = 40,960 tokens",
      "logits   not measured",
      "weights  ok                  0.00061        <= 0.0050   12 %  [#---------]   <= 0.0150",
      "loss     FAILED               0.6000        <= 0.4000  150 %  [##########]   <= 0.3000",
      "loss (loss_mismatch): The loss differs.",
      "",
    ].join("\n"),
  );
});
