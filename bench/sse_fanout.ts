import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import process from "node:process";
import { setImmediate } from "node:timers";
import { decimal } from "#core/decimal.ts";
import { type Market, market } from "#core/market.ts";
import { tickerEvent } from "#core/event/ticker_event.ts";
import { openEventStream } from "../services/stream/http/event_stream.ts";
import { tickerLive } from "../services/stream/live_event.ts";
import { Hub } from "../services/stream/sse/hub.ts";
import { subscription } from "../services/stream/sse/subscription.ts";
import { tailFrame } from "../services/stream/sse/tail.ts";
import { Board } from "../services/stream/state/board.ts";

/**
 * Fan-out of the stream service alone: the hub of `services/stream` behind node:http, loopback clients in a process of
 * their own that read and count, no Kafka. Each published ticker counts once for every client it was written to; the CPU is that of the
 * publishing process only.
 *
 *     node bench/sse_fanout.ts [markets=20] [clients=100] [eventsPerSecond=2000] [seconds=10]
 */
const [mode = "20", ...rest] = process.argv.slice(2);

if (mode === "clients") readers(Number(rest[0]), Number(rest[1]));
else publish(Number(mode), Number(rest[0] ?? 100), Number(rest[1] ?? 2_000), Number(rest[2] ?? 10));

/** Opens the connections and tells the bytes read, and the events among them, when its standard input ends. */
function readers(port: number, count: number): void {
  let events = 0;
  const needle = "event: ticker";
  for (let at = 0; at < count; at++) {
    const socket = connect(port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // an event's name may be cut between two reads: the last characters wait for the next
    let rest = "";
    socket.on("data", (part: Uint8Array) => {
      const text = rest + new TextDecoder("latin1").decode(part);
      for (let found = text.indexOf(needle); found >= 0; found = text.indexOf(needle, found + 1)) {
        events++;
      }
      rest = text.slice(-(needle.length - 1));
    });
  }
  process.stdin.resume();
  process.stdin.on("end", () => {
    console.log(events);
    process.exit(0);
  });
}

function publish(markets: number, clients: number, eventsPerSecond: number, seconds: number): void {
  const board = new Board({ tailRowsMax: 1_000, partitions: 12 });
  let written = 0;
  let writes = 0;
  const lateMs: number[] = [];
  const hub = new Hub({
    clientsMax: 10_000,
    clientsPerAddressMax: 10_000,
    unsentBytesMax: 256 * 1024,
    behindMsMax: 30_000,
    mailboxEntriesMax: 50_000,
    tailBytesMax: 64 * 1024 * 1024,
    tickMsMin: 5,
    tickMsMax: 250,
    heartbeatMs: 10_000,
  }, {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    later: (run, waitMs) => waitMs <= 0 ? setImmediate(run) : setTimeout(run, waitMs),
    chance: () => Math.random(),
    tail: (wanted) => tailFrame(board, "other", wanted),
    meter: {
      sent: (events, count) => {
        written += events;
        writes += count;
      },
      latency: (ms) => lateMs.push(ms),
      conflated: () => {},
      cut: () => {},
      tick: () => {},
    },
  });
  hub.open();
  const server = createServer((_, response) => {
    hub.join(openEventStream(response, {}, 0.5), "bench", subscription("all", null));
  });
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    const child = spawn(process.execPath, [
      ...process.execArgv,
      process.argv[1]!,
      "clients",
      String(port),
      String(clients),
    ], { stdio: ["pipe", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (part) => (said += part));
    const waiting = setInterval(() => {
      if (hub.clientCount < clients) return;
      clearInterval(waiting);
      run(() => child.stdin.end());
    }, 50);
    child.on("exit", () => report(Number(said)));
  });

  const names: readonly Market[] = Array.from({ length: markets }, (_, at) => market(`KRW-M${at}`));
  const perStep = Math.max(1, Math.round(eventsPerSecond / 100));
  let sequence = 0;
  let cpu = process.cpuUsage();
  let startedMs = 0;
  let tookMs = 0;
  let published = 0;

  function run(done: () => void): void {
    // tails and first writes are not measured
    written = writes = 0;
    cpu = process.cpuUsage();
    startedMs = performance.now();
    const timer = setInterval(() => {
      const due = Math.round((performance.now() - startedMs) / 10) * perStep;
      for (; published < due; published++) publishOne();
      if (performance.now() - startedMs < seconds * 1_000) return;
      clearInterval(timer);
      setTimeout(() => {
        tookMs = performance.now() - startedMs;
        cpu = process.cpuUsage(cpu);
        setTimeout(done, 500);
      }, 300);
    }, 10);
  }

  function publishOne(): void {
    const price = decimal(String(142_009_000 + ++sequence));
    const nowMs = Date.now();
    hub.publish(tickerLive(tickerEvent({
      market: names[sequence % markets]!,
      price,
      previousClose: price,
      change: "RISE",
      changePrice: price,
      changeRate: decimal("0.0123"),
      high: price,
      low: price,
      volume24h: decimal("1234.5678"),
      turnover24h: decimal("104890599315.22821"),
      volumeToday: decimal(String(sequence)),
      timestampMs: nowMs,
      tradeTimestampMs: nowMs,
    }, nowMs)));
  }

  function report(read: number): void {
    const cpuMs = (cpu.user + cpu.system) / 1_000;
    const sorted = lateMs.sort((a, b) => a - b);
    console.log(JSON.stringify({
      markets,
      clients,
      published,
      events_written: written,
      events_read: read,
      writes,
      events_per_write: Math.round(written / writes),
      cpu_cores: Number((cpuMs / tookMs).toFixed(3)),
      cpu_us_per_event: Number((cpuMs * 1_000 / written).toFixed(3)),
      events_per_second_a_core: Math.round(written / cpuMs * 1_000),
      published_to_written_ms: {
        p50: sorted[Math.floor(sorted.length * 0.5)],
        p99: sorted[Math.floor(sorted.length * 0.99)],
      },
    }));
    process.exit(0);
  }
}
