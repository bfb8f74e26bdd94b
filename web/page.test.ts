import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { bucketStartMs, type Interval, INTERVALS } from "#core/interval.ts";
import { bucketLengthMs } from "./model/buckets.ts";
import type { SeriesRow } from "./model/series_row.ts";
import { buildPage, launchChromium } from "./testing/browser.ts";
import { FakeServer } from "./testing/fake_server.ts";

const MARKET = "KRW-BTC";

let browser: Browser;
let built: Awaited<ReturnType<typeof buildPage>>;
let server: FakeServer;
let url: string;
const complaints: string[] = [];

beforeAll(async () => {
  built = await buildPage();
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await built?.remove();
});

beforeEach(async () => {
  complaints.length = 0;
  server = new FakeServer(built.root, 289);
  url = await server.listen();
  return () => server.close();
});

async function open(width = 1440, query = `?market=${MARKET}`): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 740 : 900 },
    locale: "ko-KR",
    colorScheme: "dark",
    hasTouch: width < 500,
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // what the browser itself says of a refused request, or of a test that reads pixels, is not the page's doing
    if (!/Failed to load resource|net::ERR|willReadFrequently/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  await page.goto(url + query);
  return page;
}

/** Evaluated as text: this file's types know no browser. */
function ask<Value>(page: Page, script: string): Promise<Value> {
  return page.evaluate(script) as Promise<Value>;
}

async function untilTrue(page: Page, script: string): Promise<void> {
  // polled from here: the page's policy forbids what waitForFunction does inside it
  await expect.poll(() => ask<boolean>(page, script), { timeout: 90_000, message: script })
    .toBe(true);
}

const LIVE = "stofka.badge.state === 'live' && stofka.feedState === 'live'";

/** Waits until the page holds exactly what the server knows of the last two minutes. */
async function expectServersSeconds(page: Page): Promise<void> {
  await expect.poll(async () => {
    const untilMs = Math.floor(Date.now() / 1_000) * 1_000 - 2_000;
    const sinceMs = untilMs - 120_000;
    const shown = await ask<[number, number][]>(
      page,
      `(({ startsAtMs, close }) => startsAtMs.map((ms, at) => [ms, close[at]])
        .filter(([ms]) => ms >= ${sinceMs} && ms < ${untilMs}))(stofka.columns())`,
    );
    const known = server.seconds(MARKET, sinceMs, untilMs)
      .map((one) => [one.startsAtMs, Number(one.close)]);
    return JSON.stringify(shown) === JSON.stringify(known);
  }, { timeout: 90_000, interval: 300 }).toBe(true);
}

test("list and chart are live, say whose data they show, and nothing inline is needed", async () => {
  const page = await open();
  await untilTrue(page, LIVE);
  await expectServersSeconds(page);
  expect(await ask(page, "stofka.badge.provenance")).toBe("simulated");
  expect(await page.locator(".provenance").textContent()).toBe("모의 데이터");
  await expect.poll(() => page.title()).toMatch(
    /^\[모의 데이터\] [▲▼]? ?[\d,]+ · KRW-BTC · Stofka$/,
  );
  expect(await page.locator(".row").count()).toBeLessThan(60); // of 286
  const colors = await ask<[number, number]>(page, COLORED_PIXELS);
  expect(colors[0]).toBeGreaterThan(200);
  expect(colors[1]).toBeGreaterThan(200);
  expect(complaints).toEqual([]);
  await page.context().close();
});

/** Pixels of the chart in the colours of risen and fallen bars. */
const COLORED_PIXELS = `(() => {
  const canvas = document.querySelector(".chart canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let up = 0, down = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] === 255 && data[at + 1] === 99 && data[at + 2] === 99) up++;
    if (data[at] === 98 && data[at + 1] === 160 && data[at + 2] === 255) down++;
  }
  return [up, down];
})()`;

test("hovering a second shows its record with every digit", async () => {
  const page = await open();
  await untilTrue(page, LIVE);
  const box = (await page.locator(".chart .u-over").boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 3);
  await page.waitForSelector(".record[data-hovered=true]");
  const shown = await page.locator(".record time").getAttribute("datetime");
  const startsAtMs = Date.parse(shown!);
  const [second] = server.seconds(MARKET, startsAtMs, startsAtMs + 1_000);
  const text = (await page.locator(".record").textContent())!.replaceAll(",", "");
  if (second === undefined) expect(text).toContain("체결이 관측되지 않은");
  else for (const digits of [second.volume, second.turnover]) expect(text).toContain(digits);
  await page.context().close();
});

