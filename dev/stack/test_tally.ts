import { existsSync, readFileSync } from "node:fs";

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What the numbers alone do not say. */
  readonly note?: string;
}

/** Vitest's JSON report, as far as it is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** `3 passed, 1 failed`, and `, 2 skipped` where some were. */
export function tallyLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}

/** Counts a run by the runner's own report; a run without a report counts as one failure. */
export function readTally(reportFile: string, exitCode: number): Tally {
  if (!existsSync(reportFile)) {
    return { passed: 0, failed: 1, skipped: 0, note: "it ended without a report" };
  }
  return tallyOf(JSON.parse(readFileSync(reportFile, "utf8")) as Report, exitCode);
}

/**
 * A file that could not be read holds no tests that failed, and an error outside of any test fails none, though the runner's
 * exit code tells: each counts as one failure, so that the line never says "0 failed" of a run that failed.
 */
export function tallyOf(report: Report, exitCode: number): Tally {
  const broken =
    report.testResults.filter(({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some(({ status }) => status === "failed")
    ).length;
  const failed = report.numFailedTests + broken;
  const counts = {
    passed: report.numPassedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  };
  if (failed === 0 && exitCode !== 0) {
    return { ...counts, failed: 1, note: "no test failed; an error outside of the tests did" };
  }
  return broken === 0
    ? { ...counts, failed }
    : { ...counts, failed, note: `${broken} of the failures are whole files that did not run` };
}
