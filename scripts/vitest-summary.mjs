// A vitest reporter for scripts/test.mjs: counts, and every skipped test with its reason, which vitest's own JSON
// reporter leaves out. Written to $CRUSADER_VITEST_SUMMARY.
import { writeFileSync } from "node:fs";
import process from "node:process";

/** @typedef {{ passed: number, failed: number, skips: { name: string, reason: string }[] }} SuiteSummary */

export default class VitestSummary {
  /**
   * @param {ReadonlyArray<import("vitest/node").TestModule>} modules
   * @param {ReadonlyArray<unknown>} errors Thrown outside of any test.
   */
  onTestRunEnd(modules, errors) {
    /** @type {SuiteSummary} */
    const summary = { passed: 0, failed: errors.length, skips: [] };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      // A file that fails before its tests are known.
      if (module.errors().length > 0) summary.failed += 1;
      for (const test of tests) {
        const result = test.result();
        if (result.state === "passed") summary.passed += 1;
        else if (result.state === "skipped") {
          const name = `${module.relativeModuleId} > ${test.fullName}`;
          summary.skips.push({ name, reason: result.note ?? "" });
        } else summary.failed += 1;
      }
    }
    const file = process.env.CRUSADER_VITEST_SUMMARY;
    if (file !== undefined) writeFileSync(file, JSON.stringify(summary));
  }
}
