import type { LinkEvent } from "#core/event/link_event.ts";
import type { ExchangeKind } from "#core/exchange_kind.ts";
import type { BreakCause } from "#core/mark.ts";

/** What the page says of its own freshness. Never better than what is known. */
export type Badge =
  | { readonly state: "connecting" }
  /** Our own stream is lost. */
  | { readonly state: "reconnecting"; readonly delayS: number | null }
  /** The stream works, the exchange does not answer the collector. */
  | { readonly state: "exchange-lost"; readonly delayS: number; readonly cause: BreakCause }
  | { readonly state: "delayed"; readonly delayS: number }
  /** Events arrive, what lies before them is still being fetched. */
  | { readonly state: "catching-up" }
  | { readonly state: "live" };

/** Data that says itself to be someone else's than the exchange's, live, is labelled, whatever its freshness. */
export type Provenance = "simulated" | "replay" | "unverified" | null;

export interface BadgeFacts {
  readonly stream: "connecting" | "open" | "lost";
  readonly link: LinkEvent | null;
  /** When the newest link event arrived, ms on the corrected clock. */
  readonly linkArrivedAtMs: number;
  /** Greatest time (ms, ingest's clock) of which we know that it was seen: link events and received_at of all others. */
  readonly seenUntilMs: number;
  readonly catchingUp: boolean;
  /** Page clock, corrected to the server's, ms. */
  readonly nowMs: number;
}

/** Older than this is delayed. */
const FRESH_MS_MAX = 3_000;
/** With nothing but link events, which come at least every 5 s, one that was fresh on arrival holds for this long. */
const LINK_HOLDS_MS = 7_000;

export function badgeOf(facts: BadgeFacts): Badge {
  const { stream, link, nowMs, seenUntilMs } = facts;
  const ageMs = Math.max(0, nowMs - seenUntilMs);
  const delayS = Math.floor(ageMs / 1_000);
  if (stream === "lost") {
    return { state: "reconnecting", delayS: seenUntilMs === 0 ? null : delayS };
  }
  if (stream === "connecting" || link === null) return { state: "connecting" };
  if (link.link === "down") {
    const downMs = Math.max(0, nowMs - link.untilMs);
    return { state: "exchange-lost", delayS: Math.floor(downMs / 1_000), cause: link.cause };
  }
  const linkWasFresh = facts.linkArrivedAtMs - link.untilMs <= FRESH_MS_MAX;
  const linkHolds = linkWasFresh && nowMs - facts.linkArrivedAtMs <= LINK_HOLDS_MS;
  if (ageMs > FRESH_MS_MAX && !linkHolds) return { state: "delayed", delayS };
  return facts.catchingUp ? { state: "catching-up" } : { state: "live" };
}

export function provenanceOf(exchange: ExchangeKind | null): Provenance {
  if (exchange === "simulator") return "simulated";
  if (exchange === "replay") return "replay";
  return exchange === "other" ? "unverified" : null;
}
