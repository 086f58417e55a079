import { expect, test } from "vitest";
import * as format from "./format.ts";

test("each quantity has its digits and its unit", () => {
  expect([
    format.formatInteger(1234567),
    format.formatSeconds(3.14),
    format.formatMfu(61.2),
    format.formatRelativeSpeed(1.305),
    format.formatShare(0.216),
    format.formatSignedPercent(-3.206),
    format.formatSignedPercent(0.5),
    format.formatBytes(0),
    format.formatBytes(1023),
    format.formatBytes(4 * 1024 * 1024),
    format.formatQuantity(0.00061234, ""),
    format.formatQuantity(0.0021, ""),
    format.formatQuantity(40960, "tokens"),
    format.formatQuantity(98.2, "%"),
    format.formatQuantity(Number.NaN, ""),
  ]).toEqual([
    "1,234,567",
    "3.1 s",
    "61.20 %",
    "x 1.31",
    "22 %",
    "-3.21 %",
    "+0.50 %",
    "0 B",
    "1,023 B",
    "4.0 MiB",
    "0.000612",
    "0.0021",
    "40,960 tokens",
    "98.20 %",
    "NaN",
  ]);
});