test("a lost stream says so, and its seconds are there when it is back", async () => {
  const page = await open();
  await untilTrue(page, LIVE);
  server.refusing = true;
  server.cut();
  await untilTrue(page, "stofka.badge.state === 'reconnecting'");
  const lostMs = Date.now();
  // seconds that the page has to catch up with
  await expect.poll(() => server.seconds(MARKET, lostMs, Date.now() - 1_000).length, {
    timeout: 60_000,
  }).toBeGreaterThan(1);
  server.refusing = false;
  await untilTrue(page, LIVE);
  await expectServersSeconds(page);
  await page.context().close();
});

test("a tab that slept over a dead connection heals when it wakes", async () => {
  const page = await open();
  await untilTrue(page, LIVE);
  const session = await page.context().newCDPSession(page);
  await session.send("Debugger.enable");
  await session.send("Debugger.pause"); // no timer and no event runs, as in a machine asleep
  server.silent = true; // what is sent while asleep never arrives, and no connection is closed
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  server.silent = false;
  await session.send("Debugger.resume");
  await session.send("Debugger.disable");
  await expectServersSeconds(page);
  await untilTrue(page, LIVE);
  await page.context().close();
});

test("a late revision repaints its second; one that came while the page was away too", async () => {
  const page = await open();
  await untilTrue(page, LIVE);
  const lateMs = Math.floor(Date.now() / 1_000) * 1_000 - 30_000;
  const [late] = server.seconds(MARKET, lateMs, lateMs + 10_000);
  const frames = await ask<number>(page, "stofka.drawnFrames");
  const revised = server.revise(MARKET, late!.startsAtMs, true)!;
  await untilTrue(page, `stofka.row(${late!.startsAtMs}).revision === "${revised.revision}"`);
  await untilTrue(page, `stofka.drawnFrames > ${frames}`);
  expect(await ask(page, `stofka.row(${late!.startsAtMs}).revisions`)).toBe(1);
  server.refusing = true;
  server.cut();
  const missed = server.seconds(MARKET, lateMs - 20_000, lateMs).at(-1)!;
  const unseen = server.revise(MARKET, missed.startsAtMs, false)!;
  server.refusing = false;
  await untilTrue(page, `stofka.row(${missed.startsAtMs}).revision === "${unseen.revision}"`);
  await page.context().close();
});

test("a zoomed view stays when seconds arrive, pages back, and returns to now", async () => {
  const page = await open();
  await untilTrue(page, LIVE);
  const box = (await page.locator(".chart .u-over").boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 3);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 300, box.y + box.height / 3, { steps: 5 });
  await page.mouse.up();
  await page.mouse.wheel(0, -200);
  await untilTrue(page, "stofka.view.follows === false");
  const view = await ask(page, "JSON.stringify(stofka.view)");
  const rows = await ask<number>(page, "stofka.columns().close.length");
  await untilTrue(page, `stofka.columns().close.length > ${rows} + 1`);
  expect(await ask(page, "JSON.stringify(stofka.view)")).toBe(view);
  for (let turn = 0; turn < 14; turn++) await page.mouse.wheel(0, 240);
  await untilTrue(page, `stofka.columns().close.length > ${rows} + 1000`);
  const starts = await ask<number[]>(page, "stofka.columns().startsAtMs");
  const known = server.seconds(MARKET, starts[0]!, starts.at(-1)! + 1_000);
  expect(starts).toEqual(known.map((one) => one.startsAtMs));
  await page.locator(".to-now").click();
  await untilTrue(page, "stofka.view.follows === true");
  await page.context().close();
});

test("a lost exchange is named, and the list is used by keys alone", async () => {
  const page = await open();
  await untilTrue(page, LIVE);
  server.setLink("down");
  await untilTrue(page, "stofka.badge.state === 'exchange-lost'");
  await page.keyboard.press("/");
  await page.keyboard.type("ㅇㄷㄹㅇ");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await untilTrue(page, "stofka.market === 'KRW-ETH' && location.search === '?market=KRW-ETH'");
  await page.goBack();
  await untilTrue(page, "stofka.market === 'KRW-BTC'");
  await page.context().close();
});

