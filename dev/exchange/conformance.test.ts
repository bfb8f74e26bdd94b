import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ledger } from "./book.ts";
import { Clock } from "./clock.ts";
import { type Exchange, startExchange } from "./exchange.ts";
import { SimulatedBook } from "./simulated_book.ts";
import { fixed } from "./spelling.ts";

/** Each test is a point of how the exchange was seen to behave on the wire. */

const book = new SimulatedBook({ seed: 42, markets: { KRW: 8, BTC: 2 }, rate: 1, lateShare: 0.2 });
const clock = new Clock(Date.UTC(2026, 10, 22, 15), 1, () => Date.now());
const codes = book.names(clock.nowMs()).map((name) => name.market);
let exchange: Exchange;
beforeAll(async () => {
  exchange = await startExchange({
    book,
    clock,
    port: 0,
    controlPort: 0,
    seed: 1,
    limits: false,
    times: { idleMs: 700, snapshotMs: 20, closeMs: 30, statusMs: 100 },
  });
});
afterAll(() => exchange.close());

interface Frame {
  readonly binary: boolean;
  readonly text: string;
  readonly atMs: number;
}

async function client(...parts: readonly unknown[]) {
  const socket = new WebSocket(exchange.ws, { perMessageDeflate: false });
  const frames: Frame[] = [];
  socket.on("message", (data: Buffer, binary) => {
    frames.push({ binary, text: data.toString(), atMs: clock.trueMs() });
  });
  await once(socket, "open");
  const alive = setInterval(() => socket.ping(), 200);
  socket.on("close", () => clearInterval(alive));
  const send = (what: unknown) =>
    socket.send(typeof what === "string" ? what : JSON.stringify(what));
  if (parts.length > 0) send(parts);
  return { socket, frames, send };
}

const ticket = { ticket: "0e66c0ac-7e13-43ef-91fb-2a87c2956c49" };
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const get = async (path: string) => await fetch(exchange.rest + path);
// deno-lint-ignore no-explicit-any -- answers are what is tested: their shape is not known before
type Any = any;
const json = async (path: string): Promise<Any> => await (await get(path)).json();

async function fault(body: unknown) {
  const answer = await fetch(`${exchange.control}/fault`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() as unknown };
}

