import { Failure, shown } from "#core/failure.ts";
import { type Gap, GAP_CAUSES, type GapCause, type GapPage } from "#core/gap.ts";
import { market } from "#core/market.ts";
import { column, type Fields, record } from "./page_from.ts";

/**
 * @param json an answer of `GET /api/gaps` as `parseJsonNumbersAsText` reads it
 * @throws Failure `answer_invalid`, `market_invalid`
 */
export function gapsFrom(json: unknown): GapPage {
  const page = record(json);
  return {
    sinceMs: timeMs(page["since"]),
    untilMs: timeMs(page["until"]),
    knownUntilMs: page["known_until"] == null ? null : timeMs(page["known_until"]),
    gaps: column(page, "gaps").map((gap) => gapFrom(record(gap))),
    more: page["more"] === true,
  };
}

function gapFrom(gap: Fields): Gap {
  const markets = gap["market"] === undefined ? column(gap, "markets") : [gap["market"]];
  const cause = gap["cause"] as GapCause;
  return {
    markets: markets.map((name) => market(String(name))),
    sinceMs: timeMs(gap["since"]),
    untilMs: timeMs(gap["until"]),
    // a newer server may know more causes than this page
    cause: GAP_CAUSES.includes(cause) ? cause : "unknown",
    permanent: gap["permanent"] === true,
    provisional: gap["provisional"] === true,
  };
}

function timeMs(value: unknown): number {
  const ms = typeof value === "string" ? Date.parse(value) : NaN;
  if (Number.isNaN(ms)) throw new Failure("answer_invalid", `${shown(value)} is not a time`);
  return ms;
}
