import { connect } from "node:net";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { kafkaReady } from "../dev/stack/kafka_broker.ts";
import { until } from "../tests/until.ts";
import { Exchange } from "../tests/whole/exchange.ts";
import { Stack } from "../tests/whole/stack.ts";
import { machine, metric, residentMb, wantsHelp } from "./product.ts";

wantsHelp(
  `How soon the whole product goes on after what it lives of was away: 289 KRW markets of the simulated exchange, which is a
process apart. Each time counts from when the other side takes connections again.

  --only LIST    some of kafka, postgres, link, gap, kafka_away (default kafka,postgres,link,gap)
                   kafka       killed; until ingest has its first acknowledgement
                   postgres    killed; until a second that came since is committed
                   link        cut and refused for --refused seconds; until the first frame
                   gap         the same for --gap seconds; until every market's coverage is whole again
                   kafka_away  kept away for --away minutes; memory of ingest, and until the gap is closed
  --times N      of kafka, postgres and link (default 5)
  --gap-times N  of gap (default 1)
  --refused S    (default 5)
  --gap S        (default 60)
  --away MIN     (default 10)
  --rate N       multiplies the exchange's trading (default 1)
  --budget N     requests a second that repair may make (default 9)
  --settle S     before the first, for the first screens to be on their way (default 10)
  --node         services on Node instead of Deno`,
);

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "kafka,postgres,link,gap" },
    times: { type: "string", default: "5" },
    "gap-times": { type: "string", default: "1" },
    refused: { type: "string", default: "5" },
    gap: { type: "string", default: "60" },
    away: { type: "string", default: "10" },
    rate: { type: "string", default: "1" },
    budget: { type: "string", default: "9" },
    settle: { type: "string", default: "10" },
    node: { type: "boolean", default: false },
  },
});
const times = Number(values.times);
/** How exactly a moment is seen, ms. */
const EVERY_MS = 20;

const exchange = await Exchange.start(["--rate", values.rate]);
let stack: Stack | undefined;
try {
  stack = await Stack.start(values.node ? "node" : "bootstrap", [
    ...["--exchange", exchange.base, "--rest-budget", values.budget],
  ]);
  console.log(`${machine()}; services on ${values.node ? "Node" : "Deno"}`);
  await until(
    "a session",
    30_000,
    () => metric(stack!, "ingest", "stofka_ingest_covered_seconds_total").then((n) => n > 0),
  );
  await sleep(Number(values.settle) * 1_000);
  const runs: Record<string, (stack: Stack) => Promise<void>> = {
    kafka,
    postgres: database,
    link,
    gap,
    kafka_away: kafkaAway,
  };
  for (const name of values.only.split(",")) {
    const run = runs[name];
    if (run === undefined) throw new Error(`--only ${name}: use ${Object.keys(runs).join(", ")}`);
    await run(stack);
  }
} finally {
  for (const wrong of await stack?.stop() ?? []) console.log(`! ${wrong}`);
  await exchange.stop();
}

async function kafka(stack: Stack): Promise<void> {
  const [listening, serving, stored]: number[][] = [[], [], []];
  for (let at = 0; at < times; at++) {
    const port = portOf(stack.file.kafka);
    const killedMs = stack.kill("kafka");
    const goneMs = performance.now();
    await until("it is gone", 5_000, () => refuses(port), { everyMs: 5 });
    const before = await metric(stack, "ingest", "stofka_ingest_kafka_records_total");
    const listensMs = await moment("Kafka listens", () => accepts(port));
    const servesMs = moment("Kafka serves", () => kafkaReady(port));
    const acknowledgedMs = await moment(
      "acknowledged",
      async () => must(await metric(stack, "ingest", "stofka_ingest_kafka_records_total") > before),
    );
    listening!.push(acknowledgedMs - listensMs);
    serving!.push(acknowledgedMs - await servesMs);
    const sql = stack.database;
    const storedMs = await moment(
      "stored",
      async () => must(await newestReceivedMs(sql) > killedMs + 500),
      60_000,
    );
    stored!.push(storedMs - listensMs);
    console.log(`  Kafka was away for ${seconds(listensMs - goneMs)}`);
    await sleep(5_000);
  }
  tell("Kafka listens → first acknowledged record (aim ≤ 3 s)", listening!);
  tell("Kafka serves → first acknowledged record", serving!);
  tell("Kafka listens → a second that came since its end is in PostgreSQL", stored!);
}

