import { type Browser, chromium, type Page } from "playwright-core";
import { onPath } from "../../dev/stack/programs.ts";
import type { DrawColumns } from "../../web/model/candle_series.ts";
import type { SeriesRow } from "../../web/model/series_row.ts";
import type { ViewRange } from "../../web/model/view_range.ts";
import { keyOf, type Seconds } from "./seconds.ts";

/** What the page shows of itself (web/state/test_view.ts). */
interface TestView {
  columns(): DrawColumns;
  row(startsAtMs: number): SeriesRow | null;
  readonly feedState: string;
  readonly drawnFrames: number;
  readonly view: ViewRange | null;
  readonly badge: { readonly state: string; readonly provenance: string | null };
}

/** The little of the DOM that is used inside the page: its whole library would make `document` known to the services too. */
interface PageElement {
  readonly textContent: string | null;
  readonly dateTime: string;
  readonly width: number;
  readonly height: number;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
  getBoundingClientRect(): { left: number; top: number; width: number; height: number };
  getContext(kind: "2d"): {
    getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
  };
}
declare const document: Pick<PageElement, "querySelector">;
declare function getComputedStyle(
  element: PageElement,
): { getPropertyValue(name: string): string };

/** The system's Chromium, which talks to nobody but the page. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = onPath(process.env, "chromium") ?? onPath(process.env, "google-chrome");
  if (executablePath === undefined) throw new Error("there is no chromium on the PATH");
  return await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox", // root has none
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Opens a market's second chart, in English, and waits for its candles. */
export async function openChart(browser: Browser, address: string, market: string): Promise<Page> {
  const context = await browser.newContext({
    locale: "en-US",
    viewport: { width: 1280, height: 800 },
  });
  const page = await context.newPage();
  await page.goto(`${address}/?market=${market}`);
  await page.waitForFunction(
    () => {
      const { stofka } = globalThis as unknown as { stofka?: TestView };
      return stofka?.feedState === "live" && stofka.columns().startsAtMs.length > 0 &&
        stofka.drawnFrames > 0;
    },
    undefined,
    { timeout: 30_000 },
  );
  return page;
}

/** What the page holds of its market, exact digits included. */
export async function pageRows(page: Page): Promise<SeriesRow[]> {
  return await page.evaluate(() => {
    const { stofka } = globalThis as unknown as { stofka: TestView };
    return stofka.columns().startsAtMs.map((startsAtMs) => stofka.row(startsAtMs)!);
  });
}

/** The same by market and start, to be compared with a ledger; those that start in [sinceMs, untilMs). */
export async function pageSeconds(
  page: Page,
  market: string,
  sinceMs = 0,
  untilMs = Infinity,
): Promise<Seconds> {
  const rows = (await pageRows(page))
    .filter(({ startsAtMs }) => startsAtMs >= sinceMs && startsAtMs < untilMs)
    .map((row) => ({ ...row, market }));
  return new Map(rows.map((row) => [keyOf(row), row]));
}

export async function pageBadge(page: Page): Promise<TestView["badge"]> {
  return await page.evaluate(() => (globalThis as unknown as { stofka: TestView }).stofka.badge);
}

/** The pixels of one candle's middle column, by the direction whose colour they have. */
export interface CandlePixels {
  readonly startsAtMs: number;
  readonly direction: "up" | "down" | "even";
  readonly up: number;
  readonly down: number;
}

/** Reads, from the chart's own canvas, the column of pixels through the middle of each of the newest candles. */
export async function candlePixels(page: Page, count: number): Promise<CandlePixels[]> {
  return await page.evaluate((count) => {
    const { stofka } = globalThis as unknown as { stofka: TestView };
    const canvas = document.querySelector(".chart canvas")!;
    const over = document.querySelector(".chart .u-over")!.getBoundingClientRect();
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    const style = getComputedStyle(document.querySelector(".chart")!);
    const rgb = (name: string): number[] => {
      const hex = style.getPropertyValue(name).trim().slice(1);
      return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
    };
    const colors = { up: rgb("--up"), down: rgb("--down") };
    const context = canvas.getContext("2d")!;
    const { fromMs, toMs } = stofka.view!;
    const { startsAtMs, open, close } = stofka.columns();
    const result = [];
    for (let at = Math.max(0, startsAtMs.length - count); at < startsAtMs.length; at++) {
      const share = (startsAtMs[at]! + 500 - fromMs) / (toMs - fromMs);
      if (share < 0 || share > 1) continue;
      const x = Math.floor((over.left - box.left + share * over.width) * scale);
      const { data } = context.getImageData(x, 0, 1, canvas.height);
      const pixels = { up: 0, down: 0 };
      for (let i = 0; i < data.length; i += 4) {
        for (const side of ["up", "down"] as const) {
          const near = colors[side].every((value, channel) =>
            Math.abs(value - data[i + channel]!) <= 3
          );
          if (near) pixels[side]++;
        }
      }
      const moved = close[at]! - open[at]!;
      const direction = moved > 0 ? "up" as const : moved < 0 ? "down" as const : "even" as const;
      result.push({ startsAtMs: startsAtMs[at]!, direction, ...pixels });
    }
    return result;
  }, count);
}

/** Puts the pointer on a candle. */
export async function hover(page: Page, startsAtMs: number): Promise<void> {
  const at = await page.evaluate((startsAtMs) => {
    const { stofka } = globalThis as unknown as { stofka: TestView };
    const over = document.querySelector(".chart .u-over")!.getBoundingClientRect();
    const { fromMs, toMs } = stofka.view!;
    const share = (startsAtMs + 500 - fromMs) / (toMs - fromMs);
    return { x: over.left + share * over.width, y: over.top + over.height / 3 };
  }, startsAtMs);
  await page.mouse.move(at.x, at.y);
}

/** What the record below the chart says: the hovered second, and name → value. */
export async function shownRecord(
  page: Page,
): Promise<{
  readonly startsAt: string;
  readonly tags: readonly string[];
  readonly values: Readonly<Record<string, string>>;
}> {
  return await page.evaluate(() => {
    const record = document.querySelector(".record[data-hovered=true]");
    const values: Record<string, string> = {};
    for (const cell of record?.querySelectorAll("dl > div") ?? []) {
      const unit = cell.querySelector(".unit")?.textContent ?? "";
      const text = cell.querySelector("dd")!.textContent ?? "";
      values[cell.querySelector("dt")!.textContent!] = text.slice(0, text.length - unit.length);
    }
    const tags = [...record?.querySelectorAll(".record-tag") ?? []]
      .map((tag) => tag.textContent ?? "");
    return { startsAt: record?.querySelector("time")?.dateTime ?? "", tags, values };
  });
}
