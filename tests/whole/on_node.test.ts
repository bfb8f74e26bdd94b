import { readlinkSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBrowser, openChart, pageBadge, pageSeconds } from "./browser.ts";
import { difference, ledgerSeconds, SAME, storedSeconds } from "./seconds.ts";
import { until } from "../until.ts";
import { Stack } from "./stack.ts";

/** The same sources on Node: the stack starts its services with the runtime it runs on itself. */

const MARKETS = ["KRW-BTC", "KRW-XRP", "KRW-ETH", "KRW-USDT", "KRW-SOL", "KRW-DOGE"];

let stack: Stack;
let browser: Browser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([
    Stack.start("node", ["--exchange", "simulator", "--markets", MARKETS.join(",")]),
    openBrowser(),
  ]);
}, 200_000);

afterAll(async () => {
  await browser?.close();
  expect(await stack?.stop()).toEqual([]);
});

describe("the whole path on Node", () => {
  test.each(["ingest", "persist", "stream"])("%s runs on Node", (service) => {
    expect(readlinkSync(`/proc/${stack.pid(service)}/exe`)).toMatch(/\/node$/);
  });

  test("PostgreSQL and the page hold what the ledger says, of the markets asked for alone", async () => {
    const page = await openChart(browser, stack.file.page, "KRW-BTC");
    const sinceMs = Math.ceil(Date.now() / 1000) * 1000;
    const untilMs = sinceMs + 10_000;
    await until("10 seconds are settled", 20_000, () => Date.now() > untilMs + 4_000);
    const truth = await ledgerSeconds(stack.file.exchange.control!, MARKETS, sinceMs, untilMs);
    let found = SAME;
    await until("the table equals the ledger", 15_000, async () => {
      found = difference(truth, await storedSeconds(stack.database, sinceMs, untilMs));
      return found.missing.length + found.different.length === 0;
    }, { everyMs: 500 }).catch(() => {}); // the comparison below says what differs
    expect(found).toEqual(SAME);
    expect(truth.size).toBeGreaterThan(10);

    const bitcoin = new Map([...truth].filter(([, { market }]) => market === "KRW-BTC"));
    const held = await pageSeconds(page, "KRW-BTC", sinceMs, untilMs);
    expect(difference(bitcoin, held)).toEqual(SAME);
    expect((await pageBadge(page)).state).toBe("live");
  });
});
