import { Registry } from "prom-client";
import { pino } from "pino";
import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import { decodeMark, type Mark } from "#core/mark.ts";
import type { Market } from "#core/market.ts";
import type { Namespace } from "#core/namespace.ts";
import { until } from "../../../tests/until.ts";
import { clock } from "../clock.ts";
import { collect } from "../collect.ts";
import { Collector } from "../collector.ts";
import { openExchangeSocket } from "../exchange_socket.ts";
import { frameIds } from "../frame_id.ts";
import { collectorGauges } from "../gauges.ts";
import type { LinkLimits } from "../link.ts";
import { type IngestGauges, ingestMetrics } from "../metrics.ts";
import { Outbox, type Sender } from "../outbox.ts";
import type { OutboxLimits } from "../outbox_queue.ts";
import { RecordMaker } from "../records.ts";

export interface LiveIngestOptions {
  readonly wsUrl: string;
  readonly restUrl: string;
  readonly namespace: Namespace;
  readonly sender: Sender;
  readonly limits?: Partial<OutboxLimits>;
  readonly link?: Partial<LinkLimits>;
  readonly published?: (signal: AbortSignal) => Promise<ReadonlyMap<string, string> | null>;
}

/** All of ingest but its process, with a sender of the test's. */
export class LiveIngest {
  readonly collector: Collector;
  readonly outbox: Outbox;
  readonly gauges: IngestGauges;
  readonly registry = new Registry();
  /** Lines of the log. */
  readonly lines: Record<string, unknown>[] = [];
  /** When it dialed the exchange, ms of a clock that nobody sets. A busy exchange answers later, and closer together. */
  readonly dialedAtMs: number[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: LiveIngestOptions) {
    const time = clock(Date.now, () => performance.now());
    const metrics = ingestMetrics(this.registry);
    const log = pino({ level: "info" }, {
      write: (line: string) => void this.lines.push(JSON.parse(line)),
    });
    const outbox = this.outbox = new Outbox({
      sender: options.sender,
      limits: {
        recordsMax: 60_000,
        bytesMax: 64 * 1024 * 1024,
        marksMax: 1_000,
        batchRecordsMax: 2_000,
        batchBytesMax: 512 * 1024,
        ...options.limits,
      },
      steadyMs: time.steadyMs,
    });
    let tickets = 0;
    const collector = this.collector = new Collector({
      clock: time,
      outbox,
      records: new RecordMaker(options.namespace, "websocket"),
      metrics,
      log,
      newTicket: () => `ticket-${++tickets}`,
      nextFrameId: frameIds("t"),
    });
    this.gauges = collectorGauges(collector, outbox.queue, time);
    this.#running = collect({
      collector,
      outbox,
      link: {
        url: options.wsUrl,
        open: (...to) => {
          this.dialedAtMs.push(time.steadyMs());
          return openExchangeSocket(...to);
        },
        clock: time,
        chance: Math.random,
        limits: options.link ?? {},
      },
      restUrl: options.restUrl,
      markets: () => true,
      marketListEveryMs: 400,
      published: options.published ?? (() => Promise.resolve(null)),
      clock: time,
      chance: Math.random,
      metrics,
      log,
    }, this.#stop.signal);
  }

  events(name: string): readonly Record<string, unknown>[] {
    return this.lines.filter(({ event }) => event === name);
  }

  /** Waits until it holds. @throws Error with the newest lines of the log */
  until(what: string, holds: () => boolean, msMax = 15_000): Promise<void> {
    const told = () => this.lines.slice(-15).map((line) => JSON.stringify(line)).join("\n");
    return until(what, msMax, holds, { everyMs: 20, told });
  }

  get covered(): readonly Market[] {
    return this.collector.coverage.session?.marketsByPartition.flat() ?? [];
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

/** Marks among the records, in order. */
export function marksOf(records: readonly ProducerRecord[]): readonly Mark[] {
  return records.filter(({ headers }) => headers["kind"] === "mark").map(({ value }) =>
    decodeMark(String(value))
  );
}
