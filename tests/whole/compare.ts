import type { Browser, Page } from "playwright-core";
import { readFile } from "node:fs/promises";
import { COMPARE_FIELDS, type CompareRow } from "#core/compare_page.ts";
import type { Second } from "./seconds.ts";

/** What `/compare` shows, and the evidence that it hands out. */

type Row = CompareRow | null;

/** A bucket of which both rows stand one above the other. */
export interface ShownDifference {
  readonly startsAtMs: number;
  readonly verdict: string;
  readonly theirs: Row;
  readonly ours: Row;
}

/** A line of the CSV. */
export interface EvidenceLine extends ShownDifference {
  readonly differing: readonly string[];
  readonly reason: string;
}

/** The little of the DOM that is used inside the page. */
interface PageElement {
  readonly textContent: string | null;
  readonly dateTime: string;
  readonly dataset: Readonly<Record<string, string>>;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
}
declare const document: PageElement;

/** Opens it in English; resolves, when the page has wished for what is not fetched, with what the server said to the wish. */
export async function openCompare(
  browser: Browser,
  address: string,
  query: string,
): Promise<{ readonly page: Page; readonly wish: { readonly status: number } }> {
  const context = await browser.newContext({
    locale: "en-US",
    viewport: { width: 1280, height: 1_000 },
    acceptDownloads: true,
  });
  const page = await context.newPage();
  const wished = page.waitForResponse((answer) => answer.url().includes("/api/compare/wish"), {
    timeout: 20_000,
  });
  await page.goto(`${address}/compare?${query}`);
  const status = (await wished).status();
  return { page, wish: { status } };
}

/** Whether it still says that the exchange is being asked. */
export async function isFetching(page: Page): Promise<boolean> {
  return await page.locator(".compare-fetching").count() > 0;
}

/** Candles by their verdict, as the summary counts them, and the share that agrees, as it writes it. */
export async function shownSummary(
  page: Page,
): Promise<{ readonly share: string; readonly counts: Readonly<Record<string, number>> }> {
  return await page.evaluate(() => {
    const counts: Record<string, number> = {};
    for (const one of document.querySelectorAll(".compare-counts [data-verdict]")) {
      const text = one.querySelector("dd")!.textContent!;
      counts[one.dataset["verdict"]!] = Number(text.replaceAll(",", ""));
    }
    return { share: document.querySelector(".compare-share strong")!.textContent!, counts };
  });
}

/** Names of the plots, each with how many of its pixels have the colour of a rising or a falling candle. */
export async function plottedSides(page: Page): Promise<Readonly<Record<string, number>>> {
  return await page.evaluate(COUNT_PIXELS) as Record<string, number>;
}

/** As text: what it needs of the DOM is more than the services' types should know. */
const COUNT_PIXELS = `(() => {
  const style = getComputedStyle(document.querySelector(".compare-plots .chart"));
  const colors = ["--up", "--down"].map((name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  });
  return Object.fromEntries([...document.querySelectorAll(".compare-plots figure")].map((figure) => {
    const canvas = figure.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (colors.some((rgb) => rgb.every((value, at) => Math.abs(value - data[i + at]) <= 3))) count++;
    }
    return [figure.querySelector("figcaption").textContent, count];
  }));
})()`;

/** Below the charts, newest first. */
export async function shownDifferences(page: Page): Promise<readonly ShownDifference[]> {
  const found = await page.evaluate(() =>
    [...document.querySelectorAll(".differences .both-rows")].map((one) => {
      const side = (name: string) =>
        [...one.querySelectorAll(`dd[data-side=${name}] > span`)].map((cell) => cell.textContent!);
      return {
        startsAt: one.querySelector("time")!.dateTime,
        verdict: one.dataset["verdict"]!,
        theirs: side("theirs"),
        ours: side("ours"),
      };
    })
  );
  return found.map(({ startsAt, verdict, theirs, ours }) => ({
    startsAtMs: Date.parse(startsAt),
    verdict,
    theirs: rowOf(theirs.map((text) => text === "–" ? "" : text.replaceAll(",", ""))),
    ours: rowOf(ours.map((text) => text === "–" ? "" : text.replaceAll(",", ""))),
  }));
}

/** Downloads the CSV as a reader does. */
export async function downloadedEvidence(page: Page): Promise<readonly EvidenceLine[]> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.click("a.compare-button"),
  ]);
  const [head, ...lines] = (await readFile((await download.path())!, "utf8")).trimEnd()
    .split("\r\n");
  const names = head!.split(",");
  return lines.map((line) => {
    // the reason alone is quoted, and comes last
    const [, plain, reason] = /^((?:[^,"]*,)*)(.*)$/.exec(line)!;
    const cells = plain!.slice(0, -1).split(",");
    const cell = (name: string): string => {
      const at = names.indexOf(name);
      if (at < 0 || at >= cells.length) throw new Error(`no ${name} in ${line}`);
      return cells[at]!;
    };
    const side = (name: string) => rowOf(COMPARE_FIELDS.map((field) => cell(`${name}_${field}`)));
    return {
      startsAtMs: Date.parse(cell("starts_at")),
      verdict: cell("verdict"),
      differing: cell("differing").split(" ").filter((field) => field !== ""),
      theirs: side("upbit"),
      ours: side("stofka"),
      reason: reason!,
    };
  });
}

function rowOf(values: readonly string[]): Row {
  if (values.every((value) => value === "")) return null;
  return Object.fromEntries(COMPARE_FIELDS.map((field, at) => [field, values[at]!])) as CompareRow;
}

/** What of a second is compared. @param rounded with its turnover as the exchange's REST interface writes it: as a double */
export function rowOfSecond(second: Second, rounded = false): Readonly<Record<string, string>> {
  const { open, high, low, close, volume, turnover } = second;
  return {
    ...{ open, high, low, close, volume },
    turnover: rounded ? String(Number(turnover)) : turnover,
  };
}
