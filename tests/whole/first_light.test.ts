import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  candlePixels,
  hover,
  openBrowser,
  openChart,
  pageBadge,
  pageRows,
  pageSeconds,
  shownRecord,
} from "./browser.ts";
import {
  downloadedEvidence,
  isFetching,
  openCompare,
  plottedSides,
  rowOfSecond,
  shownDifferences,
  shownSummary,
} from "./compare.ts";
import { registries } from "../../dev/metrics.ts";
import { until } from "../until.ts";
import { plain } from "./exact.ts";
import {
  difference,
  keyOf,
  ledgerSeconds,
  listedMarkets,
  SAME,
  type Second,
  storedSeconds,
} from "./seconds.ts";
import { Stack } from "./stack.ts";

/**
 * First light: `npm start` as a user types it, the simulated exchange, everything real between it and the page in a
 * browser. What is compared with is the exchange's ledger, which is computed from trades by code of its own.
 */

const MARKET = "KRW-BTC";
/** A second can be counted anew for 1.5 s after its end; then it must travel. */
const SETTLED_MS = 4_000;

let stack: Stack;
let browser: Browser;
let page: Page;
/** From here on the running ingest has seen everything. */
let sinceMs: number;

beforeAll(async () => {
  [stack, browser] = await Promise.all([
    Stack.start("npm start", ["--exchange", "simulator"]),
    openBrowser(),
  ]);
  page = await openChart(browser, stack.file.page, MARKET);
  sinceMs = await coveredSinceMs();
}, 240_000);

afterAll(async () => {
  await browser?.close();
  expect(await stack?.stop()).toEqual([]);
});

/** The first whole second of the first session. */
async function coveredSinceMs(): Promise<number> {
  let since = 0;
  await until("a session is stored", 20_000, async () => {
    const [row] = await stack.database`
      SELECT (extract(epoch FROM max(since)) * 1000)::bigint::text AS since FROM coverage_session`;
    since = Number(row!["since"] ?? 0);
    return since > 0;
  });
  return Math.ceil(since / 1000) * 1000;
}

function settledMs(): number {
  return Math.floor((Date.now() - SETTLED_MS) / 1000) * 1000;
}

/** Rests the pointer on a settled second: what is shown then, and the row of it that the page holds. */
async function hovered() {
  const row = (await pageRows(page)).filter(({ startsAtMs }) => startsAtMs < settledMs() - 4_000)
    .at(-1)!;
  await hover(page, row.startsAtMs);
  await page.waitForSelector(".record[data-hovered=true]", { timeout: 15_000 });
  const record = await shownRecord(page);
  const shownMs = Date.parse(record.startsAt);
  const held = (await pageRows(page)).find(({ startsAtMs }) => startsAtMs === shownMs);
  return { row, record, held };
}

/** A second of which we hold another row than the exchange. */
interface Amended {
  readonly market: string;
  readonly ours: Second;
  /** The page of its market's seconds, opened as soon as that was so. */
  readonly page: Page;
}

/** So many seconds of a market say something about the share that agrees. */
const COMPARED_MIN = 8;

/**
 * The exchange takes a trade out of a closed second and tells nobody; of the link nothing is seen. Not of the market that the
 * other tests compare, and of one that has traded enough since the session counts, 5 s after its begin; undefined while there
 * is none.
 */
async function amend(): Promise<Pick<Amended, "market" | "ours"> | undefined> {
  const seconds = new Map<string, number>();
  for (
    const { market } of (await storedSeconds(stack.database, sinceMs + 5_000, settledMs())).values()
  ) {
    seconds.set(market, (seconds.get(market) ?? 0) + 1);
  }
  for (const [market, count] of seconds) {
    if (market === MARKET || count < COMPARED_MIN) continue;
    const answer = await fetch(`${stack.file.exchange.control}/fault`, {
      method: "POST",
      body: JSON.stringify({ kind: "correction", market, lower: "volume", told: false }),
    });
    if (!answer.ok) continue; // of its newest seconds none holds enough trades
    const { starts_at_ms: startsAtMs } = await answer.json() as { starts_at_ms: number };
    const rows = await storedSeconds(stack.database, startsAtMs, startsAtMs + 1_000);
    return { market, ours: rows.get(keyOf({ market, startsAtMs }))! };
  }
  return undefined;
}

/** As the page shows a time of day at first: Korean, nine hours ahead. */
function kst(ms: number): string {
  return new Date(ms + 9 * 3_600_000).toISOString().slice(11, 23);
}