/** Waits until the page's row of the bucket has these values. */
async function untilRow(page: Page, startsAtMs: number, expected: object): Promise<void> {
  await expect.poll(() => ask(page, `stofka.row(${startsAtMs})`), { timeout: 90_000 })
    .toMatchObject(expected);
}

/** What a page of an interval shows now, as the server would answer. */
async function expectServersRollups(page: Page, interval: Interval, count: number): Promise<void> {
  await expect.poll(async () => {
    const shown = await ask<[number, number][]>(
      page,
      `(({ startsAtMs, volume }) => startsAtMs.map((ms, at) => [ms, volume[at]]))(stofka.columns())`,
    );
    const closed = shown.slice(-count - 1, -1); // the newest moves on while it is asked for
    const of = server.market(MARKET);
    const known = closed.map(([ms]) => [
      ms,
      Number(server.rollups.stored(of, interval, ms, server.nowMs())?.volume),
    ]);
    return closed.length === count && JSON.stringify(closed) === JSON.stringify(known);
  }, { timeout: 90_000, interval: 300 }).toBe(true);
}

/** The fold of the fake's seconds, by plain numbers of 10⁻⁸. */
function volumeOf(fromMs: number, toMs: number): string {
  const units = server.seconds(MARKET, fromMs, toMs)
    .reduce((sum, { volume }) => sum + BigInt(Math.round(Number(volume) * 1e8)), 0n);
  const text = String(units).padStart(9, "0");
  return decimal(`${text.slice(0, -8)}.${text.slice(-8)}`);
}

