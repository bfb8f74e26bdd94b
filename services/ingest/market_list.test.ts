import fc from "fast-check";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Market } from "#core/market.ts";
import { fetchMarketList, listingChanges, type MarketList, readMarketList } from "./market_list.ts";

const BTC = '{"market":"KRW-BTC", "korean_name":"비트코인","english_name":"Bitcoin","step":1.0}';
const ETH = '{"market":"BTC-ETH","korean_name":"이더리움","english_name":"Ethereum"}';
const all = (): boolean => true;

test("readMarketList() keeps each chosen entry byte for byte", () => {
  const text = `[\n ${BTC},${ETH} ]`;
  expect([...readMarketList(text, all).list]).toEqual([["KRW-BTC", BTC], ["BTC-ETH", ETH]]);
  const krw = readMarketList(text, (market) => market.startsWith("KRW-"));
  expect([...krw.list.keys()]).toEqual(["KRW-BTC"]);
  expect(krw.unreadable).toEqual([]);
});

test("one odd entry does not cost the rest", () => {
  const odd = '{"market":"krw-odd"}';
  const { list, unreadable } = readMarketList(`[${odd},${BTC}]`, all);
  expect([...list.keys()]).toEqual(["KRW-BTC"]);
  expect(unreadable).toEqual([odd]);
});

test("what is listed but not chosen, or listed in an odd way, is not delisted", () => {
  const odd = '{"market":"KRW-ODD","korean_name":1}';
  const chosen = readMarketList(`[${BTC},${ETH},${odd}]`, (market) => market === "KRW-BTC");
  expect([...chosen.all]).toEqual(["KRW-BTC", "BTC-ETH", "KRW-ODD"]);
  const published = new Map(
    ["KRW-BTC", "BTC-ETH", "KRW-ODD", "KRW-GONE"].map((market) => [market as Market, BTC]),
  );
  expect([...listingChanges(published, chosen)]).toEqual([["KRW-GONE", null]]);
});

test.each(["", "[]", "{}", "null", '[{"x":1}]', "<html>"])(
  "readMarketList() refuses %j: an empty list would delist everything",
  (text) => {
    expect(() => readMarketList(text, all)).toThrow(
      expect.objectContaining({ code: "market_list_invalid" }),
    );
  },
);

test("applying the changes to what is published gives the next list", () => {
  const list: fc.Arbitrary<MarketList> = fc.uniqueArray(
    fc.tuple(fc.constantFrom("KRW-A", "KRW-B", "KRW-C", "KRW-D"), fc.constantFrom("1", "2")),
    { selector: ([market]) => market },
  ).map((entries) => new Map(entries as [Market, string][]));
  fc.assert(fc.property(list, list, (published, next) => {
    const topic = new Map(published);
    for (
      const [market, element] of listingChanges(published, {
        list: next,
        all: new Set(next.keys()),
      })
    ) {
      if (element === null) topic.delete(market);
      else topic.set(market, element);
    }
    expect(topic).toEqual(new Map(next));
    expect(listingChanges(next, { list: next, all: new Set(next.keys()) }).size).toBe(0);
  }));
});

const answers: Record<string, { status: number; body: string; headers?: Record<string, string> }> =
  {
    "/ok/market/all?is_details=true": { status: 200, body: `[${BTC}]` },
    "/busy/market/all?is_details=true": { status: 429, body: "{}" },
    "/moved/market/all?is_details=true": { status: 302, body: "", headers: { location: "/ok" } },
    "/huge/market/all?is_details=true": { status: 200, body: " ".repeat(9 * 1024 * 1024) },
  };
const server = createServer((request, response) => {
  const answer = answers[request.url ?? ""];
  if (answer === undefined) return; // never answered
  response.writeHead(answer.status, answer.headers).end(answer.body);
});
let base = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test("fetchMarketList() gives the text as it came", async () => {
  const never = new AbortController().signal;
  expect(await fetchMarketList(`${base}/ok/`, never)).toBe(`[${BTC}]`);
});

test.each(["busy", "moved", "huge"])("fetchMarketList() fails by name when %s", async (path) => {
  const never = new AbortController().signal;
  await expect(fetchMarketList(`${base}/${path}`, never)).rejects.toMatchObject({
    code: "market_list_unreachable",
  });
});

test("fetchMarketList() of a server that never answers ends with the signal", async () => {
  await expect(fetchMarketList(`${base}/silent`, AbortSignal.timeout(100))).rejects.toMatchObject({
    code: "market_list_unreachable",
  });
});