describe("first light", () => {
  let amended: Amended;

  test.each([["ingest", "repair"], ["persist", "gap"], ["stream"]])(
    "%s serves the metrics that npm run metrics prints: every name, both ways",
    async (service, ...loops) => {
      const told = [service!, ...loops, "each service"].flatMap((name) =>
        registries()[name]!.getMetricsAsArray().map(({ name }) => name)
      );
      const text = await (await fetch(stack.file.metrics[service!]!)).text();
      const served = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!);
      expect(served.sort()).toEqual(told.sort());
      const [version] = /stofka_build_info\{.*\} 1/.exec(text) ?? [];
      expect(version).toMatch(/runtime="deno 2\.\d+\.\d+"/);
    },
  );

  test("npm start told the user where the page is, and that prices are invented", () => {
    expect(stack.output).toContain(stack.file.page);
    expect(stack.output).toContain("SIMULATED");
  });

  test("/compare, opened after the exchange amended a second and told nobody, wishes for what the exchange has", async () => {
    let found: Awaited<ReturnType<typeof amend>>;
    await until(
      "a second is amended",
      60_000,
      async () => (found = await amend()) !== undefined,
      { everyMs: 1_000 },
    );
    const { market, ours } = found!;
    expect(ours).toBeDefined();
    const query = `market=${market}&interval=1s`;
    const { page, wish } = await openCompare(browser, stack.file.page, query);
    amended = { market, ours, page };
    expect(wish.status).toBe(202);
    expect(await isFetching(page)).toBe(true);
  });

  test(
    "/compare has it when all is fetched: both series, the share, the one difference with both rows, and the CSV holds just that",
    async () => {
      const { market, ours, page } = amended;
      const { startsAtMs } = ours;
      // its newest seconds can be had half a minute after they were; at once, since after another half minute parity has corrected it
      await until("all is fetched", 60_000, async () => !await isFetching(page), { everyMs: 200 });
      const truth = await ledgerSeconds(
        stack.file.exchange.control!,
        [market],
        sinceMs,
        settledMs(),
      );
      const theirs = truth.get(keyOf(ours))!;
      expect(theirs.volume).not.toBe(ours.volume);

      const shown = await shownDifferences(page);
      expect(shown).toMatchObject([{ startsAtMs, verdict: "differ", ours: rowOfSecond(ours) }]);
      expect({ ...shown[0]!.theirs, turnover: String(Number(shown[0]!.theirs!.turnover)) })
        .toEqual(rowOfSecond(theirs, true));

      const { share, counts } = await shownSummary(page);
      const agrees = counts["match"]! + (counts["match_rounded"] ?? 0);
      expect(counts["differ"]).toBe(1);
      expect(agrees).toBeGreaterThan(COMPARED_MIN / 2);
      const percent = agrees / (agrees + 1) * 100;
      expect(share).toMatch(/^\d\d\.\d+%$/);
      expect(Number(share.slice(0, -1))).toBeLessThanOrEqual(percent);
      expect(percent - Number(share.slice(0, -1))).toBeLessThan(0.1);

      const sides = await plottedSides(page);
      expect(Object.keys(sides)).toEqual(["Upbit", "Stofka"]);
      for (const pixels of Object.values(sides)) expect(pixels).toBeGreaterThan(10);

      const evidence = await downloadedEvidence(page);
      expect(evidence.filter(({ differing }) => differing.length > 0)).toEqual([{
        ...shown[0]!,
        differing: ["volume", "turnover"],
        reason: expect.any(String),
      }]);
      const told: Record<string, number> = {};
      for (const { verdict } of evidence) told[verdict] = (told[verdict] ?? 0) + 1;
      expect(told).toEqual(Object.fromEntries(Object.entries(counts).filter(([, count]) => count)));
      // each line's row of ours is the stored one, and of what is said to agree the exchange says so too
      const stored = await storedSeconds(stack.database, 0, Date.now());
      for (const line of evidence) {
        if (line.startsAtMs === startsAtMs) continue;
        const key = keyOf({ market, startsAtMs: line.startsAtMs });
        expect(line.ours, key).toEqual(rowOfSecond(stored.get(key)!));
        if (line.verdict === "match") expect(stored.get(key), key).toMatchObject(truth.get(key)!);
      }
      await page.context().close();
    },
    90_000,
  );

  test("PostgreSQL holds what the exchange's ledger says, to the last digit, for all markets", async () => {
    // enough trades for each claim below, also in a quiet half minute
    await until("40 seconds are settled", 90_000, () => settledMs() - sinceMs >= 40_000);
    const untilMs = settledMs();
    const { control, rest } = stack.file.exchange;
    const markets = await listedMarkets(rest);
    expect(markets.length).toBe(289);
    // the amended one is /compare's matter
    const others = <Row extends Second>(rows: ReadonlyMap<string, Row>) =>
      new Map([...rows].filter(([key]) => key !== keyOf(amended.ours)));
    const truth = others(await ledgerSeconds(control!, markets, sinceMs, untilMs));
    expect(truth.size).toBeGreaterThan(200);
    // a number that went through a binary float on its way would be noticed here
    expect([...truth.values()].some(({ turnover }) => plain(`${Number(turnover)}`) !== turnover))
      .toBe(true);
    let found = SAME;
    await until("the table equals the ledger", 15_000, async () => {
      found = difference(truth, others(await storedSeconds(stack.database, sinceMs, untilMs)));
      return found.missing.length + found.different.length === 0;
    }, { everyMs: 500 }).catch(() => {}); // the comparison below says what differs
    expect(found).toEqual(SAME);
    const stored = others(await storedSeconds(stack.database, sinceMs, untilMs));
    expect(new Set([...stored.values()].map(({ origin }) => origin))).toEqual(
      new Set(["websocket"]),
    );
    // of about a hundred trades one is counted after its second was first sent: without revisions this would prove less
    expect([...stored.values()].some(({ revisions }) => revisions > 0)).toBe(true);
  });

  test("the chart draws just these candles", async () => {
    await until(
      "the page holds 10 settled seconds",
      40_000,
      async () => (await pageSeconds(page, MARKET, sinceMs, settledMs())).size >= 10,
    );
    const untilMs = settledMs();
    const truth = await ledgerSeconds(stack.file.exchange.control!, [MARKET], sinceMs, untilMs);
    const held = await pageSeconds(page, MARKET, sinceMs, untilMs);
    expect(difference(truth, held)).toEqual(SAME);
  });

  test("its pixels have the colours of rising and falling candles where these stand", async () => {
    await until("risen and fallen candles are on the chart", 60_000, async () => {
      const sides = (await candlePixels(page, 120)).map(({ direction }) => direction);
      return sides.includes("up") && sides.includes("down");
    }, { everyMs: 1_000 });
    const candles = await candlePixels(page, 120);
    const wrong = candles.filter(({ direction, up, down }) =>
      direction === "up" ? up === 0 : direction === "down" ? down === 0 : false
    );
    // the newest may be drawn with the next frame
    expect(wrong.filter(({ startsAtMs }) => startsAtMs < settledMs())).toEqual([]);
    expect(candles.filter(({ direction }) => direction !== "even").length).toBeGreaterThanOrEqual(
      2,
    );
  });

  test("it says SIMULATED, beside the badge, on the chart and in the tab's title", async () => {
    expect((await pageBadge(page)).provenance).toBe("simulated");
    expect(await page.locator(".provenance").textContent()).toMatch(/simulated/i);
    expect(await page.locator(".watermark").textContent()).toMatch(/simulated/i);
    expect(await page.title()).toMatch(/simulated/i);
    await until("live", 10_000, async () => (await pageBadge(page)).state === "live");
  });

  test("hovering a second shows its record, digit for digit", async () => {
    // far enough from the newest for the one that comes under the pointer to be settled too
    let { row, record, held } = await hovered();
    // the chart goes on under a resting pointer, and may bring a second without trades under it
    const offMs = () => Math.abs(Date.parse(record.startsAt) - row.startsAtMs);
    for (let again = 0; again < 5 && (held === undefined || offMs() > 3_000); again++) {
      ({ row, record, held } = await hovered());
    }
    const { startsAt, tags, values } = record;
    const shownMs = Date.parse(startsAt);
    expect(offMs()).toBeLessThanOrEqual(3_000);
    expect(held).toBeDefined();
    const shown = Object.fromEntries(
      Object.entries(values).map(([name, text]) => [name, text.replaceAll(",", "")]),
    );
    const [truth] = (await ledgerSeconds(
      stack.file.exchange.control!,
      [MARKET],
      shownMs,
      shownMs + 1_000,
    )).values();
    expect(shown).toMatchObject({
      Open: truth!.open,
      High: truth!.high,
      Low: truth!.low,
      Close: truth!.close,
      Volume: truth!.volume,
      Turnover: truth!.turnover,
    });
    expect(values["Exchange time"]).toBe(kst(truth!.lastTickAtMs));
    expect(values["Received"]).toBe(kst(held!.receivedAtMs!));
    expect(values["Revisions"]).toMatch(/^\d+$/);
    expect(tags).toContain("live socket");
    await page.mouse.move(0, 0);
  });

  test("a killed stream service is noticed and healed: no second is missing on the page", async () => {
    const before = stack.pid("stream")!;
    stack.kill("stream");
    await until(
      "the page says that it reconnects",
      10_000,
      async () => (await pageBadge(page)).state === "reconnecting",
      { everyMs: 20 },
    );
    const backMs = await stack.recovered("stream", before, 60_000);
    await until(
      "the page is live again",
      30_000,
      async () => (await pageBadge(page)).state === "live",
    );
    await until("8 more seconds are settled", 30_000, () => settledMs() >= backMs + 4_000);
    const untilMs = settledMs();
    const truth = await ledgerSeconds(stack.file.exchange.control!, [MARKET], sinceMs, untilMs);
    const held = await pageSeconds(page, MARKET, sinceMs, untilMs);
    expect(difference(truth, held)).toEqual(SAME);
  });
});