test("frames are binary; SNAPSHOT first, then REALTIME; candle fields as documented, in order", async () => {
  const { socket, frames } = await client(ticket, { type: "candle.1s", codes: ["KRW-BTC"] });
  await sleep(2500);
  socket.close();
  expect(frames.every((frame) => frame.binary)).toBe(true);
  const types = frames.map((frame) => JSON.parse(frame.text).stream_type);
  expect(types[0]).toBe("SNAPSHOT");
  expect(new Set(types.slice(1))).toEqual(new Set(["REALTIME"]));
  expect(frames[1]!.text).toMatch(
    /^\{"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"[-\d]{10}T[:\d]{8}","candle_date_time_kst":"[-\d]{10}T[:\d]{8}","opening_price":\d+\.\d{8},"high_price":\d+\.\d{8},"low_price":\d+\.\d{8},"trade_price":\d+\.\d{8},"candle_acc_trade_volume":\d+\.\d{8},"candle_acc_trade_price":\d+\.\d{16},"timestamp":\d{13},"stream_type":"REALTIME"\}$/,
  );
});

test(
  "a second is sent at S+1.007 s, again for each late trade, and its last sending is the ledger's",
  async () => {
    const { socket, frames } = await client(
      ticket,
      { type: "candle.1s", codes, is_only_realtime: true },
    );
    await sleep(6000);
    socket.close();
    const sendings = new Map<string, Frame[]>();
    for (const frame of frames) {
      const row = JSON.parse(frame.text);
      const key = `${row.code} ${row.candle_date_time_utc}`;
      sendings.set(key, [...(sendings.get(key) ?? []), frame]);
    }
    const newestMs = clock.trueMs() - 2600;
    let compared = 0;
    for (const [key, [first, ...again]] of sendings) {
      const [market, time] = key.split(" ") as [string, string];
      const startMs = Date.parse(`${time}Z`);
      expect(first!.atMs - startMs).toBeGreaterThanOrEqual(1007);
      for (const frame of again) expect(frame.atMs - startMs).toBeLessThan(2600 + 400);
      if (startMs + 1000 > newestMs) continue;
      const [row] = ledger(book, market, startMs, startMs + 1000);
      const last = (again.at(-1) ?? first!).text;
      expect(last).toContain(`"trade_price":${fixed(row!.close, 8)}`);
      expect(last).toContain(`"candle_acc_trade_price":${fixed(row!.turnover, 16)}`);
      expect(last).toContain(`"timestamp":${row!.lastTickAtMs}`);
      compared++;
    }
    expect(compared).toBeGreaterThan(5);
    expect([...sendings.values()].some((list) => list.length > 1)).toBe(true);
  },
  15_000,
);

test("a ticker has 33 fields; change against the close of the day before", async () => {
  const { socket, frames } = await client(ticket, {
    type: "ticker",
    codes: ["KRW-BTC"],
    is_only_snapshot: true,
  });
  await sleep(1000);
  socket.close();
  expect(frames.length).toBe(1);
  const row = JSON.parse(frames[0]!.text);
  expect(Object.keys(row).length).toBe(33);
  const [, yesterday] = await json("/candles/days?market=KRW-BTC&count=2");
  expect(row.prev_closing_price).toBe(yesterday.trade_price);
  expect(row.acc_ask_volume + row.acc_bid_volume).toBeCloseTo(row.acc_trade_volume, 6);
  expect(row.highest_52_week_price).toBeGreaterThanOrEqual(row.high_price);
});

test("a second subscribe frame replaces the first", async () => {
  const { socket, frames, send } = await client(ticket, { type: "ticker", codes: ["KRW-BTC"] });
  await sleep(300);
  send([ticket, { type: "candle.1s", codes: ["KRW-XRP"] }]);
  await sleep(100);
  const from = frames.length;
  await sleep(2500);
  socket.close();
  const seen = frames.slice(from).map((frame) => JSON.parse(frame.text).type);
  expect(frames.some((frame) => frame.text.includes("ticker"))).toBe(true);
  expect(seen.filter((type) => type !== "candle.1s")).toEqual([]);
});

test("unknown and lower-case codes get nothing, and LIST_SUBSCRIPTIONS shows what was accepted", async () => {
  const { socket, frames, send } = await client(ticket, {
    type: "ticker",
    codes: ["KRW-NOPE", "krw-btc", "KRW-ETH"],
    is_only_snapshot: true,
  });
  await sleep(200);
  expect(frames.map((frame) => JSON.parse(frame.text).code)).toEqual(["KRW-ETH"]);
  send([{ ticket: "x" }, { method: "LIST_SUBSCRIPTIONS" }]);
  await sleep(100);
  expect(JSON.parse(frames.at(-1)!.text)).toEqual({
    method: "LIST_SUBSCRIPTIONS",
    result: [{ type: "ticker", codes: ["KRW-ETH"] }],
    ticket: "x",
  });
  expect(socket.readyState).toBe(WebSocket.OPEN);
  socket.close();
});

test.each([
  [
    "SIMPLE",
    /^\{"ty":"candle.1s","cd":"KRW-BTC","cdttmu":"[^"]+","cdttmk":"[^"]+","op":\d+\.0,.*"catp":\d+\.\d+,"tms":\d{13},"st":"SNAPSHOT"\}$/,
  ],
  ["JSON_LIST", /^\[\{"type":"candle.1s",.*\}\]$/],
  ["SIMPLE_LIST", /^\[\{"ty":"candle.1s",.*\}\]$/],
])("format %s", async (format, form) => {
  const { socket, frames } = await client(ticket, {
    type: "candle.1s",
    codes: ["KRW-BTC"],
    is_only_snapshot: true,
  }, { format });
  await sleep(200);
  socket.close();
  expect(frames[0]!.text).toMatch(form);
});

test.each([
  ["NO_TICKET", [{ type: "ticker", codes: ["KRW-BTC"] }]],
  ["NO_TYPE", [ticket]],
  ["NO_CODES", [ticket, { type: "ticker" }]],
  ["INVALID_PARAM", [ticket, { type: "nope", codes: ["KRW-BTC"] }]],
  ["WRONG_FORMAT", "not json"],
  ["WRONG_FORMAT", [ticket, { type: "ticker", codes: ["KRW-BTC"] }, { format: "XML" }]],
])("error %s, then close 1000", async (name, what) => {
  const { socket, frames, send } = await client();
  send(what);
  const [code] = await once(socket, "close");
  expect(code).toBe(1000);
  expect(JSON.parse(frames[0]!.text).error.name).toBe(name);
});

test("a client that says nothing is cut off without a close frame (1006); pings keep it", async () => {
  const silent = new WebSocket(exchange.ws);
  const closed = once(silent, "close");
  const began = performance.now();
  const { socket } = await client();
  const [code] = await closed;
  expect(code).toBe(1006);
  expect(performance.now() - began).toBeGreaterThan(600);
  await sleep(300);
  expect(socket.readyState).toBe(WebSocket.OPEN);
  socket.ping();
  await once(socket, "pong");
  socket.close();
});

test('text PING is answered by {"status":"UP"} again and again', async () => {
  const { socket, frames, send } = await client();
  send("PING");
  await sleep(350);
  socket.close();
  expect(frames.length).toBeGreaterThanOrEqual(3);
  expect(new Set(frames.map((frame) => frame.text))).toEqual(new Set(['{"status":"UP"}']));
});

test("permessage-deflate only where the client offers it; the upgrade tells the remaining connects", async () => {
  const plain = new WebSocket(exchange.ws, { perMessageDeflate: false });
  const packed = new WebSocket(exchange.ws, { perMessageDeflate: true });
  const [[answer]] = await Promise.all([once(plain, "upgrade"), once(packed, "open")]);
  expect([plain.extensions, packed.extensions]).toEqual(["", "permessage-deflate"]);
  expect(answer.headers["remaining-req"]).toMatch(/^group=websocket; min=300; sec=\d$/);
  plain.terminate();
  packed.terminate();
});

test("it listens on loopback alone", async () => {
  expect(new URL(exchange.rest).hostname).toBe("127.0.0.1");
  const port = Number(new URL(exchange.rest).port);
  const other = connect(port, "127.0.0.2");
  const [error] = await once(other, "error");
  expect(error.code).toBe("ECONNREFUSED");
});

test("REST candles: newest first, no row for empty intervals, count cut at 200, `to` exclusive and with zones", async () => {
  const many = await json("/candles/seconds?market=KRW-BTC&count=500");
  expect(many.length).toBe(200);
  const times = many.map((row: { candle_date_time_utc: string }) => row.candle_date_time_utc);
  expect(times).toEqual([...new Set(times)].sort().reverse());
  expect((await json("/candles/minutes/1?market=KRW-BTC")).length).toBe(1);
  const starts = async (to: string) =>
    (await json(`/candles/minutes/1?market=KRW-BTC&to=${encodeURIComponent(to)}`))[0]
      .candle_date_time_utc;
  expect(await starts("2026-11-22T10:00:00")).toBe("2026-11-22T09:59:00");
  expect(await starts("2026-11-22T10:00:00Z")).toBe("2026-11-22T09:59:00");
  expect(await starts("2026-11-22T19:00:00+09:00")).toBe("2026-11-22T09:59:00");
  expect(await starts("2026-11-22 10:00:00")).toBe("2026-11-22T09:59:00");
  expect(await starts("2026-11-22T10:00:01")).toBe("2026-11-22T10:00:00");
});

test("REST: second candles older than three months are gone", async () => {
  expect(await json("/candles/seconds?market=KRW-BTC&to=2026-08-01T00:00:00")).toEqual([]);
  expect((await json("/candles/days?market=KRW-BTC&to=2026-08-01T00:00:00")).length).toBe(1);
});

test.each([
  ["/candles/seconds", ""],
  ["/candles/minutes/1", ',"unit":1'],
  ["/candles/weeks", ',"first_day_of_period":"2026-11-16"'],
  ["/candles/months", ',"first_day_of_period":"2026-11-01"'],
  [
    "/candles/days",
    ',"prev_closing_price":[\\d.]+,"change_price":-?[\\d.]+,"change_rate":-?[\\d.]+',
  ],
])("REST %s: fields, order and spelling of the recorded answers", async (path, tail) => {
  const text = await (await get(`${path}?market=KRW-BTC`)).text();
  expect(text).toMatch(
    new RegExp(
      `^\\[\\{"market":"KRW-BTC","candle_date_time_utc":"[^"]{19}","candle_date_time_kst":"[^"]{19}","opening_price":\\d+\\.0{8},"high_price":\\d+\\.0{8},"low_price":\\d+\\.0{8},"trade_price":\\d+\\.0{8},"timestamp":\\d{13},"candle_acc_trade_price":\\d+\\.\\d{8,},"candle_acc_trade_volume":\\d+\\.\\d{8}${tail}\\}\\]$`,
    ),
  );
});

test("REST: errors and the header of what remains", async () => {
  const answer = await get("/candles/days?market=KRW-NOPE");
  expect([answer.status, await answer.json()]).toEqual([404, {
    error: { name: 404, message: "Code not found" },
  }]);
  const missing = await get("/candles/days");
  expect(missing.status).toBe(400);
  expect((await missing.json() as Any).error.message).toBe(
    "Missing request parameter error. Check the required parameters!",
  );
  expect((await get("/ticker?markets=KRW-BTC,KRW-NOPE")).status).toBe(404);
  const unrouted = await get("/nope");
  expect([unrouted.status, (await unrouted.json() as Any).error.name]).toEqual([404, "not_found"]);
  const header = (await get("/candles/days?market=KRW-BTC")).headers.get("remaining-req");
  expect(header).toMatch(/^group=candles; min=600; sec=\d$/);
});

test("REST: markets with names, tickers of one and of all", async () => {
  const listed = await json("/market/all");
  expect(listed[0]).toEqual({
    market: "KRW-BTC",
    korean_name: "비트코인",
    english_name: "Bitcoin",
  });
  expect(listed.length).toBe(10);
  expect((await json("/market/all?is_details=true"))[0].market_event.warning).toBe(false);
  const all = await json("/ticker/all?quote_currencies=KRW");
  expect(all.length).toBe(8);
  const [one] = await json("/ticker?markets=KRW-BTC");
  expect(Object.keys(one)).toEqual(Object.keys(all[0]));
  expect(Object.keys(one).length).toBe(26);
});

test("control: ledger in canonical decimals, clock, status; what is wrong is said", async () => {
  const sinceMs = Date.UTC(2026, 10, 22, 14);
  const url = `${exchange.control}/ledger?market=KRW-BTC&since=${sinceMs}&until=${
    sinceMs + 60_000
  }`;
  const rows: Any = await (await fetch(url)).json();
  expect(rows.length).toBe(ledger(book, "KRW-BTC", sinceMs, sinceMs + 60_000).length);
  expect(Object.keys(rows[0])).toEqual([
    ..."market starts_at_ms last_tick_at_ms open high low close volume turnover".split(" "),
  ]);
  expect(rows[0].open).toMatch(/^\d+$/);
  const { now_ms }: Any = await (await fetch(`${exchange.control}/clock`)).json();
  expect(Math.abs(now_ms - clock.nowMs())).toBeLessThan(500);
  const status: Any = await (await fetch(`${exchange.control}/status`)).json();
  expect(status.connects).toBe(status.connect_times_ms.length);
  expect(status.frames_sent).toBeGreaterThan(10);
  expect(await fault({ kind: "nope", for_ms: 1 })).toMatchObject({ status: 400 });
  expect(await fault({ kind: "drop", for_ms: 1, typo: 1 })).toMatchObject({ status: 400 });
  expect((await fetch(`${exchange.control}/ledger?market=KRW-BTC&since=x&until=1`)).status).toBe(
    400,
  );
});

test(
  "faults: silence and drop lose frames, duplicate sends twice, delay holds back, all end by themselves",
  async () => {
    const { socket, frames } = await client(ticket, {
      type: "candle.1s",
      codes,
      is_only_realtime: true,
    });
    await sleep(200);
    for (const kind of ["silence", "drop"]) {
      expect((await fault({ kind, for_ms: 1500 })).status).toBe(200);
      const from = frames.length;
      await sleep(1450);
      expect(frames.length).toBe(from);
      await sleep(1500);
      expect(frames.length).toBeGreaterThan(from);
    }
    await fault({ kind: "duplicate", for_ms: 2000 });
    let from = frames.length;
    await sleep(1900);
    const texts = frames.slice(from).map((frame) => frame.text);
    expect(texts.length).toBe(2 * new Set(texts).size);
    await sleep(300);
    await fault({ kind: "delay", by_ms: 700, for_ms: 2500 });
    await sleep(100);
    from = frames.length;
    await sleep(2300);
    const late = frames.slice(from).map((frame) => {
      return frame.atMs - Date.parse(`${JSON.parse(frame.text).candle_date_time_utc}Z`);
    });
    expect(Math.min(...late)).toBeGreaterThan(1600);
    socket.close();
  },
  20_000,
);
