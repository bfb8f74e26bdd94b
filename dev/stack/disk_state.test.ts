import { expect, test } from "vitest";
import { GB } from "./disk_budget.ts";
import { diskLines, type DiskState } from "./disk_state.ts";

const state: DiskState = {
  usage: { postgresBytes: 2.5 * GB, kafkaBytes: 0.4 * GB },
  budgetBytes: 10 * GB, // 7.5 GB of it for the databases
  keepDays: 7,
  dropsDays: true,
  database: {
    allBytes: 2 * GB,
    secondsBytes: 1.5 * GB,
    secondsBytesADay: 1 * GB,
    otherBytesADay: 0.1 * GB,
    secondsSince: new Date("2026-11-21T08:15:07Z"),
    candlesSince: new Date("2026-11-01T00:00:00Z"),
  },
};
const database = state.database as Exclude<DiskState["database"], string>;

test("bytes, pace, and how long the budget lasts where the days that are kept do not fit", () => {
  expect(diskLines(state)).toEqual([
    "  disk       PostgreSQL 2.50 and Kafka 0.40 of the disk budget's 10.00 GB; 1.10 GB a day at the present pace; 5.0 days left, then the oldest day of seconds goes",
    "  kept       seconds since 2026-11-21 08:15 UTC (7 days are kept where they fit), minutes since 2026-11-01 00:00 UTC",
  ]);
});

test("days that fit are said to fit, and what they will take", () => {
  expect(diskLines({ ...state, keepDays: 5 })[0]).toContain("5 days of seconds fit, with 6.00 GB");
  expect(diskLines({ ...state, keepDays: 0 })).toMatchObject([
    expect.stringContaining("5.0 days left, then"),
    expect.stringContaining("(all that fits is kept)"),
  ]);
});

test("a budget that is used up has no days left, and a replay drops none", () => {
  const full = { ...database, allBytes: 9 * GB };
  expect(diskLines({ ...state, database: full })[0]).toContain("; 0.0 days left, then");
  const replay = diskLines({ ...state, keepDays: 5, dropsDays: false });
  expect(replay[0]).toMatch(/5\.0 days left$/);
  expect(replay[1]).toContain("(a replay keeps all)");
});

test("what is not known is not made up", () => {
  const early = { ...database, secondsBytesADay: null, secondsSince: null, candlesSince: null };
  expect(diskLines({ ...state, database: early })).toEqual([
    "  disk       PostgreSQL 2.50 and Kafka 0.40 of the disk budget's 10.00 GB; how much a day is told after ten minutes of seconds",
    "  kept       seconds since none yet (7 days are kept where they fit), minutes since none yet",
  ]);
  expect(diskLines({ ...state, database: "not known: away" })).toEqual([
    "  disk       PostgreSQL 2.50 and Kafka 0.40 of the disk budget's 10.00 GB; pace not known: away",
  ]);
  expect(diskLines({ ...state, budgetBytes: null })[0]).toMatch(
    /Kafka 0\.40 GB; 1\.10 GB a day at the present pace$/,
  );
});
