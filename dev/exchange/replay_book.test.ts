import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { until } from "../../tests/until.ts";
import { Clock } from "./clock.ts";
import { startExchange } from "./exchange.ts";
import { ReplayBook } from "./replay_book.ts";

const folder = process.env["STOFKA_DATA"] ?? join(import.meta.dirname, "../../../shared/data");
const file = join(folder, "cryptofeed/UPBIT.ws.62.0");
const here = existsSync(file);
if (!here) console.log(`replay of the recording not tested: ${file} is absent (set STOFKA_DATA)`);

/**
 * The expected rows, by a way of its own: number texts through JSON.parse's source text, plain decimal arithmetic on the raw file.
 * Order within a second is (trade_timestamp, sequential_id): an inference, since the exchange calls the id unique but no order.
 */
function expectedRows(): Map<string, string> {
  const trades = readFileSync(file, "utf8").split("\n").flatMap((line) => {
    const start = line.indexOf('b\'{"ty":"trade"');
    if (start < 0) return [];
    const json = line.slice(start + 2, -1);
    const keep = (_key: string, value: unknown, context?: { source?: string }) =>
      typeof value === "number" ? context!.source! : value;
    return [JSON.parse(json, keep as never) as Record<string, string>];
  });
  trades.sort((a, b) =>
    Number(a["ttms"]) - Number(b["ttms"]) || Number(BigInt(a["sid"]!) - BigInt(b["sid"]!))
  );
  const rows = new Map<
    string,
    { prices: string[]; volume: bigint; turnover: bigint; tms: number }
  >();
  for (const trade of trades) {
    const key = `${trade["cd"]} ${trade["td"]}T${trade["ttm"]}`;
    const row = rows.get(key) ?? { prices: [], volume: 0n, turnover: 0n, tms: 0 };
    rows.set(key, row);
    row.prices.push(trade["tp"]!);
    const [price, volume] = [tenths(trade["tp"]!, 8), tenths(trade["tv"]!, 8)];
    row.volume += volume;
    row.turnover += price * volume;
    row.tms = Math.max(row.tms, Number(trade["tms"]));
  }
  return new Map([...rows].map(([key, { prices, volume, turnover, tms }]) => {
    const sorted = prices.toSorted((a, b) => Number(a) - Number(b));
    const ohlc = [prices[0], sorted.at(-1), sorted[0], prices.at(-1)].map((p) => tenths(p!, 8));
    return [key, [...ohlc, volume, turnover, tms].join(" ")];
  }));
}

function tenths(text: string, digits: number): bigint {
  const [whole, fraction = ""] = text.split(".");
  return BigInt(whole! + fraction.padEnd(digits, "0"));
}

test.runIf(here)(
  "a played recording ends with each of its 35 seconds equal to a computation on the raw file",
  async () => {
    const expected = expectedRows();
    expect(expected.size).toBe(35);
    const book = new ReplayBook(readFileSync(file, "utf8"));
    const clock = new Clock(book.firstMs - 1000, 20, () => Date.now());
    const exchange = await startExchange({
      book,
      clock,
      waits: true,
      port: 0,
      controlPort: 0,
      seed: 1,
    });
    try {
      const listed = await (await fetch(`${exchange.rest}/market/all`)).json() as {
        market: string;
      }[];
      const codes = listed.map((row) => row.market);
      expect(codes).toEqual(["BTC-ITAM", "BTC-PAX", "BTC-XTZ", "KRW-LAMB", "KRW-WAVES"]);
      const before = await (await fetch(`${exchange.rest}/candles/seconds?market=KRW-LAMB`)).json();
      expect(before).toEqual([]);
      const client = new WebSocket(exchange.ws);
      const last = new Map<string, string>();
      let sent = 0;
      client.on(
        "open",
        () => client.send(JSON.stringify([{ ticket: "t" }, { type: "candle.1s", codes }])),
      );
      client.on("message", (data: Buffer) => {
        const row = JSON.parse(
          data.toString(),
          ((_k: string, v: unknown, c?: { source?: string }) =>
            typeof v === "number" ? c!.source : v) as never,
        ) as Record<string, string>;
        sent++;
        const prices = ["opening_price", "high_price", "low_price", "trade_price"];
        const text = [
          ...[...prices, "candle_acc_trade_volume"].map((name) => tenths(row[name]!, 8)),
          tenths(row["candle_acc_trade_price"]!, 16),
          row["timestamp"],
        ].join(" ");
        last.set(`${row["code"]} ${row["candle_date_time_utc"]}`, text);
      });
      await until("the recording is over", 60_000, () => clock.nowMs() > book.lastMs + 2500);
      const sorted = (seconds: ReadonlyMap<string, string>) => JSON.stringify([...seconds].sort());
      // On a busy machine the feed plays after.
      await until("all was sent", 10_000, () => sorted(last) === sorted(expected))
        .catch(() => {}); // the comparison says what differs
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(Object.fromEntries([...last].sort())).toEqual(
        Object.fromEntries([...expected].sort()),
      );
      // The disorder is real: many seconds were sent again when a late trade came.
      expect(sent).toBeGreaterThan(100);
      const url = `${exchange.rest}/candles/seconds?market=KRW-LAMB&count=200`;
      const rows = await (await fetch(url)).json() as unknown[];
      expect(rows.length).toBe(
        [...expected.keys()].filter((key) => key.startsWith("KRW-LAMB")).length,
      );
      client.close();
    } finally {
      await exchange.close();
    }
  },
);

const line =
  `1618678263.010785: b'{"ty":"trade","cd":"KRW-A","tms":1618678262712,"ttms":1618678262000,"tp":1.5E-7,"tv":2.0,"ab":"BID","pcp":1.0,"sid":17732400590950001,"st":"REALTIME"}'`;

test("a capture's numbers keep every digit: exponents, and ids beyond a double", () => {
  const [trade] = new ReplayBook(line).trades("KRW-A", 0, Number.MAX_SAFE_INTEGER);
  expect(trade).toMatchObject({
    price: 15n,
    volume: 200_000_000n,
    sequentialId: "17732400590950001",
  });
});

test("a file without trades is refused with what was looked for", () => {
  expect(() => new ReplayBook("nothing")).toThrow(/no trade found/);
});
