import { createLog } from "#adapters/log.ts";
import type { Database } from "#adapters/postgres.ts";
import { type Redis, redisClient } from "#adapters/redis.ts";
import { decimal } from "#core/decimal.ts";
import { candleEvent } from "#core/event/candle_event.ts";
import { bucketStartMs, type Interval } from "#core/interval.ts";
import { type Market, market } from "#core/market.ts";
import { partitionOf } from "#core/partition.ts";
import { redisKeys } from "#core/redis_keys.ts";
import { type FreshDatabase, freshDatabase } from "../../../sql/testing/fresh_database.ts";
import { clear, drainAt, makeDays } from "../../../sql/testing/history.ts";
import { freshNamespace, testServers } from "../../../tests/servers.ts";
import { until } from "../../../tests/until.ts";
import { History as Store } from "../../persist/history.ts";
import { Ranges } from "../../persist/ranges.ts";
import { relayOnce } from "../../persist/relay.ts";
import { SecondDays } from "../../persist/second_days.ts";
import { type CutProxy, cutProxy } from "../../persist/testing/cut_proxy.ts";
import { mergeWork, NO_WORK, type Work } from "../../persist/work.ts";
import type { Bypass } from "../history/cached_pages.ts";
import { History } from "../history/history.ts";
import { historyCache } from "../history/history_cache.ts";
import type { RangeStore } from "../history/range_store.ts";
import { type ReadPage, readPage } from "./pages.ts";

export const BTC: Market = market("KRW-BTC");

export interface WorldSecond {
  /** Seconds after the world's start. */
  readonly at: number;
  readonly price?: string;
  readonly volume?: string;
  /** Of the last tick, ms after the start of the second: tells the revision. */
  readonly tickMs?: number;
  readonly market?: Market;
}

/**
 * Persist's and stream's halves of candle requests on real servers, without Kafka between them: each step of the way is
 * taken when a test says so. Time is the test's own, and begins now: coverage is judged by the server's clock.
 */
export class HistoryWorld {
  startMs: number = bucketStartMs("1h", Date.now() + 3_600_000);
  readonly keys = redisKeys(freshNamespace());
  readonly proxy: CutProxy;
  /** Past the proxy, and through it for persist and for stream. */
  readonly inspect: Redis;
  readonly writer: Redis;
  readonly reader: Redis;
  readonly owner: Database;
  /** What PostgreSQL alone answers. */
  readonly truth: History;
  readonly answers: (Bypass | null)[] = [];
  readonly fills: boolean[] = [];
  nowMs: number;
  readonly #fresh: FreshDatabase;
  readonly #store: Store;
  readonly #reads: Database;
  readonly #redis: Redis[];
  readonly #stop = new AbortController();
  #ranges: Ranges;
  #persist = new AbortController();
  #running: Promise<void>;
  #offsets = new Map<number, bigint>();
  #tokens = 0;
  #marks = 0;
  history: History;
  store!: RangeStore;

  private constructor(
    fresh: FreshDatabase,
    proxy: CutProxy,
    inspect: Redis,
    writer: Redis,
    reader: Redis,
  ) {
    this.#fresh = fresh;
    this.proxy = proxy;
    this.inspect = inspect;
    this.writer = writer;
    this.reader = reader;
    this.nowMs = this.startMs;
    this.owner = fresh.as("stofka_owner", 3);
    const persist = fresh.as("stofka_persist", 2);
    this.#store = new Store(persist, new SecondDays(persist));
    this.truth = new History(fresh.as("stofka_stream", 2), LIMITS);
    this.#redis = [inspect, writer, reader];
    this.#ranges = this.#newRanges();
    this.#running = this.#ranges.run(this.#persist.signal);
    this.#reads = fresh.as("stofka_stream", 3);
    this.history = this.newHistory();
  }

  static async start(commandTimeoutMs = 10_000, redisUrl?: string): Promise<HistoryWorld> {
    const address = new URL(redisUrl ?? testServers().redis);
    const proxy = await cutProxy(address.hostname, Number(address.port));
    const through = Object.assign(new URL(address), { port: String(proxy.port) }).href;
    const log = createLog("test", "error");
    const clients = [address.href, through, through].map((url, at) =>
      redisClient({ url, connectionName: "test", commandTimeoutMs, gathered: at === 2 }, log)
    );
    await Promise.all(clients.map((one) => new Promise((resolve) => one.once("ready", resolve))));
    const [inspect, writer, reader] = clients as [Redis, Redis, Redis];
    const world = new HistoryWorld(await freshDatabase(), proxy, inspect, writer, reader);
    const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
    await makeDays(world.owner, [0, 1].map((days) => day(world.startMs + days * 86_400_000)));
    return world;
  }

  /** Another replica: nothing held, nothing shown. */
  newHistory(database: Database = this.#reads): History {
    const cache = historyCache({
      redis: this.reader,
      keys: this.keys,
      now: () => this.nowMs,
      monotonicMs: () => performance.now(),
      chance: () => 0.5,
      token: this.#token,
      failed: () => {},
    }, {
      answered: (_, why) => this.answers.push(why),
      filled: (filled) => this.fills.push(filled),
    });
    this.store = cache.store;
    return new History(database, LIMITS, cache);
  }

  database(connectionsMax = 3): Database {
    return this.#fresh.as("stofka_stream", connectionsMax);
  }

