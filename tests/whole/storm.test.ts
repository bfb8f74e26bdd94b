import { beforeAll, expect, test } from "vitest";
import { runStorm, type Storm } from "../storm/storm.ts";
import { recoveryTable } from "../storm/table.ts";
import { complaints, missedLines } from "./oracle.ts";

/**
 * A minute of what `npm run storm` does for ten: parts die by `kill -9` at a seed's moments. This seed begins with stream and
 * PostgreSQL at once, ingest again while it comes back, and Kafka and stream at once.
 */

const SEED = 20;
const GUSTS = 3;

let storm: Storm;
beforeAll(async () => {
  storm = await runStorm({
    seed: SEED,
    forMs: 120_000,
    gustsMax: GUSTS,
    rate: 5,
    onGust: (line) => console.log(line),
  });
}, 400_000);

test("everything comes back by itself, and nothing is lost, altered, invented or falsely covered", () => {
  console.log(`${recoveryTable(storm.hits)}\n${missedLines(storm.verdict).join("\n")}`);
  expect(complaints(storm.verdict)).toEqual([]);
});

test("it was a storm: several parts hit, ingest among them, under load", () => {
  expect(storm.hits.map(({ part }) => part)).toEqual([
    ...["stream", "postgres"],
    ...["ingest", "ingest"],
    ...["kafka", "stream"],
  ]);
  expect(storm.evidence.seen.records).toBeGreaterThan(1_000);
  expect(storm.verdict.missed.length).toBeGreaterThan(0);
});

test("it ends cleanly, and leaves no process", () => {
  expect(storm.wrong).toEqual([]);
});
