import { Failure, shown } from "../failure.ts";
import { isMarket, type Market } from "../market.ts";
import type { Element } from "./fields.ts";

/** A market as `GET /v1/market/all` names it. */
export interface Listing {
  readonly market: Market;
  readonly koreanName: string;
  readonly englishName: string;
}

const NAME_CHARS_MAX = 100;

/**
 * `{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin", …}`
 *
 * @throws Failure `listing_invalid`
 */
export function readListing(element: unknown): Listing {
  if (typeof element === "object" && element !== null) {
    const { market, korean_name: koreanName, english_name: englishName } = element as Element;
    if (isMarket(market) && isName(koreanName) && isName(englishName)) {
      return { market, koreanName, englishName };
    }
  }
  throw new Failure(
    "listing_invalid",
    `${shown(JSON.stringify(element), 200)} is not a market with a Korean and an English name`,
  );
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length <= NAME_CHARS_MAX;
}