async function database(stack: Stack): Promise<void> {
  const writing: number[] = [];
  for (let at = 0; at < times; at++) {
    const url = stack.file.postgres;
    const killedMs = stack.kill("postgres");
    const goneMs = performance.now();
    await until("it is gone", 5_000, () => refuses(portOf(new URL(url).host)), { everyMs: 5 });
    let sql = single(url);
    const servesMs = await moment("PostgreSQL answers", async () => {
      try {
        await sql`SELECT 1`;
      } catch (error) {
        await sql.end({ timeout: 0 });
        sql = single(url);
        throw error;
      }
    });
    const writesMs = await moment(
      "a second that came since is committed",
      async () => must(await newestReceivedMs(sql) > killedMs),
    );
    writing.push(writesMs - servesMs);
    console.log(`  PostgreSQL was away for ${seconds(servesMs - goneMs)}`);
    await sql.end({ timeout: 1 });
    await sleep(5_000);
  }
  tell("PostgreSQL answers → seconds are committed (aim ≤ 3 s)", writing);
}

async function link(stack: Stack): Promise<void> {
  const [framed, covered]: number[][] = [[], []];
  for (let at = 0; at < times; at++) {
    const acceptsMs = await refused(Number(values.refused) * 1_000);
    const before = await frames(stack);
    framed!.push(
      await moment("a frame", async () => must(await frames(stack) > before)) - acceptsMs,
    );
    const session = () => metric(stack, "ingest", "stofka_ingest_session_age_seconds");
    covered!.push(await moment("a session", async () => must(await session() > 0)) - acceptsMs);
    await sleep(5_000);
  }
  tell("The exchange accepts → the first frame (aim ≤ 2 s)", framed!);
  tell("The exchange accepts → the subscription is confirmed", covered!);
  const status = await (await fetch(`${exchange.control}/status`)).json() as {
    connect_times_ms: number[];
  };
  const busiest = Math.max(
    ...status.connect_times_ms.map((from) =>
      status.connect_times_ms.filter((at) => at >= from && at < from + 1_000).length
    ),
  );
  console.log(`  at most ${busiest} connects within a second, of 5 allowed`);
}

async function gap(stack: Stack): Promise<void> {
  const closed: number[] = [];
  for (let at = 0; at < Number(values["gap-times"]); at++) {
    const sinceMs = Date.now();
    const acceptsMs = await refused(Number(values.gap) * 1_000);
    closed.push(await whole(stack, sinceMs, acceptsMs) - acceptsMs);
  }
  tell(`The exchange accepts → ${values.gap} s of all markets are whole (aim ≤ 60 s)`, closed);
}

