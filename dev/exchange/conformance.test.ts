import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { until } from "../../tests/until.ts";
import { ledger } from "./book.ts";
import { Clock } from "./clock.ts";
import { type Exchange, type ExchangeSettings, startExchange } from "./exchange.ts";
import { SimulatedBook } from "./simulated_book.ts";
import { fixed } from "./spelling.ts";
import { firstSendAfterEndMs, lateMsMax } from "./tape.ts";

/**
 * Each test is a point of how the exchange was seen to behave on the wire. A busy machine sends and reads late, so what is
 * compared is what the exchange's own time says: whole seconds, and the moments at which their sendings were due.
 */

const book = new SimulatedBook({ seed: 42, markets: { KRW: 8, BTC: 2 }, rate: 1, lateShare: 0.2 });
const clock = new Clock(Date.UTC(2026, 10, 22, 15), 1, () => Date.now());
const codes = book.names(clock.nowMs()).map((name) => name.market);
const times = { snapshotMs: 20, closeMs: 30, statusMs: 100 };
const settings: ExchangeSettings = {
  book,
  clock,
  port: 0,
  controlPort: 0,
  seed: 1,
  limits: false,
  times,
};
let exchange: Exchange;
beforeAll(async () => {
  exchange = await startExchange(settings);
});
afterAll(() => exchange.close());

interface Frame {
  readonly binary: boolean;
  readonly text: string;
  readonly atMs: number;
}

type Client = Awaited<ReturnType<typeof client>>;

async function client(...parts: readonly unknown[]) {
  const socket = new WebSocket(exchange.ws, { perMessageDeflate: false });
  const frames: Frame[] = [];
  socket.on("message", (data: Buffer, binary) => {
    frames.push({ binary, text: data.toString(), atMs: clock.trueMs() });
  });
  await once(socket, "open");
  const send = (what: unknown) =>
    socket.send(typeof what === "string" ? what : JSON.stringify(what));
  if (parts.length > 0) send(parts);
  return { socket, frames, send };
}

const came = (frames: readonly Frame[], count: number) =>
  until(`${count} frames`, 15_000, () => frames.length >= count, { everyMs: 10 });

/** All that the exchange sent before has arrived: a connection keeps the order. */
async function caughtUp({ socket }: Client) {
  socket.ping();
  await once(socket, "pong");
}

/** When the sendings of a market's second are due, exchange time: its first, and one for each trade that is late for it. */
function dueMs(market: string, startMs: number): number[] {
  const firstMs = startMs + 1000 + firstSendAfterEndMs;
  const counted = book.counted(startMs, startMs + 1000 + lateMsMax + 1)
    .filter((trade) => trade.market === market)
    .filter(({ timeMs }) => timeMs >= startMs && timeMs < startMs + 1000)
    .map((trade) => trade.countedMs);
  const late = counted.filter((atMs) => atMs >= firstMs).sort((a, b) => a - b);
  return counted.length > late.length ? [firstMs, ...late] : late;
}

interface Second {
  readonly market: string;
  readonly startMs: number;
  readonly dueMs: readonly number[];
  readonly frames: readonly Frame[];
}

/** Every market's next seconds that begin after now, each with all its frames, however late they came. */
async function wholeSeconds(by: Client, count: number): Promise<Second[]> {
  const sinceMs = Math.ceil(clock.trueMs() / 1000) * 1000;
  const untilMs = sinceMs + count * 1000;
  const startMs = ({ text }: Frame) => Date.parse(`${JSON.parse(text).candle_date_time_utc}Z`);
  // a second that is sent when no trade can be late any more for one of those
  const closingMs = untilMs - 1000 + Math.ceil(lateMsMax / 1000) * 1000;
  await until(
    "the seconds are over",
    30_000,
    () => by.frames.some((frame) => startMs(frame) >= closingMs),
  );
  await sleep(20); // a duplicate goes out by a timer of its own
  await caughtUp(by);
  const starts = Array.from({ length: count }, (_, i) => sinceMs + i * 1000);
  return codes.flatMap((market) =>
    starts.map((start) => ({
      market,
      startMs: start,
      dueMs: dueMs(market, start),
      frames: by.frames.filter((frame) =>
        startMs(frame) === start && JSON.parse(frame.text).code === market
      ),
    }))
  );
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
  await came(frames, 4);
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
    const listener = await client(ticket, { type: "candle.1s", codes, is_only_realtime: true });
    const seconds = await wholeSeconds(listener, 5);
    listener.socket.close();
    /** By how much each second's first sending came late, and the later ones. */
    const [firstMs, againMs]: [number[], number[]] = [[], []];
    let compared = 0;
    for (const { market, startMs, dueMs, frames } of seconds) {
      expect(frames.length, `${market} ${startMs}`).toBe(dueMs.length);
      for (const [i, { atMs }] of frames.entries()) {
        (i === 0 ? firstMs : againMs).push(atMs - dueMs[i]!);
      }
      const [row] = ledger(book, market, startMs, startMs + 1000);
      if (row === undefined) continue;
      const last = frames.at(-1)!.text;
      expect(last).toContain(`"trade_price":${fixed(row.close, 8)}`);
      expect(last).toContain(`"candle_acc_trade_price":${fixed(row.turnover, 16)}`);
      expect(last).toContain(`"timestamp":${row.lastTickAtMs}`);
      compared++;
    }
    expect(compared).toBeGreaterThan(5);
    for (const lateMs of [firstMs, againMs]) {
      expect(lateMs.length).toBeGreaterThan(0);
      expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(-1); // a timer may fire a part of a ms early
      // On time where the machine let it: a feed that is late by itself is late with each.
      expect(Math.min(...lateMs)).toBeLessThan(400);
    }
  },
);

