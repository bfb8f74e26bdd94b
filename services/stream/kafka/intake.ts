import type { ConsumedBatch, ConsumedRecord } from "#adapters/kafka/records.ts";
import { candleEventFrom } from "#core/event/candle_event.ts";
import { postgresCandleEventFrom } from "#core/event/postgres_candle_event.ts";
import type { TickerEvent } from "#core/event/ticker_event.ts";
import { Failure, shown } from "#core/failure.ts";
import { decodeMark, type Mark } from "#core/mark.ts";
import { market } from "#core/market.ts";
import { Plausibility } from "#core/plausible.ts";
import { HEADERS, KIND_MARK, TOPICS } from "#core/topics.ts";
import { readListing } from "#core/upbit/listing.ts";
import type { LiveEvent } from "../live_event.ts";
import type { Board } from "../state/board.ts";
import { BEHIND_RECORDS_MIN, catchUp } from "./catch_up.ts";
import { candleOf, parseElement, tickerOf } from "./element.ts";
import { Positions } from "./positions.ts";
import type { ReplicaTopic } from "./replica_topics.ts";

export interface IntakeMeter {
  taken(topic: ReplicaTopic, records: number): void;
  stale(topic: ReplicaTopic): void;
  unreadable(topic: ReplicaTopic, code: string): void;
}

export interface IntakePorts {
  readonly board: Board;
  readonly positions: Positions;
  readonly publish: (event: LiveEvent, record: ConsumedRecord) => void;
  readonly meter: IntakeMeter;
  /** Logical name of a topic on the broker. */
  readonly logical: (topic: string) => ReplicaTopic;
}

/**
 * Takes batches into the board and publishes what is news. What cannot be read is counted and skipped: to keep it for
 * inspection is persist's part.
 */
export class Intake {
  readonly #ports: IntakePorts;
  readonly #plausibility = new Plausibility();

  constructor(ports: IntakePorts) {
    this.#ports = ports;
  }

  take(batch: ConsumedBatch): void {
    const { positions, publish, meter } = this.#ports;
    const topic = this.#ports.logical(batch.topic);
    if (topic === TOPICS.ticker && isBehind(batch)) this.#catchUp(batch);
    for (const record of batch.records) {
      // a fetch that was under way while positions were set may begin earlier
      if (!positions.expects(topic, record.partition, record.offset)) continue;
      const event = this.#read(topic, record);
      positions.passed(topic, record.partition, record.offset);
      if (event !== null) publish(event, record);
    }
    positions.end(topic, batch.partition, batch.highWatermark);
    meter.taken(topic, batch.records.length);
  }

  /** Of tickers that lie far behind the partition's end the newest of each market; the rest is stale before it is read. */
  #catchUp({ partition, records }: ConsumedBatch): void {
    const { board, positions, publish, meter } = this.#ports;
    const unread = records.filter(({ offset }) =>
      positions.expects(TOPICS.ticker, partition, offset)
    );
    const skipped = catchUp(unread, (record) => {
      const event = this.#readTicker(record);
      if (event === null) return null;
      const live = board.takeTicker(event);
      if (live === null) meter.stale(TOPICS.ticker);
      else publish(live, record);
      return event.timestampMs;
    });
    for (let count = 0; count < skipped; count++) meter.stale(TOPICS.ticker);
    positions.passed(TOPICS.ticker, partition, records.at(-1)!.offset);
  }

  /** Null for a tombstone too: nothing is shown older than it was. */
  #readTicker(record: ConsumedRecord): TickerEvent | null {
    if (record.value === null) return null;
    try {
      return tickerOf(record);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#ports.meter.unreadable(TOPICS.ticker, error.code);
      return null;
    }
  }

  #read(topic: ReplicaTopic, record: ConsumedRecord): LiveEvent | null {
    try {
      switch (topic) {
        case TOPICS.secondCandle:
          return record.headers[HEADERS.kind] === KIND_MARK
            ? this.#takeMark(record)
            : this.#takeCandle(record);
        case TOPICS.ticker:
          return this.#takeTicker(record);
        case TOPICS.listing:
          this.#takeListing(record);
          return null;
        case TOPICS.postgresCandle:
          return this.#takeStored(record);
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#ports.meter.unreadable(topic, error.code);
      return null;
    }
  }

  #takeMark(record: ConsumedRecord): LiveEvent | null {
    const mark: Mark = decodeMark(record.value?.toString() ?? "");
    // every record received later is behind the mark
    this.#ports.board.ring(record.partition).beginsAt(mark.writtenAtMs);
    return this.#ports.board.takeMark(mark, record.partition);
  }

  #takeCandle(record: ConsumedRecord): LiveEvent | null {
    const event = candleOf(record, this.#plausibility);
    // only where nothing stronger was said; a record of the same millisecond may lie before the first one
    const ring = this.#ports.board.ring(record.partition);
    if (ring.sinceMs === null) ring.beginsAt(event.receivedAtMs + 1);
    const live = this.#ports.board.takeCandle(event, record.partition, record.offset);
    if (live === null) this.#ports.meter.stale(TOPICS.secondCandle);
    return live;
  }

  #takeTicker(record: ConsumedRecord): LiveEvent | null {
    const event = this.#readTicker(record);
    if (event === null) return null;
    const live = this.#ports.board.takeTicker(event);
    if (live === null) this.#ports.meter.stale(TOPICS.ticker);
    return live;
  }

  /** A roll-up, or a second that an answer of the exchange filled or corrected. */
  #takeStored(record: ConsumedRecord): LiveEvent | null {
    const { partition, offset, timestampMs } = record;
    const element = parseElement(record.value?.toString() ?? "");
    const event = element["interval"] === "1s"
      ? candleEventFrom(element)
      : postgresCandleEventFrom(element);
    if (record.key !== event.market) {
      throw new Failure("key_mismatch", `${shown(record.key)} is the key of ${event.market}`);
    }
    const live = "receivedAtMs" in event
      ? this.#ports.board.takeStoredSecond(event, partition)
      : this.#ports.board.takeRollup(event, partition, offset, timestampMs);
    if (live === null) this.#ports.meter.stale(TOPICS.postgresCandle);
    return live;
  }

  #takeListing(record: ConsumedRecord): void {
    const key = market(record.key ?? "");
    if (record.value === null) return this.#ports.board.takeListing(key, null);
    this.#ports.board.takeListing(key, readListing(parseElement(record.value.toString())));
  }
}

function isBehind({ records, highWatermark }: ConsumedBatch): boolean {
  const last = records.at(-1);
  return last !== undefined && highWatermark - last.offset > BEHIND_RECORDS_MIN;
}
