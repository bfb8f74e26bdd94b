import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import { wholeNumber } from "#core/whole_number.ts";

/** A batch that ends so many records before its partition's end is read for its newest tickers alone. */
export const BEHIND_RECORDS_MIN = 1_000;

/**
 * The records of a batch of tickers in the order in which the fewest are decoded: from the last to the first, without those
 * whose timestamp shows at a glance that a newer one of the market was read. The last of a market is nearly always the
 * newest, so of hours of tickers one a market and batch is decoded; the rest costs a search in its text.
 *
 * A glance decides only against a record, and only by the first part of its revision; what cannot be seen at a glance is read.
 *
 * @param take reads the record: the timestamp of its ticker, ms; null when it cannot be read
 * @returns how many records were not read
 */
export function catchUp(
  records: readonly ConsumedRecord[],
  take: (record: ConsumedRecord) => number | null,
): number {
  const newestMs = new Map<string | null, number>();
  let skipped = 0;
  for (let at = records.length - 1; at >= 0; at--) {
    const record = records[at]!;
    const heldMs = newestMs.get(record.key);
    if (heldMs !== undefined && glanceMs(record) < heldMs) {
      skipped++;
      continue;
    }
    const readMs = take(record);
    if (readMs !== null && (heldMs === undefined || readMs > heldMs)) {
      newestMs.set(record.key, readMs);
    }
  }
  return skipped;
}

const TIMESTAMP = '"timestamp":';

/** The timestamp as it stands in the element's text; NaN where none is seen. */
function glanceMs({ value }: ConsumedRecord): number {
  const text = value?.toString("latin1") ?? "";
  const at = text.lastIndexOf(TIMESTAMP);
  if (at < 0) return NaN;
  const from = at + TIMESTAMP.length;
  const comma = text.indexOf(",", from);
  return wholeNumber(text.slice(from, comma < 0 ? text.length - 1 : comma), 14);
}
