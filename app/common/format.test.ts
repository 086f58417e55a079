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

test("money is exact in TAO and in rao, waits have two units at most", () => {
  expect([
    format.formatAmount("50000000"),
    format.formatAmount(1_234_500_000_001n),
    format.formatAmount("0"),
    format.formatTao(2_000_000_000n),
    format.formatWait(-3),
    format.formatWait(45.4),
    format.formatWait(240),
    format.formatWait(12_000),
    format.formatWait(7200),
    format.formatWait(648_000),
  ]).toEqual([
    "0.05 TAO (50,000,000 rao)",
    "1,234.500000001 TAO (1,234,500,000,001 rao)",
    "0 TAO (0 rao)",
    "2 TAO",
    "0 s",
    "45 s",
    "4 min",
    "3 h 20 min",
    "2 h",
    "7 d 12 h",
  ]);
});
