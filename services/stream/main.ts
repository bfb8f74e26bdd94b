import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers";
import { buildInfo } from "#adapters/build_info.ts";
import { opsServer } from "#adapters/ops_server.ts";
import { postgresClient } from "#adapters/postgres.ts";
import { redisClient } from "#adapters/redis.ts";
import { runService } from "#adapters/service.ts";
import { PARTITIONS } from "#core/topics.ts";
import { redisKeys } from "#core/redis_keys.ts";
import { topicName } from "#core/namespace.ts";
import { readStreamSettings } from "./config.ts";
import { Compare } from "./compare/compare.ts";
import { Gaps } from "./gaps/gaps.ts";
import { History } from "./history/history.ts";
import { historyCache } from "./history/history_cache.ts";
import { candleMeter } from "./history/range_metrics.ts";
import { LOOPBACK_HOSTS } from "./http/allowed_hosts.ts";
import { apiRoutes } from "./http/api.ts";
import { httpServer } from "./http/server.ts";
import { StaticFiles } from "./http/static_files.ts";
import { Intake } from "./kafka/intake.ts";
import { REPLICA_TOPICS } from "./kafka/replica_topics.ts";
import { Positions } from "./kafka/positions.ts";
import { readSnapshot } from "./kafka/redis_snapshot.ts";
import { Replica } from "./kafka/replica.ts";
import { streamMetrics, watchState } from "./metrics.ts";
import { Parity } from "./parity/parity.ts";
import { Hub } from "./sse/hub.ts";
import { tailFrame } from "./sse/tail.ts";
import { Board } from "./state/board.ts";
import { publicPort, sweeper } from "./stream.ts";
import { Trace } from "./trace.ts";

const ANSWER_MS_MAX = 3_000;
/** What Redis has not answered by then PostgreSQL is asked, ms. */
const REDIS_MS_MAX = 100;
/** A replica further behind than this is not ready: about ten seconds of the exchange's real load. */
const LAG_MAX = 3_000;

await runService("stream", async ({ log, registry, environment }) => {
  const settings = readStreamSettings(environment);
  const files = settings.webRoot === "" ? null : await StaticFiles.read(settings.webRoot);
  const { namespace } = settings;
  const now = (): number => Date.now();
  const chance = (): number => Math.random();
  const startedAtMs = now();
  const { version, runtime } = buildInfo();

  const metrics = streamMetrics(registry);
  const trace = new Trace(log);
  const board = new Board({ tailRowsMax: settings.tailRowsMax, partitions: PARTITIONS });
  const positions = new Positions();
  const hub = new Hub({
    clientsMax: settings.clientsMax,
    clientsPerAddressMax: settings.clientsPerAddressMax,
    unsentBytesMax: settings.unsentBytesMax,
    behindMsMax: settings.behindMsMax,
    mailboxEntriesMax: 50_000,
    tailBytesMax: 64 * 1024 * 1024,
    tickMsMin: 5,
    tickMsMax: 250,
    heartbeatMs: 10_000,
  }, {
    now,
    monotonicMs: () => performance.now(),
    later: (run, waitMs) => {
      if (waitMs <= 0) setImmediate(run);
      else setTimeout(run, waitMs);
    },
    chance,
    meter: metrics.hub,
    written: (event) => trace.sent(event),
    tail: (wanted) => tailFrame(board, settings.exchange, wanted),
  });
  const logical = new Map(REPLICA_TOPICS.map((topic) => [topicName(namespace, topic), topic]));
  const replica = new Replica({
    namespace,
    kafka: { brokers: settings.kafkaBrokers, clientId: "stofka-stream" },
    readSnapshot: () => readSnapshot(settings.redisUrl, redisKeys(namespace), log),
    board,
    positions,
    intake: new Intake({
      board,
      positions,
      publish: (event, record) => {
        trace.published(event, record);
        hub.publish(event);
      },
      meter: metrics.intake,
      logical: (topic) => logical.get(topic)!,
    }),
    recordsMax: Math.ceil(settings.tailRowsMax / PARTITIONS) * 2,
    now,
    chance,
    loaded: () => hub.open(),
    log,
  });
  const database = postgresClient({
    url: settings.postgresUrl,
    applicationName: "stofka stream",
    connectionsMax: 8,
    statementTimeoutMs: ANSWER_MS_MAX,
  });
  const redis = redisClient({
    url: settings.redisUrl,
    connectionName: "stofka-stream-ranges",
    commandTimeoutMs: REDIS_MS_MAX,
    gathered: true,
  }, log);
  const limits = { answerMsMax: ANSWER_MS_MAX + 500, requestsMax: 256 };
  const history = new History(
    database,
    limits,
    historyCache({
      redis,
      keys: redisKeys(namespace),
      now,
      monotonicMs: () => performance.now(),
      chance,
      token: () => randomBytes(6).toString("hex"),
      failed: (reason) =>
        log.warn({ event: "redis_away", reason }, "candle requests ask PostgreSQL for a second"),
    }, candleMeter(registry)),
  );
  let stopping = false;
  const unready = (): readonly string[] => stopping ? ["stopping"] : replica.unready(LAG_MAX);
  watchState(registry, { hub, board, positions, now });

  const server = httpServer({
    routes: apiRoutes({
      exchange: settings.exchange,
      namespace,
      board,
      hub,
      positions,
      history,
      gaps: new Gaps(database),
      parity: new Parity(database),
      compare: new Compare(database),
      unready,
      versions: { stofka: version, runtime },
      startedAtMs,
      now,
      chance,
      refused: metrics.refused,
    }),
    files: files === null ? null : ({ path, header }) => files.answer(path, header),
    allowedHosts: new Set([
      ...LOOPBACK_HOSTS,
      settings.httpHost.toLowerCase(),
      ...settings.httpAllowedHosts.toLowerCase().split(",").map((host) => host.trim()),
    ]),
    proxyTrusted: settings.httpProxyTrusted === "true",
    connectionsMax: settings.clientsMax + 512,
    measure: metrics.request,
    log,
  });

  return [
    {
      name: "stop mark",
      run: (signal) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            stopping = true;
            resolve();
          }, { once: true });
        }),
    },
    opsServer({
      host: settings.opsHost,
      port: settings.opsPort,
      registry,
      ready: unready,
      log,
    }),
    publicPort({ server, hub, host: settings.httpHost, port: settings.httpPort, log }),
    replica,
    sweeper(hub, () => board.linkEvent()),
    {
      name: "database pool",
      run: async (signal) => {
        await new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
        redis.disconnect();
        await database.end({ timeout: 1 });
      },
    },
  ];
});
