import { Failure, shown } from "#core/failure.ts";
import { jsonElements } from "#core/json_elements.ts";
import { isMarket, type Market } from "#core/market.ts";
import { readListing } from "#core/upbit/listing.ts";
import { boundedText } from "./bounded_text.ts";

/** The exchange's markets: its entry of each, as it is written there. In the exchange's order. */
export type MarketList = ReadonlyMap<Market, string>;

/** One look at the exchange's list. */
export interface Listed {
  /** The chosen markets with their entries. */
  readonly list: MarketList;
  /** Every market that is on it, chosen or not: only what is missing here is delisted. */
  readonly all: ReadonlySet<Market>;
}

/**
 * @param text the answer of `GET /v1/market/all`
 * @throws Failure `market_list_invalid`: not an array, or nothing in it can be read. One odd entry does not cost the rest.
 */
export function readMarketList(
  text: string,
  chosen: (market: Market) => boolean,
): Listed & { readonly unreadable: readonly string[] } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Failure("market_list_invalid", `market list ${shown(text)} is not JSON`, error);
  }
  if (!Array.isArray(json) || json.length === 0) {
    throw new Failure("market_list_invalid", `market list ${shown(text)} is not a list of markets`);
  }
  const elements = jsonElements(text);
  const list = new Map<Market, string>();
  const all = new Set<Market>();
  const unreadable: string[] = [];
  let readable = 0;
  for (const [index, value] of json.entries()) {
    const element = elements[index]!;
    try {
      const { market } = readListing(value);
      readable++;
      all.add(market);
      if (chosen(market)) list.set(market, element);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      unreadable.push(element);
      // an odd entry is no delisting
      const named: unknown = (value as { market?: unknown } | null)?.market;
      if (isMarket(named)) all.add(named);
    }
  }
  if (readable === 0) {
    throw new Failure("market_list_invalid", `no entry of ${shown(text)} is a market`);
  }
  return { list, all, unreadable };
}

/**
 * What the listing topic must be told so that it holds `next`: the entry of each new or changed market, null for one that the
 * exchange no longer lists. One that is listed and was only chosen earlier, or by another ingest, stays.
 */
export function listingChanges(
  published: MarketList,
  { list, all }: Listed,
): ReadonlyMap<Market, string | null> {
  const changes = new Map<Market, string | null>();
  for (const [market, element] of list) {
    if (published.get(market) !== element) changes.set(market, element);
  }
  for (const market of published.keys()) {
    if (!all.has(market)) changes.set(market, null);
  }
  return changes;
}

const ANSWER_MS_MAX = 10_000;
/** 855 markets with all details are 300 kB. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;

/**
 * The text of `GET <restUrl>/market/all?is_details=true`.
 *
 * @throws Failure `market_list_unreachable`
 */
export async function fetchMarketList(restUrl: string, signal: AbortSignal): Promise<string> {
  const address = `${restUrl.replace(/\/+$/, "")}/market/all?is_details=true`;
  try {
    const answer = await fetch(address, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
      redirect: "error",
      headers: { accept: "application/json" },
    });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw new Error(`HTTP status ${answer.status}`);
    }
    return await boundedText(answer, ANSWER_BYTES_MAX);
  } catch (error) {
    throw new Failure("market_list_unreachable", `${address} gave no market list`, error);
  }
}