test("a ticker has 33 fields; change against the close of the day before", async () => {
  const { socket, frames } = await client(ticket, {
    type: "ticker",
    codes: ["KRW-BTC"],
    is_only_snapshot: true,
  });
  await came(frames, 1);
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
  await came(frames, 2);
  send([ticket, { type: "candle.1s", codes: ["KRW-XRP"] }]);
  const types = () => frames.map((frame) => JSON.parse(frame.text).type);
  await until("its snapshot", 15_000, () => types().includes("candle.1s"));
  const from = types().indexOf("candle.1s");
  const sinceMs = clock.trueMs();
  const traded = () =>
    book.counted(sinceMs, clock.trueMs() - 500).filter(({ market }) => market === "KRW-BTC");
  await until("KRW-BTC's ticker changed again and again", 15_000, () => traded().length > 3);
  await came(frames, from + 3);
  socket.close();
  expect(new Set(types().slice(0, from))).toEqual(new Set(["ticker"]));
  expect(types().slice(from).filter((type) => type !== "candle.1s")).toEqual([]);
});

test("unknown and lower-case codes get nothing, and LIST_SUBSCRIPTIONS shows what was accepted", async () => {
  const { socket, frames, send } = await client(ticket, {
    type: "ticker",
    codes: ["KRW-NOPE", "krw-btc", "KRW-ETH"],
    is_only_snapshot: true,
  });
  await came(frames, 1);
  await sleep(200);
  expect(frames.map((frame) => JSON.parse(frame.text).code)).toEqual(["KRW-ETH"]);
  send([{ ticket: "x" }, { method: "LIST_SUBSCRIPTIONS" }]);
  await came(frames, 2);
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
  await came(frames, 1);
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
  const idleMs = 4000; // longer than a busy machine keeps a ping waiting
  const strict = await startExchange({ ...settings, times: { ...times, idleMs } });
  try {
    const began = performance.now();
    const silent = new WebSocket(strict.ws);
    const closed = once(silent, "close");
    const pinging = new WebSocket(strict.ws);
    await once(pinging, "open");
    const opened = performance.now();
    const alive = setInterval(() => pinging.ping(), 200);
    const [code] = await closed;
    expect(code).toBe(1006);
    expect(performance.now() - began).toBeGreaterThan(idleMs - 100);
    await until(
      "an idle one had been cut",
      15_000,
      () => performance.now() - opened > idleMs + 300,
    );
    clearInterval(alive);
    expect(pinging.readyState).toBe(WebSocket.OPEN);
    pinging.ping();
    await once(pinging, "pong");
  } finally {
    await strict.close();
  }
});

test('text PING is answered by {"status":"UP"} again and again', async () => {
  const { socket, frames, send } = await client();
  send("PING");
  await came(frames, 3);
  socket.close();
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
  const askedMs = clock.nowMs();
  const { now_ms }: Any = await (await fetch(`${exchange.control}/clock`)).json();
  expect(now_ms).toBeGreaterThanOrEqual(askedMs);
  expect(now_ms).toBeLessThanOrEqual(clock.nowMs());
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
    const listener = await client(ticket, { type: "candle.1s", codes, is_only_realtime: true });
    const { socket, frames } = listener;
    await came(frames, 1);
    const on = () => exchange.faults.list().map((one) => one.kind);
    /** Long enough to look at it at leisure. */
    const begin = async (kind: string, more = {}) => {
      expect((await fault({ kind, for_ms: 120_000, ...more })).status).toBe(200);
      expect(on()).toEqual([kind]);
      await caughtUp(listener);
    };
    /** The same again for a short time, over by itself. */
    const end = async (kind: string, more = {}) => {
      await fault({ kind, for_ms: 300, ...more });
      await until(`${kind} is over`, 15_000, () => on().length === 0, { everyMs: 10 });
    };
    for (const kind of ["silence", "drop"]) {
      await begin(kind);
      const from = frames.length;
      const sinceMs = clock.trueMs();
      await until("two cycles", 15_000, () => clock.trueMs() > sinceMs + 2500);
      await caughtUp(listener);
      expect(frames.length).toBe(from);
      await end(kind);
      await came(frames, from + 1);
    }
    await begin("duplicate");
    const doubled = (await wholeSeconds(listener, 2)).filter(({ dueMs }) => dueMs.length > 0);
    expect(doubled.length).toBeGreaterThan(5);
    for (const second of doubled) {
      const texts = second.frames.map((frame) => frame.text);
      expect(texts.length).toBe(2 * second.dueMs.length);
      for (const text of texts) {
        expect(texts.filter((other) => other === text).length % 2, text).toBe(0);
      }
    }
    await end("duplicate");
    await begin("delay", { by_ms: 700 });
    const delayed = (await wholeSeconds(listener, 1)).filter(({ dueMs }) => dueMs.length > 0);
    expect(delayed.length).toBeGreaterThan(2);
    for (const second of delayed) {
      expect(second.frames.length).toBe(second.dueMs.length);
      for (const [i, { atMs }] of second.frames.entries()) {
        expect(atMs).toBeGreaterThanOrEqual(second.dueMs[i]! + 700 - 1);
      }
    }
    await end("delay", { by_ms: 700 });
    socket.close();
  },
  240_000,
);