  /** Persist dies and comes back: what it had not written into Redis is forgotten. */
  async restartPersist(): Promise<void> {
    this.#offsets.clear();
    this.#persist.abort();
    await this.#running;
    this.#persist = new AbortController();
    this.#ranges = this.#newRanges();
    this.#running = this.#ranges.run(this.#persist.signal);
  }

  /** Stores seconds in PostgreSQL; Redis is told by what is returned. */
  async storeSeconds(...seconds: readonly WorldSecond[]): Promise<() => void> {
    const work = {
      ...NO_WORK,
      seconds: seconds.map((second) => {
        const { price = "100.5", volume = "0.00000001", market = BTC, tickMs = 800 } = second;
        const startsAtMs = this.startMs + second.at * 1_000;
        return {
          event: candleEvent(
            {
              market,
              interval: "1s",
              startsAtMs,
              open: decimal(price),
              high: decimal(price),
              low: decimal(price),
              close: decimal(price),
              volume: decimal(volume),
              turnover: decimal("104890599315.22821"),
              lastTickAtMs: startsAtMs + tickMs,
            },
            startsAtMs + tickMs + 10,
            "websocket",
          ),
          record: this.#record(market),
        };
      }),
    };
    return await this.#storeWork(work);
  }

  /** A mark: everything up to now was seen. */
  async storeMark(sinceMs: number = this.startMs - 600_000, ended = false): Promise<() => void> {
    // later than any before, also when the clock stands
    const writtenAtMs = this.nowMs + ++this.#marks % 1_000;
    const work = {
      ...NO_WORK,
      marks: [{
        mark: {
          writtenAtMs,
          link: "up" as const,
          cause: "started" as const,
          session: {
            id: `s${sinceMs}`,
            markets: [BTC],
            sinceMs,
            untilMs: Math.max(sinceMs, this.nowMs),
            ended,
          },
        },
        record: this.#record(BTC),
      }],
    };
    return await this.#storeWork(work);
  }

  async #storeWork(work: Work): Promise<() => void> {
    const ranges = this.#ranges;
    for (const { record } of [...work.seconds, ...work.marks]) {
      ranges.read({ ...record, records: [record], highWatermark: record.offset });
    }
    await this.#store.store(mergeWork([work]));
    return () => {
      if (ranges === this.#ranges) ranges.put(work);
    };
  }

  async drain(): Promise<void> {
    await drainAt(this.owner, new Date(this.nowMs).toISOString());
  }

  /** One round of the relay; Redis is told by what is returned. */
  async relay(): Promise<() => void> {
    const tell: (() => void)[] = [];
    const ranges = this.#ranges;
    await relayOnce({
      database: this.owner,
      producer: { send: () => Promise.resolve() },
      namespace: freshNamespace(),
      chance: () => 0,
      onSent: (events, from, to) => tell.push(() => ranges.relayed(events, from, to)),
      onAway: () => {},
    }, this.#stop.signal);
    return () => {
      if (ranges === this.#ranges) { for (const one of tell) one(); }
    };
  }

  /** Seconds and a mark, as they come when all is well. */
  async trade(...seconds: readonly WorldSecond[]): Promise<void> {
    (await this.storeSeconds(...seconds))();
    (await this.storeMark())();
    await this.idle();
  }

  /** Folds and relays all there is. */
  async roll(): Promise<void> {
    await this.drain();
    (await this.relay())();
    await this.idle();
  }

  /** Until Redis has all it was told. */
  async idle(): Promise<void> {
    await until("persist's ranges are written", 5_000, () => this.#ranges.idle, { everyMs: 1 });
  }

  async page(interval: Interval, count = 200, history = this.history): Promise<ReadPage> {
    return readPage(await history.page({ market: BTC, interval, toMs: null, count }));
  }

  async truePage(interval: Interval, count = 200): Promise<ReadPage> {
    return await this.page(interval, count, this.truth);
  }

  /** Everything is gone, from both stores. */
  async clear(): Promise<void> {
    await this.idle();
    await clear(this.owner);
    await this.owner`DELETE FROM feed`;
    await this.owner`UPDATE relay_cursor SET timeline = 0, sequence = 0`;
    await this.flush();
    // what persist and stream remember of time only goes on
    this.startMs += 600_000;
    this.nowMs = this.startMs;
    this.history = this.newHistory();
    this.answers.length = 0;
    this.fills.length = 0;
  }

  /** As FLUSHALL does to this namespace: the server is shared with other tests. */
  async flush(): Promise<void> {
    const names = await this.inspect.keys(`${this.keys.feed.slice(0, -4)}*`);
    if (names.length > 0) await this.inspect.del(...names);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#persist.abort();
    await this.#running;
    await this.flush().catch(() => {});
    for (const redis of this.#redis) redis.disconnect();
    await this.proxy.close();
    await this.#fresh.drop();
  }

  readonly #token = (): string => `t${(this.#tokens++).toString(36)}`;

  #newRanges(): Ranges {
    return new Ranges({
      redis: this.writer,
      keys: this.keys,
      chance: () => 0,
      token: this.#token,
      observe: { wrote: () => {}, ended: () => {} },
    });
  }

  #record(market: Market) {
    const partition = partitionOf(market);
    const offset = this.#offsets.get(partition) ?? BigInt(this.#tokens++) * 1_000n;
    this.#offsets.set(partition, offset + 1n);
    return {
      topic: "market_candle_1s",
      partition,
      offset,
      timestampMs: 0,
      key: market,
      value: null,
      headers: {},
    };
  }
}

const LIMITS = { answerMsMax: 20_000, requestsMax: 1_000 };
