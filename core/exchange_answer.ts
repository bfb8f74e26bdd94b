import { assertPossible, type Candle } from "./candle.ts";
import { Failure, shown } from "./failure.ts";
import { bucketStartMs, type Interval, INTERVALS } from "./interval.ts";
import { jsonElements } from "./json_elements.ts";
import { parseJsonNumbersAsText } from "./json_numbers.ts";
import { isMarket, type Market } from "./market.ts";
import type { Element } from "./upbit/fields.ts";
import { readRestCandle, REST_CANDLES_MAX } from "./upbit/rest_candle.ts";

/**
 * What the exchange's REST interface said of a market's candles: all that start within [sinceMs, untilMs) are its rows. A
 * record of topic `exchange_candle`.
 */
export interface ExchangeAnswer {
  readonly market: Market;
  readonly interval: Interval;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** When it was asked, ms: nothing that the exchange counted later is in it. */
  readonly fetchedAtMs: number;
  /** Oldest first. */
  readonly rows: readonly Candle[];
}

/** The same before it is written: rows as the exchange wrote them. */
export interface RawAnswer extends Omit<ExchangeAnswer, "rows"> {
  /** Elements of the exchange's list, byte for byte. */
  readonly rows: readonly string[];
}

/** A candle younger than this may still be revised: an answer does not cover it. */
export const SETTLED_MS = 10_000;

/** Seconds older than three months are no longer given, and an empty answer about them says nothing. Three months have 89 days at least. */
export const SECONDS_GIVEN_DAYS = 89;

/** What an answer covers, [sinceMs, untilMs), or null. */
export function coveredBy(
  { interval, sinceMs, untilMs, fetchedAtMs }: Omit<ExchangeAnswer, "rows" | "market">,
): { readonly sinceMs: number; readonly untilMs: number } | null {
  const wallMs = interval === "1s" ? fetchedAtMs - SECONDS_GIVEN_DAYS * 86_400_000 : -Infinity;
  const since = Math.max(sinceMs, wallMs);
  // a second of which a part is too young is too young
  const until = Math.min(untilMs, Math.floor((fetchedAtMs - SETTLED_MS) / 1_000) * 1_000);
  return since < until ? { sinceMs: since, untilMs: until } : null;
}

/**
 * As it stands in Kafka: UTF-8 JSON; the numbers of the rows keep the exchange's own digits.
 *
 * `{"market":"KRW-BTC","interval":"1m","since_ms":…,"until_ms":…,"fetched_at_ms":…,"rows":[{"market":"KRW-BTC",…},…]}`
 */
export function encodeExchangeAnswer(answer: RawAnswer): string {
  const { market, interval, sinceMs, untilMs, fetchedAtMs, rows } = answer;
  const head = JSON.stringify({
    market,
    interval,
    since_ms: sinceMs,
    until_ms: untilMs,
    fetched_at_ms: fetchedAtMs,
  });
  return `${head.slice(0, -1)},"rows":[${rows.join(",")}]}`;
}

/**
 * @throws Failure `answer_unreadable`, `answer_invalid`, and those of {@link readRestCandle}: one row that cannot be makes the
 * whole answer worthless, since it then does not say what is missing
 */
export function decodeExchangeAnswer(text: string): ExchangeAnswer {
  const json = parsed(text);
  if (!isElement(json)) throw invalid("it is not an object", text);
  const { market, interval, rows } = json;
  if (!isMarket(market)) throw invalid(`market is ${shown(market)}`, text);
  if (!INTERVALS.includes(interval as Interval)) {
    throw invalid(`interval is ${shown(interval)}`, text);
  }
  const sinceMs = timeMs(json, "since_ms");
  const untilMs = timeMs(json, "until_ms");
  const fetchedAtMs = timeMs(json, "fetched_at_ms");
  if (sinceMs >= untilMs) throw invalid("since_ms is not before until_ms", text);
  const candles = readRows(market, interval as Interval, rows);
  for (const { startsAtMs } of candles) {
    if (startsAtMs < sinceMs || startsAtMs >= untilMs) {
      throw invalid(
        `a row starts at ${new Date(startsAtMs).toISOString()}, outside of the answer`,
        text,
      );
    }
  }
  return { market, interval: interval as Interval, sinceMs, untilMs, fetchedAtMs, rows: candles };
}

/**
 * The body of a REST answer: candles of the market, with each as it was written, oldest first.
 *
 * @throws Failure as {@link decodeExchangeAnswer}
 */
export function readAnswerBody(
  market: Market,
  interval: Interval,
  text: string,
): readonly { readonly candle: Candle; readonly raw: string }[] {
  const rows = parsed(text);
  const candles = readRows(market, interval, rows);
  const raws = jsonElements(text).toReversed();
  return candles.map((candle, index) => ({ candle, raw: raws[index]! }));
}

/** @param rows newest first, as the exchange has them, or oldest first, as a record has them */
function readRows(market: Market, interval: Interval, rows: unknown): readonly Candle[] {
  if (!Array.isArray(rows) || rows.length > REST_CANDLES_MAX) {
    throw invalid(`rows are no list of at most ${REST_CANDLES_MAX}`, JSON.stringify(rows) ?? "");
  }
  const candles = rows.map((element) => {
    if (!isElement(element)) throw invalid("a row is no object", JSON.stringify(element));
    const candle = readRestCandle(interval, element);
    if (candle.market !== market) {
      throw invalid(`a row of ${candle.market} in an answer about ${market}`, "");
    }
    if (bucketStartMs(interval, candle.startsAtMs) !== candle.startsAtMs) {
      throw invalid(
        `a row of ${market} ${interval} starts at ${
          new Date(candle.startsAtMs).toISOString()
        }, between two buckets`,
        "",
      );
    }
    assertPossible(candle);
    return candle;
  });
  if (candles.length > 1 && candles[0]!.startsAtMs > candles[1]!.startsAtMs) candles.reverse();
  for (let at = 1; at < candles.length; at++) {
    if (candles[at]!.startsAtMs <= candles[at - 1]!.startsAtMs) {
      throw invalid(`rows of ${market} ${interval} are not in the order of time`, "");
    }
  }
  return candles;
}

function parsed(text: string): unknown {
  try {
    return parseJsonNumbersAsText(text);
  } catch (error) {
    throw new Failure("answer_unreadable", `${shown(text)} is not JSON`, error);
  }
}

function timeMs(element: Element, name: string): number {
  const value = element[name];
  if (typeof value === "string" && /^\d{1,14}$/.test(value)) return Number(value);
  throw invalid(`${name} is ${shown(value)}, expected milliseconds since 1970`, "");
}

function isElement(value: unknown): value is Element {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(what: string, text: string): Failure {
  return new Failure("answer_invalid", text === "" ? what : `${what} in ${shown(text)}`);
}
