import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import type { Failure } from "#core/failure.ts";
import { isMarket } from "#core/market.ts";
import type { Plausibility } from "#core/plausible.ts";
import { HEADERS } from "#core/topics.ts";
import { wholeNumber } from "#core/whole_number.ts";
import type { Hole, SecondWork } from "./work.ts";

/** Why a second that could be read is not believed, or null. */
export function doubtOf({ event, record }: SecondWork, plausibility: Plausibility): Failure | null {
  return plausibility.doubt(event, event.receivedAtMs, replayedAtOf(record));
}

/** When an operator sent it again from the dead letter, ms; NaN: it is the first time. */
export function replayedAtOf({ headers }: ConsumedRecord): number {
  return wholeNumber(headers[HEADERS.replayedAt], 14);
}

/**
 * What a refused second leaves uncovered: itself, so that repair asks for it again. Where its time is what is wrong, all that it
 * may have been. One that is too old leaves no hole: coverage does not reach there.
 */
export function holeOfRefused({ event, record }: SecondWork, { code }: Failure): Hole | null {
  const { market, startsAtMs } = event;
  if (code === "second_too_old") return null;
  if (code === "second_in_future") return holeOf(record);
  return { market, sinceMs: startsAtMs, untilMs: startsAtMs + 1_000 };
}

/**
 * What an unreadable record leaves uncovered. Its second cannot be known, so all it may have been: the wire sends a second
 * about 10 ms after its end and revises it for some seconds. A record that was sent again leaves none: it did the first time.
 */
export function holeOf({ key, headers, timestampMs }: ConsumedRecord): Hole | null {
  if (!isMarket(key) || headers[HEADERS.replayedAt] !== undefined) return null;
  const receivedAtMs = wholeNumber(headers[HEADERS.receivedAt], 14);
  const atMs = Number.isNaN(receivedAtMs) ? timestampMs : receivedAtMs;
  return { market: key, sinceMs: atMs - HOLE_BEFORE_MS, untilMs: atMs + HOLE_AFTER_MS };
}

const HOLE_BEFORE_MS = 6_000;
const HOLE_AFTER_MS = 1_000;
