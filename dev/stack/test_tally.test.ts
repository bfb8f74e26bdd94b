import { expect, test } from "vitest";
import { readTally, tallyLine, tallyOf } from "./test_tally.ts";

const report = (
  passed: number,
  failed: number,
  skipped: number,
  files: readonly string[][] = [],
) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numPendingTests: skipped,
  numTodoTests: 0,
  testResults: files.map(([status, ...tests]) => ({
    status: status!,
    assertionResults: tests.map((status) => ({ status })),
  })),
});

test("the line names skipped tests only where there are some", () => {
  expect(tallyLine(tallyOf(report(3, 0, 0), 0))).toBe("3 passed, 0 failed");
  expect(tallyLine(tallyOf(report(3, 1, 2), 1))).toBe("3 passed, 1 failed, 2 skipped");
});

test("a file that could not be loaded counts as one failure, one with failed tests by these", () => {
  const files = [["failed"], ["failed", "passed", "failed"], ["passed", "passed"]];
  expect(tallyOf(report(2, 1, 0, files), 1)).toMatchObject({ passed: 2, failed: 2 });
});

test("a runner that failed although no test did is never a success", () => {
  expect(tallyOf(report(5, 0, 0), 1)).toMatchObject({ passed: 5, failed: 1 });
});

test("a run without a report is a failure", () => {
  expect(readTally("/nowhere/report.json", 0)).toMatchObject({ passed: 0, failed: 1 });
});
