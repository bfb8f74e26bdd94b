import type { Log } from "#adapters/log.ts";
import { reason } from "#core/failure.ts";
import { runWorkers, sleep } from "#core/lifecycle.ts";
import { isMarket, type Market } from "#core/market.ts";
import type { Clock } from "./clock.ts";
import type { Collector } from "./collector.ts";
import { type LinkOptions, runLink } from "./link.ts";
import { fetchMarketList, readMarketList } from "./market_list.ts";
import type { IngestMetrics } from "./metrics.ts";
import type { Outbox } from "./outbox.ts";

export interface CollectOptions {
  readonly collector: Collector;
  readonly outbox: Outbox;
  readonly link: LinkOptions;
  readonly restUrl: string;
  readonly markets: (market: Market) => boolean;
  readonly marketListEveryMs: number;
  /** What the listing topic holds, as soon as Kafka is there; null when the signal aborts first. */
  readonly published: (signal: AbortSignal) => Promise<ReadonlyMap<string, string> | null>;
  readonly clock: Clock;
  readonly chance: () => number;
  readonly metrics: IngestMetrics;
  readonly log: Log;
}

/** After a stop, Kafka may take this long for what is still to be said. */
const FLUSH_MS_MAX = 3_000;

/** From the exchange's socket to Kafka, until the signal aborts: then the last marks, and what waits is sent. */
export async function collect(options: CollectOptions, signal: AbortSignal): Promise<void> {
  const { collector, outbox, log } = options;
  const giveUp = new AbortController();
  const sending = outbox.run(giveUp.signal);
  try {
    await runWorkers([
      {
        name: "link",
        run: (signal) => runLink(options.link, (event) => collector.handle(event), signal),
      },
      { name: "market list", run: (signal) => watchMarkets(options, signal) },
      { name: "listing topic", run: (signal) => readPublished(options, signal) },
      {
        name: "seconds",
        run: (signal) => eachSecond(options.clock, () => collector.tick(), signal),
      },
      { name: "outbox", run: (signal) => Promise.race([sending.then(() => {}), abort(signal)]) },
    ], signal);
  } finally {
    collector.stop();
    outbox.close();
    const timer = setTimeout(() => giveUp.abort(), FLUSH_MS_MAX);
    const unsent = await sending;
    clearTimeout(timer);
    if (unsent > 0) {
      log.error(
        { event: "outbox_unsent", records: unsent },
        "not sent to Kafka: they become a gap",
      );
    }
  }
}

/** Once, beside the collection: markets that were delisted while nobody looked get their tombstone. */
async function readPublished(
  { collector, published, log }: CollectOptions,
  signal: AbortSignal,
): Promise<void> {
  const entries = await published(signal);
  if (entries !== null) {
    log.info({ event: "listings_found", markets: entries.size }, "listing topic read");
    const markets = [...entries].filter((entry): entry is [Market, string] => isMarket(entry[0]));
    collector.setPublished(new Map(markets));
  }
  await abort(signal);
}

const RETRY_MS = 2_000;

/** Looks at the exchange's market list again and again; a failed look changes nothing. */
async function watchMarkets(options: CollectOptions, signal: AbortSignal): Promise<void> {
  const { collector, restUrl, markets, marketListEveryMs, chance, metrics, log } = options;
  let known = false;
  while (!signal.aborted) {
    try {
      const listed = readMarketList(await fetchMarketList(restUrl, signal), markets);
      const { list, unreadable } = listed;
      if (unreadable.length > 0) {
        log.warn(
          { event: "listing_invalid", entries: unreadable.slice(0, 5) },
          "odd market entries",
        );
      }
      metrics.listings.inc({ result: "ok" });
      if (list.size > 0) known = true;
      else log.warn({ event: "markets_empty" }, "MARKETS chooses none of the exchange's markets");
      collector.setMarkets(listed);
    } catch (error) {
      if (signal.aborted) return;
      metrics.listings.inc({ result: "failed" });
      log.warn({ event: "market_list_failed", reason: reason(error) }, "no market list");
    }
    const everyMs = known ? marketListEveryMs : RETRY_MS;
    await sleep(everyMs * (0.9 + 0.2 * chance()), signal);
  }
}

/** The candles of a second arrive just after its end: a mark soon after them says most. */
const TICK_OFFSET_MS = 250;

async function eachSecond(clock: Clock, tick: () => void, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(1_000 - ((clock.nowMs() - TICK_OFFSET_MS) % 1_000), signal);
    if (signal.aborted) return;
    tick();
  }
}

function abort(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
