import { isoText } from "./iso_text.ts";
import type { Market } from "./market.ts";

/** Why seconds are missing; worked out from the marks' causes (core/mark.ts) by `gaps()` in sql/. */
export const GAP_CAUSES = [
  /** Our collector was stopped, or ended without a word. */
  "restart",
  /** The exchange ended the connection, and took it again soon. */
  "link_lost",
  /** Neither frame nor answer came, or answers without frames. */
  "silent_link",
  /** The exchange ended or emptied the connection itself and did not serve us for a minute or longer. */
  "maintenance",
  /** Kafka took nothing for so long that frames had to be dropped. */
  "kafka_away",
  /** The exchange's market list changed, and we subscribed again. */
  "markets_changed",
  /** A frame came that could not be read and may have been any market's candle. */
  "unreadable",
  /** It was received and refused: the record is in the dead letter. */
  "not_stored",
  /** Nothing says why. */
  "unknown",
] as const;

export type GapCause = (typeof GAP_CAUSES)[number];

/** Whole seconds of which nobody can say that they were seen as a whole. */
export interface Gap {
  /** What is missing of them; sorted. */
  readonly markets: readonly Market[];
  readonly sinceMs: number;
  /** Exclusive. */
  readonly untilMs: number;
  readonly cause: GapCause;
  /** The exchange can no longer give it, or we no longer keep it. */
  readonly permanent: boolean;
  /** It reaches up to now: its end, and perhaps its cause, are still to come. */
  readonly provisional: boolean;
}

/** The answer of `GET /api/gaps`. */
export interface GapPage {
  /** The stretch that was looked at, ms; exclusive. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Up to when is known what is missing; null before the first mark. What came later is not known yet, which is no gap. */
  readonly knownUntilMs: number | null;
  /** Newest first. */
  readonly gaps: readonly Gap[];
  /** Whether more gaps, older than these, did not fit. */
  readonly more: boolean;
}

/** Most gaps one answer holds; the older ones give way. */
export const GAPS_MAX = 500;

/**
 * A page as JSON. Times are UTC texts, since a gap is read by people: `2026-11-22T09:00:00Z`, with milliseconds only where
 * there are some.
 */
export function encodeGapPage(page: GapPage): string {
  return JSON.stringify({
    since: isoText(page.sinceMs),
    until: isoText(page.untilMs),
    known_until: page.knownUntilMs === null ? null : isoText(page.knownUntilMs),
    more: page.more,
    gaps: page.gaps.map(({ markets, sinceMs, untilMs, cause, permanent, provisional }) => ({
      ...(markets.length === 1 ? { market: markets[0] } : { markets }),
      since: isoText(sinceMs),
      until: isoText(untilMs),
      seconds: (untilMs - sinceMs) / 1_000,
      cause,
      permanent,
      provisional,
    })),
  });
}
