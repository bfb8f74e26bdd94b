import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import type { Log } from "#adapters/log.ts";
import { HEADERS } from "#core/topics.ts";
import type { LiveEvent } from "./live_event.ts";

/** Follows each frame at level `debug`: from its record to the write that sent its event. Otherwise it costs nothing. */
export class Trace {
  readonly #log: Log;
  readonly #frames = new WeakMap<LiveEvent, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  published(event: LiveEvent, record: ConsumedRecord): void {
    const frame = record.headers[HEADERS.frame];
    if (frame === undefined || !this.#log.isLevelEnabled("debug")) return;
    this.#frames.set(event, frame);
    const { name, market } = event;
    this.#log.debug({ event: "frame_published", frame, name, market }, "news for readers");
  }

  sent(event: LiveEvent): void {
    const frame = this.#frames.get(event);
    if (frame === undefined) return;
    const { name, market } = event;
    this.#log.debug({ event: "frame_sent", frame, name, market }, "written to its readers");
  }
}
