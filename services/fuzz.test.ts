import { Buffer } from "node:buffer";
import process from "node:process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeCandleEvent, encodeCandleEvent } from "#core/event/candle_event.ts";
import { candleEvent } from "#core/event/candle_event.ts";
import { decodeTickerEvent, encodeTickerEvent, tickerEvent } from "#core/event/ticker_event.ts";
import { Failure } from "#core/failure.ts";
import { isMarket } from "#core/market.ts";
import { decodeMark, encodeMark } from "#core/mark.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { readCandle } from "#core/upbit/candle_message.ts";
import type { Element } from "#core/upbit/fields.ts";
import { readFrame } from "#core/upbit/frame.ts";
import { readListing } from "#core/upbit/listing.ts";
import { readTicker } from "#core/upbit/ticker_message.ts";
import { readMarketList } from "./ingest/market_list.ts";
import { suspect } from "./ingest/suspect.ts";
import { gapRequest, gapRequestKey } from "./stream/gaps/gap_request.ts";
import { candleRequest, requestKey } from "./stream/history/candle_request.ts";
import { assertHost, LOOPBACK_HOSTS } from "./stream/http/allowed_hosts.ts";
import { assertParameters, target } from "./stream/http/query.ts";
import { StaticFiles } from "./stream/http/static_files.ts";
import { subscription } from "./stream/sse/subscription.ts";

/**
 * Whatever comes from outside is read, or refused with a `Failure`: any other error would end a service, and a reader that
 * takes long would stall it. Inputs are true ones, spoilt: noise alone never comes behind the first check.
 */

const CASES_FRAME = 16_000;
const CASES_HTTP = 14_000;
/** CPU time that one input may take, ms (the wall's clock also counts what others do); the slowest legitimate one takes a few hundredths. */
const INPUT_CPU_MS_MAX = 1_000;

const TEXTS = [
  '{"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"2025-01-02T04:28:05","candle_date_time_kst":"2025-01-02T13:28:05","opening_price":142009000.00000000,"high_price":142009000.00000000,"low_price":142009000.00000000,"trade_price":142009000.00000000,"candle_acc_trade_volume":0.00606119,"candle_acc_trade_price":860743.5307100000000000,"timestamp":1735792085824,"stream_type":"REALTIME"}',
  '{"ty":"candle.1s","cd":"KRW-BTC","cdttmu":"2025-07-07T02:29:24","cdttmk":"2025-07-07T11:29:24","op":149000000.0,"hp":149000000.0,"lp":149000000.0,"tp":149000000.0,"catv":0.00033557,"catp":49999.93,"tms":1751855364161,"st":"SNAPSHOT"}',
  '{"type":"ticker","code":"KRW-BTC","opening_price":142009000.0,"high_price":143000000,"low_price":141000000,"trade_price":142009000.00000000,"prev_closing_price":142000000.0,"change":"RISE","signed_change_price":9000.0,"signed_change_rate":0.0000633803,"trade_volume":7.9276E-4,"acc_trade_volume":1234.56789012,"acc_trade_volume_24h":2345.6,"acc_trade_price":104890599315.22821,"acc_trade_price_24h":204890599315.2,"trade_timestamp":1735792085824,"timestamp":1735792085850,"stream_type":"REALTIME"}',
  '{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"candle.1s","codes":["KRW-BTC","KRW-ETH"]}],"ticket":"x"}',
  '{"error":{"name":"NO_TICKET","message":"티켓이 존재하지 않거나, 유효하지 않습니다."}}',
  '{"status":"UP"}',
  '{"written_at_ms":1735792085824,"link":"up","cause":"started","session":{"id":"s","markets":["KRW-BTC"],"since_ms":1,"until_ms":2,"ended":false}}',
  '{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin","market_event":{"warning":false}}',
];

/** What takes the place of a value: everything that has broken a parser somewhere. */
const VALUES = [
  ...["null", "true", "-1", "-0", "0", "1e400", "-1e-400", "1E5", "1.", ".5", "01", "NaN"],
  ...["Infinity", "9007199254740993", "101559956668416", "9".repeat(400), "0." + "1".repeat(60)],
  ...[
    '""',
    '"KRW-BTC"',
    '"krw-btc"',
    '"2025-02-30T04:28:05"',
    '"2025-01-02T24:00:00"',
    '"\\u0000"',
  ],
  ...['"\\ud800"', '"__proto__"', "[]", "{}", "[[[[]]]]", "[".repeat(2_000), '{"a":'.repeat(500)],
  ...['"candle.1m"', '"candle.1s"', '"ticker"', '"constructor"', '"toString"', '"\\"', "x", ""],
];
const KEYS = [
  "__proto__",
  "constructor",
  "type",
  "ty",
  "code",
  "cd",
  "timestamp",
  "hasOwnProperty",
];

