import { expect, test } from "vitest";
import type { CandlePage } from "#core/candle_page.ts";
import { decimal } from "#core/decimal.ts";
import { type CandleEvent, candleEvent } from "#core/event/candle_event.ts";
import { market } from "#core/market.ts";
import { CandleFeed } from "./candle_feed.ts";
import { CandleSeries } from "./candle_series.ts";
import { SecondRows } from "./second_rows.ts";

const BTC = market("KRW-BTC");

function second(at: number, age = 0): CandleEvent {
  const price = decimal(String(1_000 + at + age));
  const startsAtMs = at * 1_000;
  return candleEvent(
    {
      market: BTC,
      interval: "1s",
      startsAtMs,
      open: price,
      high: price,
      low: price,
      close: price,
      volume: decimal("1"),
      turnover: price,
      lastTickAtMs: startsAtMs + age,
    },
    startsAtMs + 1_007,
    "websocket",
  );
}

/** A history that answers as the server does: at most `rowsMax` of its seconds, those known so far. */
function history(seconds: CandleEvent[], rowsMax: number) {
  const asked: (number | null)[] = [];
  const server = {
    asked,
    knownUntilMs: Infinity,
    fail: 0,
    fetchPage(toMs: number | null): Promise<CandlePage> {
      asked.push(toMs);
      if (server.fail > 0) {
        server.fail--;
        return Promise.reject(new Error("away"));
      }
      const known = seconds.filter((one) =>
        one.receivedAtMs < server.knownUntilMs && (toMs === null || one.startsAtMs < toMs)
      );
      const rows = known.slice(-rowsMax);
      return Promise.resolve({
        market: BTC,
        interval: "1s",
        known_until_ms: server.knownUntilMs === Infinity ? 1e15 : server.knownUntilMs,
        more: known.length > rows.length,
        columns: {
          starts_at_ms: rows.map((row) => row.startsAtMs),
          open: rows.map((row) => row.open),
          high: rows.map((row) => row.high),
          low: rows.map((row) => row.low),
          close: rows.map((row) => row.close),
          volume: rows.map((row) => row.volume),
          turnover: rows.map((row) => row.turnover),
          last_tick_at_ms: rows.map((row) => row.lastTickAtMs),
          received_at_ms: rows.map((row) => row.receivedAtMs),
          origin: rows.map((row) => row.origin),
          revisions: rows.map(() => 0),
          revision: rows.map((row) => row.revision),
          closed: rows.map(() => true),
          complete: rows.map(() => true),
          until_ms: rows.map((row) => row.startsAtMs + 1_000),
        },
      });
    },
  };
  return server;
}

function range(from: number, to: number): CandleEvent[] {
  return Array.from({ length: to - from }, (_, at) => second(from + at));
}

function feedOf(server: ReturnType<typeof history>, rowsMax?: number): CandleFeed {
  const ports = { fetchPage: server.fetchPage, chance: () => 0, onChange: () => {} };
  return new CandleFeed(BTC, "1s", ports, new SecondRows(new CandleSeries(rowsMax)));
}

const starts = (feed: CandleFeed): number[] =>
  feed.series.columns.startsAtMs.map((ms) => ms / 1_000);
const never = new AbortController().signal;

test("a page whose knowledge ends before the tail begins is fetched again, so that no second falls between", async () => {
  const server = history(range(0, 100), 200);
  server.knownUntilMs = 60_000; // the tail begins at second 80: 60..80 are in neither
  const feed = feedOf(server);
  const begun = feed.begin(80_000, range(80, 100), never);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(feed.state.kind).toBe("catching-up");
  server.knownUntilMs = 101_000;
  await begun;
  expect(starts(feed)).toEqual(range(0, 100).map((one) => one.startsAtMs / 1_000));
  expect(server.asked.length).toBe(2);
  expect(feed.state.kind).toBe("live");
});

test("after an absence longer than a page the hole is closed page by page, and named until then", async () => {
  const seconds = range(0, 100);
  const server = history(seconds, 100);
  const feed = feedOf(server);
  await feed.begin(90_000, [], never);
  seconds.push(...range(100, 350)); // asleep
  const begun = feed.begin(340_000, range(340, 350), never);
  expect(feed.unknown).toEqual({ sinceMs: 99_000, untilMs: 340_000 });
  await begun;
  expect(feed.unknown).toBeNull();
  expect(starts(feed)).toEqual(seconds.map((one) => one.startsAtMs / 1_000));
});

test("a hole too long to close drops what lies behind it, instead of showing it as seconds without trades", async () => {
  const seconds = range(0, 100);
  const server = history(seconds, 50);
  const feed = feedOf(server);
  await feed.begin(90_000, [], never);
  seconds.push(...range(100, 2_000));
  await feed.begin(1_990_000, range(1_990, 2_000), never);
  expect(starts(feed)).toEqual(range(1_800, 2_000).map((one) => one.startsAtMs / 1_000));
  expect(feed.moreBefore).toBe(true);
  await feed.pageBack(never);
  expect(starts(feed)[0]).toBe(1_750);
});

test("a revision missed while away is taken from the page; an older one never replaces what was shown", async () => {
  const seconds = range(0, 50);
  const server = history(seconds, 200);
  const feed = feedOf(server);
  await feed.begin(40_000, [], never);
  seconds[45] = second(45, 7); // revised while away
  feed.put(second(46, 9)); // shown here, not yet stored there
  await feed.begin(48_000, [], never);
  expect(feed.series.rowAt(45_000)!.close).toBe("1052");
  expect(feed.series.rowAt(46_000)!.close).toBe("1055");
});

test("paging back stops at the first row; at the limit the newest give way until the next beginning", async () => {
  const server = history(range(0, 100), 30);
  const feed = feedOf(server, 60);
  await feed.begin(99_000, [], never);
  while (feed.moreBefore) await feed.pageBack(never);
  expect(starts(feed)[0]).toBe(0);
  expect(feed.series.length).toBe(60);
  expect(feed.detached).toBe(true);
  feed.put(second(100)); // behind a hole: not appended
  expect(starts(feed).at(-1)).toBe(59);
  await feed.begin(99_000, [second(100)], never);
  expect(feed.detached).toBe(false);
  expect(starts(feed).at(-1)).toBe(100);
});

test("a failed request is said and repeated", async () => {
  const server = history(range(0, 10), 30);
  server.fail = 1;
  const feed = feedOf(server);
  const begun = feed.begin(0, [], never);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(feed.state).toEqual({ kind: "failed", message: "away", hadRows: false });
  await begun;
  expect(feed.series.length).toBe(10);
});

test("an aborted connection's answer is dropped", async () => {
  const server = history(range(0, 10), 30);
  const feed = feedOf(server);
  const ended = new AbortController();
  const begun = feed.begin(0, [], ended.signal);
  ended.abort();
  await begun;
  expect(feed.series.length).toBe(0);
  expect(feed.state.kind).toBe("loading");
});
