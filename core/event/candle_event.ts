import type { Candle, Origin, ReceivedCandle } from "../candle.ts";
import { parseJsonNumbersAsText } from "../json_numbers.ts";
import { candleRevision, type Revision } from "../revision.ts";
import { encodeCandleFields, readCandleFields } from "./candle_fields.ts";
import { eventReader } from "./json.ts";

/** A second, newest revision or not: the reader merges by revision. */
export interface CandleEvent extends ReceivedCandle {
  readonly revision: Revision;
  /** The exchange has no such second after all: whoever shows it takes it away, and keeps the revision. Absent where it has. */
  readonly deleted?: true;
}

export function candleEvent(candle: Candle, receivedAtMs: number, origin: Origin): CandleEvent {
  const revision = candleRevision(0, candle.lastTickAtMs, candle.volume);
  return { ...candle, receivedAtMs, origin, revision };
}

/** `{"market":"KRW-BTC","interval":"1s","starts_at_ms":…,"open":142009000,…,"revision":"…"}` */
export function encodeCandleEvent(event: CandleEvent): string {
  return `{${encodeCandleFields(event)},"received_at_ms":${event.receivedAtMs},` +
    `"origin":"${event.origin}","revision":"${event.revision}"${
      event.deleted === true ? `,"deleted":true` : ""
    }}`;
}

export function decodeCandleEvent(text: string): CandleEvent {
  return candleEventFrom(parseJsonNumbersAsText(text));
}

/** @param value one candle event, parsed by `parseJsonNumbersAsText` @throws Failure `event_invalid` */
export function candleEventFrom(value: unknown): CandleEvent {
  const read = eventReader(value, "candle");
  return {
    ...readCandleFields(read),
    receivedAtMs: read.ms("received_at_ms"),
    origin: read.text("origin") as Origin,
    revision: read.text("revision") as Revision,
    ...read.raw("deleted") === true ? { deleted: true } : {},
  };
}
