import { Failure, shown } from "../failure.ts";
import { isMarket, type Market } from "../market.ts";
import type { Element } from "./fields.ts";

/** What a WebSocket frame of the exchange is, as far as its receiver must know to pass it on. */
export type Frame =
  | {
    readonly kind: "candle" | "ticker";
    readonly market: Market;
    /** Sent because we subscribed, not because something happened. */
    readonly snapshot: boolean;
    /** When it could be known at the earliest, ms: a candle's end, a ticker's timestamp; null when the frame does not say. */
    readonly knownAtMs: number | null;
  }
  /** The exchange refuses something and will close with code 1000 about 150 ms later. */
  | { readonly kind: "error"; readonly name: string; readonly message: string }
  /** The answer to a text PING. */
  | { readonly kind: "status" }
  /** The answer to LIST_SUBSCRIPTIONS: what the exchange accepted. */
  | {
    readonly kind: "subscriptions";
    /** Of the question; null when the answer has none. */
    readonly ticket: string | null;
    readonly result: readonly Subscription[];
  };

export interface Subscription {
  readonly type: string;
  readonly codes: readonly string[];
}

/**
 * Classifies one frame of a DEFAULT or SIMPLE format connection; values are left to whoever stores them.
 *
 * @throws Failure `frame_unreadable` for what is not JSON or an element without a market: a candle may be lost;
 * `frame_unknown` for JSON that is none of the known shapes: nothing we asked for
 */
export function readFrame(text: string): Frame {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Failure("frame_unreadable", `${shown(text)} is not JSON`, error);
  }
  if (isElement(json)) {
    const type = json["type"] ?? json["ty"];
    if (type === "candle.1s" || type === "ticker") return readElement(json, type, text);
    const { error, status, method, result, ticket } = json;
    if (isElement(error)) {
      return { kind: "error", name: String(error["name"]), message: String(error["message"]) };
    }
    if (status === "UP") return { kind: "status" };
    if (method === "LIST_SUBSCRIPTIONS" && Array.isArray(result) && result.every(isSubscription)) {
      return { kind: "subscriptions", ticket: typeof ticket === "string" ? ticket : null, result };
    }
  }
  throw new Failure("frame_unknown", `${shown(text)} is not a frame of the exchange we know`);
}

/** The DEFAULT format's names of what {@link readElementFrame} reads. */
export const ELEMENT_FRAME_FIELDS = [
  "type",
  "code",
  "stream_type",
  "timestamp",
  "candle_date_time_utc",
] as const;

/**
 * The frame of an element whose fields were read on their own, numbers as text.
 *
 * @returns null when it is no candle or ticker with all that a frame may say: {@link readFrame} says what it is
 */
export function readElementFrame(element: Element): Frame | null {
  const { type, code, stream_type: streamType, timestamp } = element;
  if ((type !== "candle.1s" && type !== "ticker") || !isMarket(code)) return null;
  const startsAt = element["candle_date_time_utc"];
  if (streamType == null || (type === "ticker" ? timestamp : startsAt) == null) return null;
  const fields = { code, stream_type: streamType, timestamp: Number(timestamp) };
  return readElement({ ...fields, candle_date_time_utc: startsAt }, type, "");
}

function readElement(element: Element, type: "candle.1s" | "ticker", text: string): Frame {
  const market = element["code"] ?? element["cd"];
  if (!isMarket(market)) {
    throw new Failure("frame_unreadable", `${shown(text)} has the market ${shown(market)}`);
  }
  const snapshot = (element["stream_type"] ?? element["st"]) === "SNAPSHOT";
  if (type === "ticker") {
    const timestamp = element["timestamp"] ?? element["tms"];
    const knownAtMs = Number.isSafeInteger(timestamp) ? timestamp as number : null;
    return { kind: "ticker", market, snapshot, knownAtMs };
  }
  const startsAt = element["candle_date_time_utc"] ?? element["cdttmu"];
  const startsAtMs = typeof startsAt === "string" && startsAt.length === UTC_SECOND_CHARS
    ? Date.parse(`${startsAt}Z`)
    : NaN;
  const knownAtMs = Number.isNaN(startsAtMs) ? null : startsAtMs + 1_000;
  return { kind: "candle", market, snapshot, knownAtMs };
}

const UTC_SECOND_CHARS = "2025-01-02T04:28:05".length;

function isElement(value: unknown): value is Element {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSubscription(value: unknown): value is Subscription {
  return isElement(value) && typeof value["type"] === "string" && Array.isArray(value["codes"]) &&
    value["codes"].every((code) => typeof code === "string");
}
