import { expect, test } from "vitest";
import { SCANNER_FILES } from "../../common/scanner.ts";
import { pythonAddresses } from "./files.ts";

test("the window has every Python file of the scanner, and no other", () => {
  expect(Object.keys(pythonAddresses).toSorted()).toEqual([...SCANNER_FILES].toSorted());
});
