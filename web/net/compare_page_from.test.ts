import fc from "fast-check";
import { expect, test } from "vitest";
import {
  COMPARE_FIELDS,
  COMPARE_VERDICTS,
  compareCounts,
  type ComparePage,
  type CompareRow,
  compareShare,
  encodeCompareCsv,
  encodeComparePage,
} from "#core/compare_page.ts";
import { decimal } from "#core/decimal.ts";
import { INTERVALS } from "#core/interval.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { market } from "#core/market.ts";
import { differingDigits } from "../format/differing_digits.ts";
import { comparePageFrom } from "./compare_page_from.ts";

const decimals = fc.tuple(fc.nat(), fc.stringMatching(/^\d{0,16}$/))
  .map(([whole, fraction]) => decimal(fraction === "" ? `${whole}` : `${whole}.${fraction}`));
const rows: fc.Arbitrary<CompareRow> = fc.record(
  Object.fromEntries(COMPARE_FIELDS.map((field) => [field, decimals])) as Record<
    (typeof COMPARE_FIELDS)[number],
    typeof decimals
  >,
);
const times = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1_000);
const pages: fc.Arbitrary<ComparePage> = fc.record({
  market: fc.constant(market("KRW-BTC")),
  interval: fc.constantFrom(...INTERVALS),
  sinceMs: times,
  untilMs: times,
  cut: fc.boolean(),
  notFetched: fc.array(fc.record({ sinceMs: times, untilMs: times }), { maxLength: 3 }),
  givenSinceMs: fc.option(times),
  wished: fc.boolean(),
  buckets: fc.array(fc.record({
    startsAtMs: times,
    verdict: fc.constantFrom(...COMPARE_VERDICTS),
    state: fc.constantFrom(null, "open" as const, "corrected" as const),
    reason: fc.option(fc.string()),
    fetchedAtMs: fc.option(times),
    ours: fc.option(rows),
    theirs: fc.option(rows),
  })),
});

test("a page is read as it was written, to the last digit", () => {
  fc.assert(fc.property(pages, (page) => {
    expect(comparePageFrom(parseJsonNumbersAsText(encodeComparePage(page)))).toEqual(page);
  }));
});

test("the CSV has one line for each bucket, of as many fields, whatever the reason says", () => {
  fc.assert(fc.property(pages, (page) => {
    const text = encodeCompareCsv(page);
    let quoted = false;
    const fields = [[0]];
    for (const character of text.slice(0, -2)) {
      if (character === '"') quoted = !quoted;
      else if (character === "," && !quoted) fields.at(-1)![0]!++;
      else if (character === "\r" && !quoted) fields.push([0]);
    }
    expect(text.endsWith("\r\n")).toBe(true);
    expect(fields).toEqual([...page.buckets, null].map(() => [19]));
  }));
});

test("what was taken, not fetched or not seen has no part in the share", () => {
  const bucket = { startsAtMs: 0, state: null, reason: null, fetchedAtMs: null };
  const share = (...verdicts: (typeof COMPARE_VERDICTS)[number][]): number | null =>
    compareShare(
      compareCounts(
        verdicts.map((verdict) => ({ ...bucket, verdict, ours: null, theirs: null })),
      ),
    );
  expect(share("taken", "pending", "incomplete", "not_fetched")).toBeNull();
  expect(share("match", "match_rounded", "taken")).toBe(1);
  expect(share("match", "differ", "missing_here", "missing_there", "taken")).toBe(1 / 4);
});

test("digits are marked from where both numbers part, and no digit is lost", () => {
  expect(differingDigits("142009000", "142010000")).toEqual([
    { same: "142,0", other: "09,000" },
    { same: "142,0", other: "10,000" },
  ]);
  expect(differingDigits("9.5", "10.5")[0]).toEqual({ same: "", other: "9.5" });
  expect(differingDigits("1.5", "1.50001")).toEqual([
    { same: "1.5", other: "" },
    { same: "1.5", other: "0001" },
  ]);
  fc.assert(fc.property(decimals, decimals, (a, b) => {
    const [one, two] = differingDigits(a, b);
    expect((one.same + one.other).replaceAll(",", "")).toBe(a);
    expect((two.same + two.other).replaceAll(",", "")).toBe(b);
    expect(one.same).toBe(two.same);
  }));
});
