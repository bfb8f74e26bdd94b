import { ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { allocatedBytes, diskUsage } from "./disk_usage.ts";

let folder = "";
beforeEach(() => folder = mkdtempSync(join(tmpdir(), "stofka-usage-")));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const MB = 1_000_000;

test("PostgreSQL and Kafka are counted apart, with all that lies below; other folders are not", () => {
  for (const [name, mb] of [["postgres/data/base", 3], ["kafka/data", 2], ["logs", 9]] as const) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, "file"), new Uint8Array(mb * MB));
  }
  const { postgresBytes, kafkaBytes } = diskUsage(folder, {});
  expect(Math.round(postgresBytes / MB)).toBe(3);
  expect(Math.round(kafkaBytes / MB)).toBe(2);
  // where PostgreSQL's data cannot lie in the folder
  const elsewhere = diskUsage(folder, { postgresFolder: join(folder, "logs") });
  expect(Math.round(elsewhere.postgresBytes / MB)).toBe(9);
});

test.runIf(process.platform === "linux")("a hole in a file takes nothing", () => {
  ftruncateSync(openSync(join(folder, "00000.index"), "w"), 10 * MB);
  expect(allocatedBytes(folder)).toBeLessThan(0.1 * MB);
});

test("what is not there takes nothing", () => {
  expect(diskUsage(folder, {})).toEqual({ postgresBytes: 0, kafkaBytes: 0 });
});