test("every interval is offered in both languages, kept in the address, and shown", async () => {
  const page = await open();
  await untilTrue(page, LIVE);
  const offered = page.locator(".intervals button");
  await expect.poll(() => offered.allTextContents())
    .toEqual([
      "1초",
      "1분",
      "3분",
      "5분",
      "10분",
      "15분",
      "30분",
      "1시간",
      "4시간",
      "일",
      "주",
      "월",
    ]);
  for (const interval of ["1m", "4h", "1d", "1mo"] as const) {
    await page.locator(`[data-interval="${interval}"]`).click();
    await untilTrue(page, `stofka.interval === '${interval}' && ${LIVE}`);
    await expectServersRollups(page, interval, 20);
    expect(new URL(page.url()).searchParams.get("interval")).toBe(interval);
  }
  const year = new Date(server.nowMs()).getUTCFullYear();
  expect(await page.locator(".record time b").textContent()).toMatch(
    new RegExp(`^${year}-\\d\\d$`),
  );
  await page.goBack();
  await untilTrue(page, `stofka.interval === '1d' && ${LIVE}`);
  await page.reload();
  await untilTrue(page, `stofka.interval === '1d' && ${LIVE}`);
  await page.locator(".choice button", { hasText: "EN" }).click();
  await expect.poll(() => offered.allTextContents()).toContain("1D");
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("the forming minute grows with each second, and the stored one replaces it once it closed", async () => {
  await server.close();
  // so that the minute ends while the page is watched
  const aheadMs = 60_000 - (Date.now() + 25_000) % 60_000;
  server = new FakeServer(built.root, 30, aheadMs);
  url = await server.listen();
  const minuteMs = Math.floor((server.nowMs() + 15_000) / 60_000) * 60_000;
  const page = await open(1440, `?market=${MARKET}&interval=1m`);
  await untilTrue(page, `${LIVE} && stofka.row(${minuteMs}) !== null`);
  // each state it was seen in is the sum of the seconds before its `until`
  const seen = new Set<string>();
  await expect.poll(async () => {
    const row = await ask<SeriesRow>(page, `stofka.row(${minuteMs})`);
    if (row.closed) return true;
    expect(row.volume).toBe(volumeOf(minuteMs, row.untilMs));
    seen.add(row.volume);
    return seen.size >= 3;
  }, { timeout: 60_000, interval: 100 }).toBe(true);
  expect(await page.locator(".record").textContent()).toContain("진행 중");
  await untilRow(page, minuteMs, { closed: true, volume: volumeOf(minuteMs, minuteMs + 60_000) });
  expect(seen.size).toBeGreaterThanOrEqual(3);
  // the next one forms behind it
  await untilTrue(page, `stofka.row(${minuteMs + 60_000}) !== null`);
  await page.context().close();
});

test("a late correction of a roll-up repaints it; an incomplete one is hollow and says so", async () => {
  const page = await open(1440, `?market=${MARKET}&interval=1m`);
  await untilTrue(page, LIVE);
  const nowMs = server.nowMs();
  const hourAgoMs = Math.floor(nowMs / 60_000) * 60_000 - 3_600_000;
  const frames = await ask<number>(page, "stofka.drawnFrames");
  const corrected = server.correct(MARKET, "1m", hourAgoMs, true, { complete: false });
  await untilRow(page, hourAgoMs, { volume: corrected.volume, complete: false, closed: true });
  await untilTrue(page, `stofka.drawnFrames > ${frames}`);
  await page.waitForSelector(".chart-legend");
  // one that came while the page was away
  server.refusing = true;
  server.cut();
  const unseen = server.correct(MARKET, "1m", hourAgoMs - 60_000, false);
  server.refusing = false;
  await untilRow(page, hourAgoMs - 60_000, { volume: unseen.volume });
  // walked to by keys, it is read aloud
  await page.locator(".chart").focus();
  for (let step = 0; step < 6; step++) await page.keyboard.press("Shift+ArrowLeft");
  await expect.poll(() => page.locator(".chart-frame .unseen").textContent()).toContain("시가");
  await page.context().close();
});

test("history of an interval is paged back to its first candle", async () => {
  const page = await open(1440, `?market=${MARKET}&interval=1d`);
  await untilTrue(page, LIVE);
  const rows = await ask<number>(page, "stofka.columns().close.length");
  const box = (await page.locator(".chart .u-over").boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 3);
  await expect.poll(async () => {
    await page.mouse.wheel(0, 240);
    return await ask<number>(page, "stofka.columns().close.length");
  }, { timeout: 90_000, interval: 100 }).toBeGreaterThan(rows + 550);
  const starts = await ask<number[]>(page, "stofka.columns().startsAtMs");
  expect(new Set(starts.slice(1).map((ms, at) => ms - starts[at]!))).toEqual(new Set([86_400_000]));
  await page.context().close();
});

/**
 * Share of a stretch's ground that is nearer to the warning's colour than the empty ground is. Bars lie over the hatching and
 * are no ground: one may cover most of a narrow band's height.
 */
const tinted = (fromShare: number, toShare: number): string =>
  `(() => {
    const canvas = document.querySelector(".chart canvas");
    const over = document.querySelector(".chart .u-over");
    const ratio = canvas.width / canvas.clientWidth;
    const left = over.offsetLeft * ratio, width = over.clientWidth * ratio;
    const from = Math.round(left + width * ${fromShare}), to = Math.round(left + width * ${toShare});
    const top = Math.round(over.offsetTop * ratio), height = Math.round(over.clientHeight * ratio);
    const { data } = canvas.getContext("2d").getImageData(from, top, to - from, height);
    let ground = 0, tinted = 0;
    // of both warning colours, and of no other colour of the chart: much less blue than red and green
    for (let at = 0; at < data.length; at += 4) {
      const alpha = data[at + 3];
      if (alpha > 200) continue;
      ground++;
      if (alpha > 0 && data[at] > data[at + 2] + 20 && data[at + 1] > data[at + 2] + 10) tinted++;
    }
    return ground === 0 ? 0 : tinted / ground;
  })()`;

test.each([[1440, "dark"], [360, "light"]] as const)(
  "a gap is hatched and named, a quiet time is not, and once repaired it goes by itself (%i px, %s)",
  async (width, theme) => {
    const startMs = Math.floor(server.nowMs() / 60_000) * 60_000 - 20 * 60_000;
    const gap = {
      sinceMs: startMs,
      untilMs: startMs + 5 * 60_000,
      cause: "link_lost",
      permanent: false,
      provisional: false,
    } as const;
    server.gaps = [gap];
    const page = await open(width, `?market=${MARKET}&interval=1m`);
    await untilTrue(page, `${LIVE} && stofka.gaps.length === 1`);
    if (theme === "light") {
      await page.evaluate(`document.documentElement.dataset.theme = "light"`);
      await page.locator(".intervals [data-interval='3m']").click();
      await page.locator(".intervals [data-interval='1m']").click();
      await untilTrue(page, `stofka.interval === "1m" && ${LIVE} && stofka.gaps.length === 1`);
    }
    const [from, to] = await ask<[number, number]>(
      page,
      `[${gap.sinceMs}, ${gap.untilMs}].map((ms) =>
        (ms - stofka.view.fromMs) / (stofka.view.toMs - stofka.view.fromMs))`,
    );
    // the view goes on with time: the edges are left out
    const [inside, quiet] = [tinted(from + 0.01, to - 0.01), tinted(from - 0.15, from - 0.02)];
    await expect.poll(() => ask<number>(page, inside), { timeout: 90_000 }).toBeGreaterThan(0.1);
    expect(await ask<number>(page, quiet)).toBeLessThan(0.02);

    const box = (await page.locator(".chart .u-over").boundingBox())!;
    const at = { x: box.x + box.width * (from + to) / 2, y: box.y + box.height / 3 };
    if (width < 500) await page.touchscreen.tap(at.x, at.y);
    else await page.mouse.move(at.x, at.y);
    const named = page.locator(".record-tag.gap");
    await expect.poll(() => named.textContent())
      .toMatch(/^누락: 거래소 연결 끊김 · .+ · 300초$/);
    if (width > 500) {
      await page.locator(".choice button", { hasText: "EN" }).click();
      await page.mouse.move(at.x, at.y);
      await expect.poll(() => named.textContent())
        .toMatch(/^Missing: exchange link lost · .+ · 300 s$/);
    }

    server.gaps = [];
    await expect.poll(() => ask<number>(page, inside), { timeout: 60_000 }).toBeLessThan(0.02);
    expect(complaints).toEqual([]);
    await page.context().close();
  },
);

test("a gap of 15 s is hatched and named on the chart of every interval, be it a second's or a month's", async () => {
  const page = await open();
  await untilTrue(page, LIVE);
  for (const interval of INTERVALS) {
    // some buckets ago, in the middle of one; no gap is told of that is older than coverage is kept
    const [nowMs, lengthMs] = [server.nowMs(), bucketLengthMs(interval)];
    const sinceMs = bucketStartMs(interval, nowMs - 15_000 - 8 * lengthMs) +
      Math.floor(lengthMs / 2_000) * 1_000;
    server.gaps = [{
      sinceMs,
      untilMs: sinceMs + 15_000,
      cause: "restart",
      permanent: false,
      provisional: false,
    }];
    // another chart asks anew
    await page.locator(`.intervals [data-interval='${interval === "1s" ? "1m" : "1s"}']`).click();
    await page.locator(`.intervals [data-interval='${interval}']`).click();
    await untilTrue(
      page,
      `stofka.interval === "${interval}" && ${LIVE} && stofka.gaps.length === 1 &&
        stofka.gaps[0].sinceMs === ${sinceMs}`,
    );
    const box = (await page.locator(".chart .u-over").boundingBox())!;
    const shareOf = (ms: number): Promise<number> =>
      ask(page, `(${ms} - stofka.view.fromMs) / (stofka.view.toMs - stofka.view.fromMs)`);
    // the least width of a band
    const hatched = async (): Promise<number> => {
      const from = await shareOf(sinceMs);
      return ask(page, tinted(from, from + 2 / box.width));
    };
    await expect.poll(hatched, { timeout: 10_000, message: interval }).toBeGreaterThan(0.1);
    await expect.poll(async () => {
      const share = await shareOf(sinceMs + 7_500);
      await page.mouse.move(box.x + box.width * share, box.y + box.height / 3);
      const [named = ""] = await page.locator(".record-tag.gap").allTextContents();
      return `${interval} ${named}`;
    }, { timeout: 10_000 }).toMatch(/^\w+ 누락: .+ · .+ · 15초$/);
  }
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("at 360 px list and chart take turns, and nothing is wider than the screen", async () => {
  const page = await open(360, "");
  await page.locator(".row").first().tap();
  await page.waitForSelector(".chart canvas");
  await untilTrue(page, LIVE);
  const widths = await ask<number[]>(
    page,
    `[...document.querySelectorAll(".page *")].filter((one) => one.closest(".intervals") === null)
      .map((one) => one.getBoundingClientRect())
      .filter(({ width, right }) => width > 0 && right > 361).map(({ right }) => right)`,
  );
  expect(widths).toEqual([]);
  const small = await ask<string[]>(
    page,
    `[...document.querySelectorAll("button")].filter((one) => {
      const { width, height } = one.getBoundingClientRect();
      return width > 0 && (height < 32 || width < 32);
    }).map((one) => one.textContent)`,
  );
  expect(small).toEqual([]);
  expect(await ask(page, "document.querySelector('.intervals').scrollWidth > 360")).toBe(true);
  await page.locator(".market-header .back").tap();
  await page.waitForSelector(".row");
  await page.context().close();
});