async function kafkaAway(stack: Stack): Promise<void> {
  const port = portOf(stack.file.kafka);
  const forMs = Number(values.away) * 60_000;
  const of = (name: string) => metric(stack, "ingest", `stofka_ingest_${name}`);
  const [framesBefore, beforeMb] = [await frames(stack), residentMb(stack.pid("ingest")!)];
  const sinceMs = Date.now();
  let mostMb = beforeMb;
  let toldMs = sinceMs;
  for (let pid: number | null = null; Date.now() - sinceMs < forMs; await sleep(100)) {
    // whoever starts it again is outdone
    const now = stack.pid("kafka");
    if (now !== null && now !== pid) {
      pid = now;
      try {
        process.kill(now, "SIGKILL");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
    const mb = residentMb(stack.pid("ingest")!);
    mostMb = Math.max(mostMb, mb);
    if (Date.now() - toldMs >= 30_000) {
      toldMs = Date.now();
      console.log(
        `  ${seconds(Date.now() - sinceMs)}: ingest ${mb} MB, ${await of(
          "outbox_records",
        )} records wait, ${await of("dropped_total")} dropped`,
      );
    }
  }
  const came = await frames(stack) - framesBefore;
  console.log(
    `Kafka away for ${values.away} min: ${came} frames (${
      Math.round(came / forMs * 1_000)
    } a second), ${await of(
      "dropped_total",
    )} dropped; ingest ${beforeMb} MB before, at most ${mostMb} MB`,
  );
  const listensMs = await moment("Kafka listens", () => accepts(port), 60_000);
  const endMs = Date.now();
  const acknowledged = await of("kafka_records_total");
  const acknowledgedMs = await moment(
    "acknowledged",
    async () => must(await of("kafka_records_total") > acknowledged),
    60_000,
  );
  console.log(
    `  first acknowledged record ${seconds(acknowledgedMs - listensMs)} after it listens`,
  );
  const wholeMs = await whole(
    stack,
    sinceMs,
    endMs,
    (causes) => console.log(`  gaps by cause: ${causes}`),
  );
  console.log(`  all markets' coverage is whole ${seconds(wholeMs - listensMs)} after it listens`);
  console.log(`  ingest ${residentMb(stack.pid("ingest")!)} MB then`);
}

/** Cuts the link and lets nobody in for so long. Returns when it accepts again, on the steady clock, ms. */
async function refused(forMs: number): Promise<number> {
  await exchange.fault({ kind: "refuse", for_ms: forMs });
  await exchange.fault({ kind: "idle_close", for_ms: 1, by_ms: 0 });
  await sleep(forMs - 200);
  return await moment("the exchange accepts", () => accepts(portOf(new URL(exchange.rest).host)));
}

/**
 * When the coverage of all markets contains [sinceMs, untilMs), on the steady clock, ms.
 *
 * @param untilMs of the machine's clock, or of the steady one
 */
async function whole(
  stack: Stack,
  sinceMs: number,
  untilMs: number,
  told: (causes: string) => void = () => {},
): Promise<number> {
  const span = [
    iso(sinceMs),
    // the session that goes on counts from 5 s after its begin, so these belong to what is missing
    iso((untilMs < 1e12 ? performance.timeOrigin + untilMs : untilMs) + 5_000),
  ] as const;
  const lacking = async (): Promise<number> => {
    const [row] = await stack.database`
      SELECT count(*)::int AS markets FROM market m
      WHERE m.delisted_at IS NULL AND NOT covered(m.market, ${span[0]}::text::timestamptz, ${
      span[1]
    }::text::timestamptz)
        @> tstzrange(${span[0]}::text::timestamptz, ${span[1]}::text::timestamptz)`;
    return row!["markets"] as number;
  };
  await sleep(6_000);
  // while the marks of the break are still on their way nobody knows why
  let causes = "";
  await until("the gap has its cause", 60_000, async () => {
    const answer = await fetch(`${stack.file.page}/api/gaps?since=${span[0]}&until=${span[1]}`);
    const { gaps = [] } = await answer.json() as { gaps?: { cause: string }[] };
    causes = [...new Set(gaps.map(({ cause }) => cause))].join(", ");
    return causes !== "" && !causes.includes("unknown");
  }, { everyMs: 1_000, told: () => causes });
  told(causes);
  let last = -1;
  const limitMs = 600_000;
  const startMs = performance.now();
  for (;;) {
    const markets = await lacking();
    const nowMs = performance.now();
    if (markets === 0) return nowMs;
    if (last < 0 || Math.floor(markets / 50) !== Math.floor(last / 50)) {
      console.log(`  ${seconds(nowMs - startMs + 6_000)}: ${markets} markets lack something`);
    }
    last = markets;
    if (nowMs - startMs > limitMs) throw new Error(`${markets} markets still lack something`);
    await sleep(500);
  }
}

async function frames(stack: Stack): Promise<number> {
  return await metric(stack, "ingest", "stofka_ingest_frames_total", /candle|ticker/);
}

async function newestReceivedMs(sql: postgres.Sql): Promise<number> {
  const [row] = await sql`
    SELECT (extract(epoch FROM max(received_at)) * 1000)::float8 AS newest FROM market_candle_1s
    WHERE starts_at > clock_timestamp() - interval '5 minutes'`;
  return row!["newest"] as number | null ?? 0;
}

function single(url: string): postgres.Sql {
  return postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {}, fetch_types: false });
}

/** When the step first succeeds, on the steady clock, ms. */
async function moment(
  what: string,
  step: () => Promise<unknown>,
  limitMs = 120_000,
): Promise<number> {
  let reason: unknown;
  await until(what, limitMs, async () => {
    try {
      await step();
      return true;
    } catch (error) {
      reason = error;
      return false;
    }
  }, { everyMs: EVERY_MS, told: () => String(reason) });
  return performance.now();
}

function must(holds: boolean): void {
  if (!holds) throw new Error("not yet");
}

function accepts(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}

function refuses(port: number): Promise<boolean> {
  return accepts(port).then(() => false, () => true);
}

function portOf(host: string): number {
  return Number(host.split(",")[0]!.split(":")[1]);
}

function tell(what: string, ms: readonly number[]): void {
  const sorted = [...ms].sort((a, b) => a - b);
  console.log(
    `${what}: p50 ${seconds(sorted[Math.floor(sorted.length / 2)]!)}, worst ${
      seconds(sorted.at(-1)!)
    } of ${ms.length} (${ms.map(seconds).join(", ")})`,
  );
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
