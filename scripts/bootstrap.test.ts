import { expect, test } from "vitest";
import { packagesUpToDate } from "./bootstrap.mjs";

const wanted = {
  packages: {
    "": { version: "0.1.0" },
    "node_modules/zod": { version: "4.6.7" },
    "node_modules/other-system": { version: "1.0.0", optional: true },
  },
};

test("packages are up to date when npm installed what the lockfile names, other systems' packages aside", () => {
  const zod = (version: string) => ({ packages: { "node_modules/zod": { version } } });
  expect(packagesUpToDate(wanted, zod("4.6.7"))).toBe(true);
  expect(packagesUpToDate(wanted, zod("4.6.6"))).toBe(false);
  expect(packagesUpToDate(wanted, { packages: {} })).toBe(false);
  expect(packagesUpToDate(wanted, null)).toBe(false);
});
