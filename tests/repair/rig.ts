import { pino } from "pino";
import { Registry } from "prom-client";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import type { Database } from "#adapters/postgres.ts";
import { runWorkers } from "#core/lifecycle.ts";
import type { Market } from "#core/market.ts";
import type { Namespace } from "#core/namespace.ts";
import { TOPIC_PLANS } from "#core/topics.ts";
import { repairWorker } from "../../services/ingest/repair/start_repair.ts";
import { answerWorkers } from "../../services/persist/answers/answer_workers.ts";
import type { Work } from "../../services/persist/work.ts";
import { type FreshDatabase, freshDatabase } from "../../sql/testing/fresh_database.ts";
import { freshNamespace, testServers } from "../servers.ts";

/** A service of the rig that runs until it is ended. */
export interface Running {
  readonly registry: Registry;
  /** Lines of its log. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  stop(): Promise<void>;
}

/** Repair as it is, real servers around it, and the exchange's time instead of the machine's. */
export class Rig {
  readonly namespace: Namespace = freshNamespace();
  readonly fresh: FreshDatabase;
  readonly sql: Database;
  /** What persist handed to Redis. */
  readonly put: Work[] = [];
  readonly #aheadMs: number;
  readonly #running = new Set<Running>();

  private constructor(fresh: FreshDatabase, aheadMs: number) {
    this.fresh = fresh;
    this.sql = fresh.as("stofka_owner", 3);
    this.#aheadMs = aheadMs;
  }

  /** @param nowMs the exchange's time now */
  static async start(nowMs = Date.now()): Promise<Rig> {
    const rig = new Rig(await freshDatabase(), nowMs - Date.now());
    const admin = new KafkaAdmin(
      { brokers: [testServers().kafka], clientId: "stofka-test" },
      pino({ level: "silent" }),
    );
    await admin.connect();
    try {
      await admin.ensureTopics(rig.namespace, TOPIC_PLANS);
    } finally {
      await admin.close();
    }
    return rig;
  }

  nowMs(): number {
    return Date.now() + this.#aheadMs;
  }

  get kafka(): { readonly brokers: readonly string[]; readonly clientId: string } {
    return { brokers: [testServers().kafka], clientId: "stofka-test" };
  }

  postgresUrl(role: string): string {
    const address = new URL(this.fresh.url);
    address.searchParams.set("role", role);
    return address.href;
  }

  repair(options: {
    readonly restUrl: string;
    readonly markets: readonly Market[];
    readonly budget?: number;
    readonly seenSinceMs?: (market: Market) => number | null;
  }): Running {
    return this.#run((registry, log) => [repairWorker({
      namespace: this.namespace,
      kafka: this.kafka,
      postgresUrl: this.postgresUrl("stofka_repair"),
      restUrl: options.restUrl,
      budget: options.budget ?? 9,
      clock: { nowMs: () => this.nowMs(), steadyMs: () => performance.now() },
      chance: Math.random,
      markets: () => options.markets,
      seenSinceMs: options.seenSinceMs ?? (() => null),
      registry,
      log,
      limits: { roundMs: 2_000, idleMs: 500 },
    })]);
  }

  persist(): Running {
    return this.#run((registry, log) => [...answerWorkers({
      namespace: this.namespace,
      kafka: this.kafka,
      postgresUrl: this.postgresUrl("stofka_persist"),
      latest: {
        put: (work) => {
          this.put.push(work);
          return Promise.resolve();
        },
      },
      nowMs: () => this.nowMs(),
      chance: Math.random,
      registry,
      log,
    })]);
  }

  /** Rounds of the drain at the exchange's time until one folds nothing. */
  async drain(): Promise<void> {
    for (;;) {
      const [row] = await this.sql`
        SELECT folded FROM rollup_round(${
        new Date(this.nowMs()).toISOString()
      }::text::timestamptz, 2000)`;
      if (row!["folded"] === 0) return;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop()));
    await this.fresh.drop();
  }

  #run(
    make: (
      registry: Registry,
      log: pino.Logger,
    ) => readonly { readonly name: string; run(signal: AbortSignal): Promise<void> }[],
  ): Running {
    const registry = new Registry();
    const lines: Record<string, unknown>[] = [];
    const log = pino({ level: "info" }, {
      write: (line: string) => void lines.push(JSON.parse(line)),
    });
    const stop = new AbortController();
    const ended = runWorkers(make(registry, log), stop.signal);
    ended.catch((error: unknown) => lines.push({ event: "failed", error: String(error) }));
    const running: Running = {
      registry,
      lines,
      stop: async () => {
        this.#running.delete(running);
        stop.abort();
        await ended;
      },
    };
    this.#running.add(running);
    return running;
  }
}

/** A counter's or gauge's value, its label values joined by the way. */
export async function metric(
  registry: Registry,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const found = await registry.getSingleMetric(name)?.get();
  return (found?.values ?? [])
    .filter((value) =>
      Object.entries(labels).every(([label, text]) =>
        (value.labels as Record<string, unknown>)[label] === text
      )
    )
    .reduce((sum, { value }) => sum + value, 0);
}
