import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { createLog } from "#adapters/log.ts";
import type { Database } from "#adapters/postgres.ts";
import type { Gap, GapPage } from "#core/gap.ts";
import type { Namespace } from "#core/namespace.ts";
import { TOPIC_PLANS } from "#core/topics.ts";
import { type FreshDatabase, freshDatabase } from "../../sql/testing/fresh_database.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";
import { tied } from "../../tests/tied.ts";
import { until } from "../../tests/until.ts";
import { Exchange } from "../../tests/whole/exchange.ts";
import { listedMarkets } from "../../tests/whole/seconds.ts";
import { gapsFrom } from "../../web/net/gaps_from.ts";
import { StreamProcess } from "../stream/testing/stream_process.ts";

type Settings = Readonly<Record<string, string>>;

export interface GapStackOptions {
  /** Of a broker that the test may kill; otherwise the one that all tests share. */
  readonly kafka?: string;
  readonly ingest?: Settings;
}

/** What a cause needs to come about and to be told: the simulated exchange, ingest, persist and stream as processes. */
export class GapStack {
  readonly exchange: Exchange;
  readonly markets: readonly string[];
  readonly owner: Database;
  readonly #namespace: Namespace;
  readonly #options: GapStackOptions;
  readonly #admin: KafkaAdmin;
  readonly #database: FreshDatabase;
  readonly #children = new Set<ChildProcess>();
  #stream: StreamProcess | null = null;
  #output = "";

  private constructor(
    options: GapStackOptions,
    own: {
      readonly namespace: Namespace;
      readonly admin: KafkaAdmin;
      readonly database: FreshDatabase;
      readonly exchange: Exchange;
      readonly markets: readonly string[];
    },
  ) {
    this.#options = options;
    this.#namespace = own.namespace;
    this.#admin = own.admin;
    this.#database = own.database;
    this.exchange = own.exchange;
    this.markets = own.markets;
    this.owner = own.database.as("stofka_owner");
  }

  /** With persist and stream; an ingest is the test's to begin. Nothing is repaired. */
  static async start(options: GapStackOptions = {}): Promise<GapStack> {
    const namespace = freshNamespace();
    const brokers = [options.kafka ?? testServers().kafka];
    const admin = new KafkaAdmin({ brokers, clientId: "test" }, createLog("test", "error"));
    await admin.connect();
    await admin.ensureTopics(namespace, TOPIC_PLANS);
    const database = await freshDatabase();
    const exchange = await Exchange.start(["--markets", "8", "--rate", "40", "--seed", "7"]);
    const markets = await listedMarkets(exchange.rest);
    const stack = new GapStack(options, { namespace, admin, database, exchange, markets });
    stack.#start("persist", { ...stack.#history("stofka_persist"), SECONDS_KEPT_DAYS: "0" });
    stack.#stream = await StreamProcess.start("node", {
      ...stack.#common(),
      ...stack.#history("stofka_stream"),
      EXCHANGE_KIND: "simulator",
    });
    return stack;
  }

  /** What the services have written. */
  get output(): string {
    return this.#output;
  }

  ingest(): ChildProcess {
    return this.#start("ingest", {
      EXCHANGE_KIND: "simulator",
      EXCHANGE_WS_URL: this.exchange.ws,
      EXCHANGE_REST_URL: this.exchange.rest,
      ...this.#options.ingest,
    });
  }

  async end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    this.#children.delete(child);
    if (child.exitCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  /** A session of all markets, begun after a time, that runs for longer than the 5 s at both ends: a shorter one covers nothing. */
  collecting(sinceMs: number, what: string): Promise<void> {
    return this.#until(`${what}: a session that covers`, 90_000, async () => {
      const [row] = await this.owner`
        SELECT coalesce(sum(cardinality(markets)), 0)::int AS markets FROM coverage_session
        WHERE NOT ended AND since >= ${new Date(sinceMs).toISOString()}::text::timestamptz
          AND until > since + interval '12 s'`;
      return row!["markets"] === this.markets.length;
    });
  }

  /** What `GET /api/gaps` answers, as the page reads it. */
  async page(query: Settings = {}): Promise<GapPage> {
    const answer = await fetch(`${this.#stream!.url}/api/gaps?${new URLSearchParams(query)}`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`GET /api/gaps: ${answer.status} ${text}`);
    return gapsFrom(JSON.parse(text));
  }

  /** Waits until the newest gap is provisional and of this cause. */
  async provisional(cause: Gap["cause"], limitMs: number): Promise<Gap> {
    let told: readonly Gap[] = [];
    const newest = () => told[0];
    await this.#until(`a provisional gap, ${cause}`, limitMs, async () => {
      ({ gaps: told } = await this.page());
      return newest()?.provisional === true && newest()?.cause === cause;
    }, () => JSON.stringify(told));
    return newest()!;
  }

  /** Waits until all markets' gaps have an end. */
  async settled(untilMs: number): Promise<readonly Gap[]> {
    let page: GapPage | null = null;
    await this.#until("no gap is provisional", 30_000, async () => {
      page = await this.page();
      return page.knownUntilMs! >= untilMs && !page.gaps.some(({ provisional }) => provisional);
    }, () => JSON.stringify(page));
    return page!.gaps;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.end(child, "SIGTERM")));
    await this.#stream?.stop();
    await this.exchange.stop();
    await this.#database.drop();
    await this.#admin.deleteTopics(this.#namespace, TOPIC_PLANS);
    await this.#admin.close();
  }

  #until(
    what: string,
    limitMs: number,
    holds: () => Promise<boolean>,
    told = () => this.#output,
  ): Promise<void> {
    return until(what, limitMs, holds, { everyMs: 300, told });
  }

  #common(): Settings {
    return {
      NAMESPACE: this.#namespace,
      KAFKA_BROKERS: this.#options.kafka ?? testServers().kafka,
      LOG_LEVEL: "error",
    };
  }

  #history(role: string): Settings {
    const address = new URL(this.#database.url);
    address.searchParams.set("role", role);
    return { POSTGRES_URL: address.href, REDIS_URL: testServers().redis };
  }

  #start(service: "ingest" | "persist", more: Settings): ChildProcess {
    const main = new URL(`../${service}/main.ts`, import.meta.url).pathname;
    const child = tied(spawn(process.execPath, [main], {
      env: { ...this.#common(), OPS_PORT: "0", ...more },
      stdio: ["ignore", "pipe", "inherit"],
    }));
    child.stdout!.setEncoding("utf8").on("data", (text: string) => this.#output += text);
    this.#children.add(child);
    return child;
  }
}
