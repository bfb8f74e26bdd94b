import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Clock } from "./clock.ts";
import { type Exchange, type ExchangeSettings, startExchange } from "./exchange.ts";
import type { FaultKind } from "./fault.ts";
import { until } from "../../tests/until.ts";
import { SimulatedBook } from "./simulated_book.ts";

/**
 * Each fault as a client meets it: on by the control port, over by itself. Each lasts longer than a busy machine keeps the test
 * from looking at it.
 */

let exchange: Exchange;
let clock: Clock;
const clients: WebSocket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  await exchange.close();
});

async function start(settings: Partial<ExchangeSettings> = {}) {
  clock = new Clock(Date.UTC(2026, 10, 22, 15), 1, () => Date.now());
  exchange = await startExchange({
    book: new SimulatedBook({ seed: 42, markets: { KRW: 8 }, rate: 4, lateShare: 0 }),
    clock,
    port: 0,
    controlPort: 0,
    seed: 1,
    limits: false,
    times: { snapshotMs: 10, closeMs: 20 },
    ...settings,
  });
}

/** A clock on which no second ever ends. */
const standing = () => new Clock(Date.UTC(2026, 10, 22, 15), 1, () => 500);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
// deno-lint-ignore no-explicit-any -- answers are what is tested: their shape is not known before
type Any = any;

async function fault(body: unknown): Promise<Any> {
  const answer = await fetch(`${exchange.control}/fault`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const said: Any = await answer.json();
  if (!answer.ok) throw new Error(said.error.message);
  return said;
}

async function client(types = ["candle.1s"], codes = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]) {
  const socket = new WebSocket(exchange.ws, { perMessageDeflate: false });
  clients.push(socket);
  const frames: string[] = [];
  let pongs = 0;
  socket.on("message", (data: Buffer) => frames.push(data.toString()));
  socket.on("error", () => {});
  await once(socket, "open");
  const wishes = types.map((type) => ({ type, codes, is_only_realtime: true }));
  socket.send(JSON.stringify([{ ticket: "t" }, ...wishes]));
  await caughtUp(socket);
  await sleep(50); // it is read; it is obeyed after snapshotMs
  socket.on("pong", () => pongs++);
  return { socket, frames, pongs: () => pongs };
}

/** The exchange has read what was sent before, and what it sent before has arrived. */
async function caughtUp(socket: WebSocket): Promise<void> {
  socket.ping();
  await once(socket, "pong");
}

const over = (kind: FaultKind) =>
  until(`${kind} is over`, 15_000, () => exchange.faults.get(kind) === undefined);

