import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { buildPage, launchChromium } from "./testing/browser.ts";
import { FakeServer } from "./testing/fake_server.ts";

/** /compare in a browser: it asks that the exchange be asked, says how far that is, and shows each difference. */

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
  server = new FakeServer(built.root, 20);
  url = await server.listen();
  return () => server.close();
});

async function open(width: number, path: string): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    locale: "en-US",
    colorScheme: "light",
    acceptDownloads: true,
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url + path);
  return page;
}

const count = async (page: Page, verdict: string): Promise<number> =>
  Number((await page.locator(`.compare-counts [data-verdict=${verdict}] dd`).textContent())!
    .replaceAll(",", ""));

test("what is not fetched is wished for once, its progress is said, and then each verdict is counted", async () => {
  const page = await open(1440, "compare?market=KRW-BTC");
  await page.waitForSelector(".compare-fetching");
  expect(await page.locator(".compare-share strong").textContent()).toBe("–");
  expect(await page.locator(".differences").textContent()).toContain("Nothing is compared yet");
  await page.waitForSelector(".compare-share[data-state=warn]");
  await page.waitForSelector(".compare-fetching", { state: "detached", timeout: 60_000 });
  expect(server.compare.wishes).toBe(1);
  const counts = {
    match: await count(page, "match") + await count(page, "match_rounded"),
    wrong: await count(page, "differ") + await count(page, "missing_here") +
      await count(page, "missing_there"),
    taken: await count(page, "taken"),
  };
  expect(counts.taken).toBeGreaterThan(20);
  // what was taken is in neither
  const percent = Math.floor(counts.match / (counts.match + counts.wrong) * 1_000) / 10;
  expect(await page.locator(".compare-share strong").textContent()).toBe(`${percent.toFixed(1)}%`);
  expect(await page.locator(".differences h2 .count").textContent()).toBe(`${counts.wrong}`);
  expect(await page.locator(".differences .both-rows").count()).toBe(Math.min(50, counts.wrong));
  const differing = page.locator(".differences .both-rows[data-verdict=differ]").first();
  expect(await differing.locator("[data-differs=true] dt").allTextContents())
    .toEqual(["High", "Volume", "Turnover"]);
  const [theirs, ours] = await differing.locator("[data-differs=true]").nth(1).locator("dd span")
    .allTextContents();
  expect(Number(theirs) - Number(ours)).toBeCloseTo(0.00010001, 9);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("both charts have one crosshair; the overlay is one chart; the address keeps what was chosen", async () => {
  server.compare.wish();
  const page = await open(1440, "?market=KRW-BTC");
  await page.click(".to-compare");
  expect(page.url()).toBe(`${url}compare?market=KRW-BTC`);
  await page.waitForSelector(".compare-charts .u-over");
  await page.waitForSelector(".compare-fetching", { state: "detached", timeout: 60_000 });
  const box = (await page.locator(".compare-charts .u-over").first().boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + 60);
  await page.waitForSelector(".compare-charts > .both-rows");
  const labels = await page.locator(".compare-charts .crosshair-time:not([hidden])")
    .allTextContents();
  expect(labels).toHaveLength(2);
  expect(labels[0]).toBe(labels[1]);
  // one view: what is zoomed here is zoomed there
  const axis = (): Promise<string> => page.evaluate(PRICE_PIXELS) as Promise<string>;
  const before = await axis();
  await page.mouse.wheel(0, -600);
  await expect.poll(axis).not.toBe(before);
  await page.click("[data-value=over]");
  await expect.poll(() => page.locator(".compare-charts .u-over").count()).toBe(1);
  await page.click("[data-interval='5m']");
  await expect.poll(() => page.url()).toBe(`${url}compare?market=KRW-BTC&interval=5m`);
  await page.goBack();
  await expect.poll(() => page.locator("[data-interval='1m']").getAttribute("aria-pressed"))
    .toBe("true");
  await page.goBack();
  await page.waitForSelector(".chart-pane");
  expect(complaints).toEqual([]);
  await page.context().close();
});

/** What the second chart shows, the one that the pointer is not on. */
const PRICE_PIXELS = `document.querySelectorAll(".compare-charts canvas")[1].toDataURL()`;

test("the CSV is asked for with what is shown, and 360 px hold everything", async () => {
  server.compare.wish();
  const page = await open(360, "compare?market=KRW-ETH&interval=15m");
  await page.waitForSelector(".compare-charts .u-over");
  const tops = await page.locator(".compare-plots figure").evaluateAll((figures) =>
    (figures as unknown as { getBoundingClientRect(): { top: number } }[]).map((one) =>
      one.getBoundingClientRect().top
    )
  );
  expect(tops[1]! - tops[0]!).toBeGreaterThan(200); // one above the other
  expect(
    await page.evaluate(
      `(() => { const one = document.querySelector(".compare"); return one.scrollWidth - one.clientWidth; })()`,
    ),
  ).toBe(0);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.click("a.compare-button"),
  ]);
  expect(download.url()).toMatch(
    /\/api\/compare\?market=KRW-ETH&interval=15m&since=\d+&until=\d+&format=csv$/,
  );
  expect((await readFile((await download.path())!, "utf8")).split("\r\n")[0]).toMatch(
    /^market,interval,starts_at,verdict,.*upbit_open.*stofka_turnover,reason$/,
  );
  await page.context().close();
});