/** One change of a text: where, which, and of what. Numbers keep the generator cheap. */
const change = fc.tuple(fc.nat(9), fc.nat(100_000), fc.nat(100_000));

function spoil(text: string, [kind, at, pick]: [number, number, number]): string {
  const place = text.length === 0 ? 0 : at % text.length;
  const value = VALUES[pick % VALUES.length]!;
  switch (kind) {
    case 0:
      return text.slice(0, place);
    case 1:
      return text.slice(0, place) + String.fromCharCode(pick % 0x10000) + text.slice(place + 1);
    case 2:
      return text.slice(0, place) + text.slice(place + 1 + pick % 20);
    case 3:
      return text.slice(0, place) + TEXTS[pick % TEXTS.length]!.slice(at % 50) + text.slice(place);
    case 4:
      return `[${text},${text}]`;
    case 5: {
      const keys = text.match(/"[a-z_0-9]+":/g) ?? ['"x":'];
      const key = KEYS[pick % KEYS.length]!;
      return text.replace(keys[at % keys.length]!, `"${key}":`);
    }
    // most often a value: that is what comes through to the checks of the domain
    default: {
      const values = [...text.matchAll(/(?<=":)(?:"[^"]*"|[^,{}[\]]+)/g)];
      if (values.length === 0) return text + value;
      const { 0: old, index } = values[at % values.length]!;
      return text.slice(0, index) + value + text.slice(index + old.length);
    }
  }
}

/** Two of three texts are those a reader is for. */
const spoilt = (own: readonly number[]) =>
  fc.tuple(fc.nat(TEXTS.length * 3 - 1), fc.array(change, { maxLength: 3 })).map((
    [text, changes],
  ) => changes.reduce(spoil, TEXTS[text < TEXTS.length ? text : own[text % own.length]!]!));

/** @returns the value, or null when it was refused as an input may be */
function refusable<Value>(read: () => Value): Value | null {
  const started = process.cpuUsage();
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.message.length).toBeLessThan(1_000);
    return null;
  } finally {
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1_000).toBeLessThan(INPUT_CPU_MS_MAX);
  }
}

