import type { LinkEvent } from "#core/event/link_event.ts";
import { encodeLinkEvent } from "#core/event/link_event.ts";
import { type CandleEvent, encodeCandleEvent } from "#core/event/candle_event.ts";
import { encodeTickerEvent, type TickerEvent } from "#core/event/ticker_event.ts";
import {
  encodePostgresCandleEvent,
  type PostgresCandleEvent,
} from "#core/event/postgres_candle_event.ts";
import type { Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";

/** What a client may ask for; a `tail` comes first in any case. */
export const LIVE_EVENT_NAMES = ["ticker", "candle", "postgres-candle", "link"] as const;
export type LiveEventName = (typeof LIVE_EVENT_NAMES)[number];

/** One change, encoded once for every reader. */
export interface LiveEvent {
  readonly name: LiveEventName;
  /** null for the link, which concerns every market. */
  readonly market: Market | null;
  /** Of a roll-up; null for the rest. */
  readonly interval: Interval | null;
  /** What a newer revision replaces: the market's ticker, one second of the market, the link. */
  readonly identity: string;
  /** The JSON behind `data:`. */
  readonly data: string;
  /** The event as it stands in the stream. */
  readonly frame: string;
  /** When ingest received the source frame, ms; null where nothing was received. */
  readonly receivedAtMs: number | null;
}

export function tickerLive(event: TickerEvent): LiveEvent {
  return live(
    "ticker",
    event.market,
    `ticker ${event.market}`,
    encodeTickerEvent(event),
    event.receivedAtMs,
  );
}

/** A second is an identity of its own: two seconds of one market never replace each other, or a chart would lose one. */
export function candleLive(event: CandleEvent): LiveEvent {
  return secondLive(event, event.receivedAtMs);
}

/** A second that an answer of the exchange filled or corrected: how long it took says nothing about what is live. */
export function storedSecondLive(event: CandleEvent): LiveEvent {
  return secondLive(event, null);
}

function secondLive(event: CandleEvent, receivedAtMs: number | null): LiveEvent {
  return live(
    "candle",
    event.market,
    `candle ${event.market} ${event.startsAtMs}`,
    encodeCandleEvent(event),
    receivedAtMs,
  );
}

/** A bucket is an identity: a reader that is behind gets the newest revision of each. */
export function rollupLive(event: PostgresCandleEvent): LiveEvent {
  return live(
    "postgres-candle",
    event.market,
    `postgres-candle ${event.market} ${event.interval} ${event.startsAtMs}`,
    encodePostgresCandleEvent(event),
    null,
    event.interval,
  );
}

export function linkLive(event: LinkEvent): LiveEvent {
  return live("link", null, "link", encodeLinkEvent(event), null);
}

function live(
  name: LiveEventName,
  market: Market | null,
  identity: string,
  data: string,
  receivedAtMs: number | null,
  interval: Interval | null = null,
): LiveEvent {
  return { name, market, interval, identity, data, frame: frameOf(name, data), receivedAtMs };
}

/** The data is JSON on one line, so it needs one `data:` field. All of it is ASCII. */
export function frameOf(name: LiveEventName | "tail", data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`;
}