const refused = async () => {
  const socket = connect(Number(new URL(exchange.rest).port), "127.0.0.1");
  const code = await new Promise((resolve) => {
    socket.once("connect", () => resolve("connected"));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  socket.destroy();
  return code;
};

test("refuse: connections are refused, open ones go on, and the same port listens again", async () => {
  await start();
  const { frames, socket } = await client();
  await fault({ kind: "refuse", for_ms: 6000 });
  expect(await refused()).toBe("ECONNREFUSED");
  const before = frames.length;
  await until("frames on the open connection", 8_000, () => frames.length > before);
  expect(await refused()).toBe("ECONNREFUSED");
  await until("it listens again", 8_000, async () => await refused() === "connected");
  expect((await fetch(`${exchange.rest}/market/all`)).status).toBe(200);
  expect(socket.readyState).toBe(WebSocket.OPEN);
});

test("half_open: no frame, no pong, no answer, no close, for ever; a new connection works when it is over", async () => {
  await start();
  const { frames, socket, pongs } = await client();
  await fault({ kind: "half_open", for_ms: 5000 });
  await sleep(50); // what was on the way
  const before = frames.length;
  socket.ping();
  const late = new WebSocket(exchange.ws);
  clients.push(late);
  late.on("error", () => {});
  const asked = fetch(`${exchange.rest}/market/all`, { signal: AbortSignal.timeout(1000) });
  await expect(asked).rejects.toThrow();
  await over("half_open");
  socket.ping();
  socket.close();
  await sleep(300);
  expect([frames.length, pongs()]).toEqual([before, 0]);
  expect(socket.readyState).toBe(WebSocket.CLOSING);
  expect(late.readyState).toBe(WebSocket.CONNECTING);
  const next = await client();
  await until("frames", 8_000, () => next.frames.length > 0);
});

const isJson = (text: string) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

test.each<[string, (text: string) => boolean]>([
  ["truncated", (text) => !isJson(text)],
  [
    "wrong_type",
    (text) =>
      isJson(text) &&
        !/^\{"type":"candle.1s",.*_price":\d[\d.]*,"candle_acc_trade_volume":\d[\d.]*,"candle_acc_trade_price":\d[\d.]*,"timestamp/
          .test(text) || /_price":(?:"many"|\{\}|true|null|\[\])/.test(text),
  ],
  ["absurd", (text) => isJson(text) && /:(?:-1\.0|1e400|9{40}\.0|0\.0{60}1)[,}]/.test(text)],
  ["future", (text) => text.includes('"candle_date_time_utc":"3025-') && isJson(text)],
  ["nan", (text) => /:-?(?:NaN|Infinity)[,}]/.test(text) && !isJson(text)],
])("garble %s spoils a share of the frames", async (form, spoilt) => {
  await start();
  const { frames, socket } = await client();
  await fault({ kind: "garble", form, share: 0.5, for_ms: 60_000 });
  await until("both", 15_000, () => frames.some(spoilt) && frames.some((text) => !spoilt(text)));
  await fault({ kind: "garble", for_ms: 0 });
  await caughtUp(socket);
  const from = frames.length;
  await until("frames", 8_000, () => frames.length > from + 3);
  expect(frames.slice(from).filter(spoilt)).toEqual([]);
});

test("reorder: frames are overtaken by later ones, and none is lost", async () => {
  await start({
    book: new SimulatedBook({ seed: 42, markets: { KRW: 8 }, rate: 20, lateShare: 0 }),
  });
  const plain = await client(["candle.1s"], ["KRW-BTC"]);
  await fault({ kind: "reorder", share: 0.5, by_ms: 5000, for_ms: 60_000 });
  const times = () => plain.frames.map((text) => JSON.parse(text).candle_date_time_utc as string);
  await until("disorder", 15_000, () => times().some((time, i) => i > 0 && time < times()[i - 1]!));
  await fault({ kind: "reorder", for_ms: 0 });
  // what is held goes out behind the next frame
  const from = plain.frames.length;
  await until("frames that nothing holds back", 8_000, () => plain.frames.length > from + 2);
  await caughtUp(plain.socket);
  const got = times().sort();
  expect(got).toEqual([...new Set(got)]);
  for (const [i, time] of got.entries()) {
    if (i > 0) expect(Date.parse(time) - Date.parse(got[i - 1]!)).toBe(1000);
  }
});

test("idle_close: every connection ends without a close frame (1006), new ones too while it lasts", async () => {
  await start();
  const { socket } = await client();
  const closed = once(socket, "close");
  await fault({ kind: "idle_close", for_ms: 5000, by_ms: 100 });
  expect((await closed)[0]).toBe(1006);
  const again = new WebSocket(exchange.ws);
  const openedAtMs = performance.now();
  expect((await once(again, "close"))[0]).toBe(1006);
  expect(performance.now() - openedAtMs).toBeLessThan(30_000); // who is only idle is cut after a minute
  await over("idle_close");
  const { socket: kept } = await client();
  await sleep(300);
  expect(kept.readyState).toBe(WebSocket.OPEN);
});

test("error_frame: an error, then close 1000", async () => {
  await start();
  const { socket, frames } = await client();
  const closed = once(socket, "close");
  await fault({ kind: "error_frame", name: "INTERNAL_ERROR" });
  expect((await closed)[0]).toBe(1000);
  // the exchange closes 150 ms after the error: another candle may have come in between
  const errors = frames.map((frame) => JSON.parse(frame)).filter(({ error }) =>
    error !== undefined
  );
  expect(errors.map(({ error }) => error.name)).toEqual(["INTERNAL_ERROR"]);
});

const secondsOf = async (market: string, sinceMs: number, untilMs: number): Promise<Any[]> =>
  await (await fetch(
    `${exchange.control}/ledger?market=${market}&since=${sinceMs}&until=${untilMs}`,
  )).json() as Any[];

test("maintenance: no frames, 503, and nobody trades: neither ledger nor REST has a second of it", async () => {
  await start({
    book: new SimulatedBook({ seed: 42, markets: { KRW: 8 }, rate: 30, lateShare: 0 }),
  });
  const { frames, socket } = await client();
  await until("frames", 8_000, () => frames.length > 3);
  const { at_ms: sinceMs } = await fault({ kind: "maintenance", for_ms: 8000 });
  await caughtUp(socket);
  const before = frames.length;
  expect((await fetch(`${exchange.rest}/market/all`)).status).toBe(503);
  const [error] = await once(new WebSocket(exchange.ws), "error");
  expect(error.message).toContain("503");
  await sleep(3000);
  expect(frames.length).toBe(before);
  expect(socket.readyState).toBe(WebSocket.OPEN);
  await until("frames again", 8_000, () => frames.length > before);
  await until("time", 15_000, () => clock.trueMs() > sinceMs + 11_500);
  expect(await secondsOf("KRW-BTC", sinceMs, sinceMs + 7000)).toEqual([]);
  expect((await secondsOf("KRW-BTC", sinceMs - 5000, sinceMs - 1000)).length).toBeGreaterThan(2);
  expect((await secondsOf("KRW-BTC", sinceMs + 9000, sinceMs + 11_000)).length).toBeGreaterThan(0);
  const rows: Any = await (await fetch(`${exchange.rest}/candles/seconds?market=KRW-BTC&count=60`))
    .json();
  const starts = rows.map((row: Any) => Date.parse(`${row.candle_date_time_utc}Z`));
  expect(starts.some((ms: number) => ms < sinceMs) && starts.some((ms: number) => ms > sinceMs))
    .toBe(true);
  expect(starts.filter((ms: number) => ms >= sinceMs && ms < sinceMs + 7000)).toEqual([]);
});

test("clock_step: the Date header, tickers' timestamp and /clock jump, and jump back; the trades do not", async () => {
  await start();
  const step = { kind: "clock_step", by_ms: -3_600_000 };
  await fault({ ...step, for_ms: 60_000 });
  const { frames } = await client(["ticker"]);
  const beforeMs = clock.trueMs() - 3_600_000;
  const now: Any = await (await fetch(`${exchange.control}/clock`)).json();
  const date = (await fetch(`${exchange.rest}/market/all`)).headers.get("date")!;
  const afterMs = clock.trueMs() - 3_600_000;
  for (const saidMs of [now.now_ms, Date.parse(date) + 999]) { // whole seconds
    expect(saidMs).toBeGreaterThanOrEqual(beforeMs);
    expect(saidMs).toBeLessThanOrEqual(afterMs + 999);
  }
  await until("a ticker", 8_000, () => frames.length > 0);
  const row = JSON.parse(frames[0]!);
  expect(row.trade_timestamp - row.timestamp).toBeGreaterThan(3_500_000);
  await fault({ ...step, for_ms: 300 });
  await until("over", 8_000, () => clock.stepMs === 0);
});

test.each(["volume", "high"])(
  "correction: a closed second is sent again with a lower %s, its timestamp as before; ledger, REST and minutes agree",
  async (lower) => {
    await start();
    const { frames } = await client(["candle.1s"]);
    const market = "KRW-BTC";
    const nowMs = clock.trueMs();
    // the ledger knows what is to come: the test may be held up here
    const rows = await secondsOf(market, nowMs - 60_000, nowMs + 60_000);
    const before = new Map(rows.map((row) => [row.starts_at_ms, row]));
    const said = await fault({ kind: "correction", market, lower });
    const old = before.get(said.starts_at_ms)!;
    const [row] = await secondsOf(market, said.starts_at_ms, said.starts_at_ms + 1000);
    expect(Number(row[lower])).toBeLessThan(Number(old[lower]));
    expect(row.last_tick_at_ms).toBe(old.last_tick_at_ms);
    const time = new Date(said.starts_at_ms).toISOString().slice(0, 19);
    const sent = () =>
      frames.filter((text) => text.includes(time)).map((text) => JSON.parse(text)).at(-1);
    await until("sent again", 8_000, () => sent()?.candle_acc_trade_volume === Number(row.volume));
    expect(sent().high_price).toBe(Number(row.high));
    const to = new Date(said.starts_at_ms + 1000).toISOString();
    const [rest]: Any =
      await (await fetch(`${exchange.rest}/candles/seconds?market=${market}&to=${to}`)).json();
    expect(rest.candle_acc_trade_volume).toBe(Number(row.volume));
    const minuteMs = Math.floor(said.starts_at_ms / 60_000) * 60_000;
    if (minuteMs + 60_000 > clock.trueMs()) return;
    const end = new Date(minuteMs + 60_000).toISOString();
    const [minute]: Any =
      await (await fetch(`${exchange.rest}/candles/minutes/1?market=${market}&to=${end}`)).json();
    const seconds = await secondsOf(market, minuteMs, minuteMs + 60_000);
    const volume = seconds.reduce((sum, second) => sum + Number(second.volume), 0);
    expect(minute.candle_acc_trade_volume).toBeCloseTo(volume, 7);
  },
);

test("correction with told: false: ledger and REST have it, a client that listens does not", async () => {
  await start();
  const { frames } = await client(["candle.1s"]);
  const market = "KRW-BTC";
  const said = await fault({ kind: "correction", market, lower: "volume", told: false });
  const time = new Date(said.starts_at_ms).toISOString().slice(0, 19);
  const [row] = await secondsOf(market, said.starts_at_ms, said.starts_at_ms + 1000);
  await until("later frames", 8_000, () => frames.length > 3);
  const told = frames.map((text) => JSON.parse(text))
    .filter(({ code, candle_date_time_utc }) => code === market && candle_date_time_utc === time);
  for (const { candle_acc_trade_volume } of told) {
    expect(candle_acc_trade_volume).toBeGreaterThan(Number(row.volume));
  }
  await expect(fault({ kind: "correction", told: 1 })).rejects.toThrow(/told 1 must be/);
});

test(
  "listed, delisted: a market comes and goes while it runs; a wish for it that was there before begins then",
  async () => {
    await start({
      book: new SimulatedBook({ seed: 42, markets: { KRW: 8 }, rate: 30, lateShare: 0 }),
    });
    const { frames, socket } = await client(["candle.1s"], ["KRW-FRESH"]);
    const listed = async () => {
      const rows: Any = await (await fetch(`${exchange.rest}/market/all`)).json();
      return rows.some((row: Any) => row.market === "KRW-FRESH");
    };
    expect(await listed()).toBe(false);
    const came = await fault({ kind: "listed", market: "KRW-FRESH" });
    await until("listed", 8_000, listed);
    await until("frames", 15_000, () => frames.length > 1);
    expect(JSON.parse(frames[0]!).stream_type).toBe("REALTIME");
    await expect(fault({ kind: "listed", market: "KRW-FRESH" })).rejects.toThrow(/listed already/);
    const went = await fault({ kind: "delisted", market: "KRW-FRESH" });
    await until("delisted", 8_000, async () => !(await listed()));
    const gone = await fetch(`${exchange.rest}/candles/seconds?market=KRW-FRESH`);
    expect(gone.status).toBe(404);
    await until("it would have been sent", 15_000, () => clock.trueMs() > went.at_ms + 3000);
    await caughtUp(socket);
    const last = frames.map((text) => Date.parse(`${JSON.parse(text).candle_date_time_utc}Z`));
    expect(Math.max(...last)).toBeLessThan(went.at_ms);
    expect((await secondsOf("KRW-FRESH", came.at_ms - 5000, came.at_ms)).length).toBe(0);
    expect((await secondsOf("KRW-FRESH", came.at_ms, went.at_ms)).length).toBeGreaterThan(1);
    expect((await secondsOf("KRW-FRESH", went.at_ms, went.at_ms + 9000)).length).toBe(0);
    await expect(fault({ kind: "delisted", market: "KRW-FRESH" })).rejects.toThrow(/not listed/);
    await fault({ kind: "listed", market: "KRW-FRESH" });
    await until("again", 8_000, listed);
  },
);

test("a schedule's faults come at their times, and /status tells which came", async () => {
  const entries = [{
    fault: { kind: "silence" as const, for_ms: 4000, share: 1, by_ms: 0 },
    when: { atMs: 300 },
  }];
  await start({ schedule: { seed: 1, entries } });
  const status = async (): Promise<Any> => await (await fetch(`${exchange.control}/status`)).json();
  await until("on", 8_000, async () => (await status()).faults.length === 1);
  await until("over", 8_000, async () => (await status()).faults.length === 0);
  expect((await status()).happened.map((one: Any) => one.fault.kind)).toEqual(["silence"]);
});

test("UPBIT.md 7: 429 on the sixth connection of a second, an error after five messages, an Origin served once", async () => {
  await start({ limits: true, clock: standing() });
  const tries = Array.from({ length: 6 }, () => {
    const socket = new WebSocket(exchange.ws);
    clients.push(socket);
    return new Promise<string>((resolve) => {
      socket.once("open", () => resolve("open"));
      socket.once("error", (error) => resolve(error.message));
    });
  });
  const outcomes = await Promise.all(tries);
  expect(outcomes.filter((outcome) => outcome === "open").length).toBe(5);
  expect(outcomes.filter((outcome) => outcome.includes("429")).length).toBe(1);
  const talker = clients.find((socket) => socket.readyState === WebSocket.OPEN)!;
  const said: string[] = [];
  talker.on("message", (data: Buffer) => said.push(data.toString()));
  for (let i = 0; i < 7; i++) talker.send('[{"ticket":"x"},{"method":"LIST_SUBSCRIPTIONS"}]');
  expect((await once(talker, "close"))[0]).toBe(1000);
  expect(said.filter((text) => text.includes("LIST_SUBSCRIPTIONS")).length).toBe(5);
  expect(said.some((text) => text.includes("TOO_MANY_REQUESTS"))).toBe(true);
  const browser = () => fetch(`${exchange.rest}/market/all`, { headers: { Origin: "http://x" } });
  expect([(await browser()).status, (await browser()).status]).toEqual([200, 429]);
  expect((await fetch(`${exchange.rest}/market/all`)).status).toBe(200);
});

test("UPBIT.md 7: REST counts down, then 429; going on is 418, whose message says for how long", async () => {
  await start({ limits: true, clock: standing() });
  const statuses: number[] = [];
  const left: (string | null)[] = [];
  let message = "";
  for (let i = 0; i < 31; i++) {
    const answer = await fetch(`${exchange.rest}/market/all`);
    statuses.push(answer.status);
    left.push(answer.headers.get("remaining-req"));
    message = (await answer.json() as Any).error?.message;
  }
  expect(statuses).toEqual([...Array(10).fill(200), ...Array(20).fill(429), 418]);
  expect(left.slice(0, 2)).toEqual([9, 8].map((sec) => `group=market; min=600; sec=${sec}`));
  expect(message).toMatch(/Blocked for 5 seconds/);
});