function elementOf(text: string): Element | null {
  try {
    const value = parseJsonNumbersAsText(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Element
      : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

let read = 0;
function frames(own: readonly number[], property: (text: string) => boolean): void {
  read = 0;
  fc.assert(fc.property(spoilt(own), (text) => void (read += Number(property(text)))), {
    numRuns: CASES_FRAME,
  });
  // a reader that refuses all would pass as well
  expect(read).toBeGreaterThan(CASES_FRAME / 100);
}

describe("frames", () => {
  test("readFrame(), and suspect() of what it refuses", () => {
    frames([0, 1, 2, 3, 4, 5], (text) => {
      const frame = refusable(() => readFrame(text));
      const mayBe = suspect(Buffer.from(text));
      if (mayBe.kind === "candle") expect(isMarket(mayBe.market)).toBe(true);
      if (frame === null) return false;
      if ("market" in frame) expect(isMarket(frame.market)).toBe(true);
      return true;
    });
  });

  test("readCandle(), and its event there and back", () => {
    frames([0, 1], (text) => {
      const element = elementOf(text);
      const candle = element && refusable(() => readCandle(element));
      if (candle === null) return false;
      const event = candleEvent(candle, 1, "websocket");
      if (event.interval !== "1s") return true;
      expect(decodeCandleEvent(encodeCandleEvent(event))).toEqual(event);
      return true;
    });
  });

  test("readTicker(), and its event there and back", () => {
    frames([2], (text) => {
      const element = elementOf(text);
      const ticker = element && refusable(() => readTicker(element));
      if (ticker === null) return false;
      const event = tickerEvent(ticker, 1);
      expect(decodeTickerEvent(encodeTickerEvent(event))).toEqual(event);
      return true;
    });
  });

  test("decodeMark(), there and back; readListing() and the list around it", () => {
    frames([6, 7], (text) => {
      const mark = refusable(() => decodeMark(text));
      if (mark !== null) expect(encodeMark(decodeMark(encodeMark(mark)))).toBe(encodeMark(mark));
      const list = refusable(() => readMarketList(`[${text}]`, () => true));
      const element = elementOf(text);
      const listing = element && refusable(() => readListing(element));
      return mark !== null || list !== null || listing !== null;
    });
  });
});

const WORDS = [
  ...["KRW-BTC", "krw-btc", "KRW", "all", "", ",", ",,,,", "1s", "1m", "1mo", "9".repeat(30), "-1"],
  ...[
    "0",
    "2000",
    "2001",
    "1e3",
    "2026-11-22T09:00:00Z",
    "2026-11-22T18:00:00+09:00",
    "2026-02-30",
  ],
  ...["ticker", "candle", "link", "postgres-candle", "__proto__", "constructor", "%00", "%", "%ff"],
  ...[
    "\u0000",
    "\ud800",
    "가",
    "../../etc/passwd",
    "'; DROP TABLE market; --",
    "<script>",
    "A".repeat(9_000),
  ],
];
const NAMES = [
  "market",
  "markets",
  "interval",
  "intervals",
  "to",
  "since",
  "until",
  "count",
  "events",
  "x",
  "__proto__",
];
const PATHS = [
  "/api/candles",
  "/api/stream",
  "/",
  "/index.html",
  "/..%2f..%2fetc/passwd",
  "/%2e%2e/x",
  "*",
  "//",
];

const word = fc.tuple(fc.nat(WORDS.length - 1), fc.nat(WORDS.length - 1), fc.nat(3))
  .map(([a, b, how]) =>
    how === 0 ? `${WORDS[a]},${WORDS[b]}` : how === 1 ? WORDS[a]! + WORDS[b]! : WORDS[a]!
  );
const query = fc.array(fc.tuple(fc.nat(NAMES.length - 1), word), { maxLength: 5 })
  .map((pairs) => new URLSearchParams(pairs.map(([name, value]) => [NAMES[name]!, value])));

describe("HTTP inputs", () => {
  test("the request's target and its parameters", () => {
    fc.assert(
      fc.property(fc.nat(PATHS.length - 1), query, change, (path, parameters, changed) => {
        const url = spoil(`${PATHS[path]}?${parameters}`, changed);
        const found = refusable(() => target(url));
        if (found === null) return;
        expect(url.startsWith(found.path)).toBe(true);
        refusable(() => assertParameters(found.query, ["market", "interval", "to", "count"]));
      }),
      { numRuns: CASES_HTTP },
    );
  });

  test("a candle request, a question for gaps, and a subscription", () => {
    let taken = 0;
    fc.assert(
      fc.property(query, (parameters) => {
        const request = refusable(() => candleRequest(parameters));
        if (request !== null) {
          taken++;
          expect(requestKey(request).length).toBeLessThan(100);
          expect(request.count).toBeGreaterThan(0);
        }
        const gaps = refusable(() => gapRequest(parameters, Date.UTC(2026, 10, 22, 12)));
        if (gaps !== null) {
          taken++;
          expect(gapRequestKey(gaps).length).toBeLessThan(100);
          expect(gaps.untilMs - gaps.sinceMs).toBeGreaterThan(0);
        }
        const wanted = refusable(() =>
          subscription(
            parameters.get("markets"),
            parameters.get("events"),
            parameters.get("intervals"),
          )
        );
        if (wanted !== null) {
          taken++;
          expect(wanted.key).toMatch(/^[a-z,-]+ [A-Za-z0-9, -]+$/);
        }
      }),
      { numRuns: CASES_HTTP },
    );
    expect(taken).toBeGreaterThan(CASES_HTTP / 10);
  });

  test("a path of the page, and a Host", () => {
    const files = StaticFiles.of(
      new Map([["/index.html", Buffer.from("page")], ["/assets/a-12345678.js", Buffer.from("js")]]),
    );
    const allowed = new Set<string>(LOOPBACK_HOSTS);
    fc.assert(
      fc.property(fc.nat(PATHS.length - 1), word, change, (path, text, changed) => {
        const { status, body } = files.answer(spoil(PATHS[path]! + text, changed), () => text);
        expect([200, 304, 404]).toContain(status);
        expect(["", "page", "js"].includes(String(body)) || status === 404).toBe(true);
        const host = spoil("127.0.0.1:8080", changed);
        const known = refusable(() => (assertHost(host, allowed), true));
        if (known) {
          expect(host.toLowerCase()).toMatch(/^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/);
        }
      }),
      { numRuns: CASES_HTTP },
    );
  });
});
