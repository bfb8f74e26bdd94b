import type { FoldedCandle } from "../fold.ts";
import { parseJsonNumbersAsText } from "../json_numbers.ts";
import type { Revision } from "../revision.ts";
import { encodeCandleFields, readCandleFields } from "./candle_fields.ts";
import { eventReader } from "./json.ts";

/** Whether a roll-up was folded from below, or is the exchange's own row where the fold would have been incomplete. */
export type RollupSource = "folded" | "exchange";

/** A row of `market_candle`, closed or forming: the value of a record of `postgres_candle`. The reader merges by revision. */
export interface PostgresCandleEvent extends FoldedCandle {
  /** Whether the bucket is over and everything in it was folded in. */
  readonly closed: boolean;
  /** Whether coverage contains the bucket up to `untilMs`. */
  readonly complete: boolean;
  /** Nothing was traded in the bucket after all: whoever shows it takes it away, and keeps the revision. */
  readonly deleted: boolean;
  readonly source: RollupSource;
  /** `rollupRevision` of the database's timeline and sequence. */
  readonly revision: Revision;
}

/** `{"market":"KRW-BTC","interval":"1h","starts_at_ms":…,"open":142009000,…,"closed":false,…,"revision":"…"}` */
export function encodePostgresCandleEvent(event: PostgresCandleEvent): string {
  return `{${encodeCandleFields(event)},"closed":${event.closed},"complete":${event.complete},` +
    `"deleted":${event.deleted},"source":"${event.source}","until_ms":${event.untilMs},` +
    `"revision":"${event.revision}"}`;
}

export function decodePostgresCandleEvent(text: string): PostgresCandleEvent {
  return postgresCandleEventFrom(parseJsonNumbersAsText(text));
}

/** @param value one event, parsed by `parseJsonNumbersAsText` @throws Failure `event_invalid` */
export function postgresCandleEventFrom(value: unknown): PostgresCandleEvent {
  const read = eventReader(value, "postgres-candle");
  return {
    ...readCandleFields(read),
    closed: read.raw("closed") === true,
    complete: read.raw("complete") === true,
    deleted: read.raw("deleted") === true,
    source: read.text("source") as RollupSource,
    untilMs: read.ms("until_ms"),
    revision: read.text("revision") as Revision,
  };
}
