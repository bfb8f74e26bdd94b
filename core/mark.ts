import { Failure, shown } from "./failure.ts";
import { isMarket, type Market } from "./market.ts";

/** Why the link to the exchange last broke. */
export const BREAK_CAUSES = [
  /** This process started: what was before it, it does not know. */
  "started",
  /** The exchange ended the connection, whatever the close code. */
  "closed",
  /** The connection was refused, or failed with an error. */
  "error",
  /** No frame and no pong in time: a half-open link, or the network between. */
  "silent",
  /** Pongs, but no frame of any market for longer than chance allows: the exchange is there and says nothing. */
  "quiet",
  /** The exchange answered with an error frame. */
  "rejected",
  /** We subscribed again because the market list changed. */
  "markets_changed",
  /** Kafka took nothing for so long that frames had to be dropped. */
  "kafka_away",
  /** We were asked to stop. */
  "stopped",
] as const;

export type BreakCause = (typeof BREAK_CAUSES)[number];

/**
 * What ingest is sure it saw, said once a second on every partition of `market_candle_1s`, after every frame received
 * before `writtenAtMs` was acknowledged by Kafka. Coverage is the only knowledge of completeness.
 */
export interface Mark {
  /** When the mark was composed, ms, on ingest's clock. All earlier records of this partition precede the mark. */
  readonly writtenAtMs: number;
  readonly link: "up" | "down";
  /** Cause of the last break, before this session or of its end. */
  readonly cause: BreakCause;
  /** One subscribe frame's life; null while there is none. */
  readonly session: {
    readonly id: string;
    /** The session's markets on this partition; fixed for the session. */
    readonly markets: readonly Market[];
    /** Everything the exchange sent for the markets within [sinceMs, untilMs) is in the topic before this mark (receive times, ms). */
    readonly sinceMs: number;
    readonly untilMs: number;
    /** The last mark of the session. */
    readonly ended: boolean;
  } | null;
}

/** Marks as they stand in Kafka: UTF-8 JSON, times in ms. */
export function encodeMark(mark: Mark): string {
  return JSON.stringify({
    written_at_ms: mark.writtenAtMs,
    link: mark.link,
    cause: mark.cause,
    session: mark.session === null ? null : {
      id: mark.session.id,
      markets: mark.session.markets,
      since_ms: mark.session.sinceMs,
      until_ms: mark.session.untilMs,
      ended: mark.session.ended,
    },
  });
}

/** @throws Failure `mark_invalid` */
export function decodeMark(text: string): Mark {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Failure("mark_invalid", `${shown(text)} is not JSON`, error);
  }
  if (isRecord(json)) {
    const { written_at_ms: writtenAtMs, link, cause, session } = json;
    if (
      isTime(writtenAtMs) && (link === "up" || link === "down") &&
      BREAK_CAUSES.includes(cause as BreakCause)
    ) {
      const head = { writtenAtMs, link, cause: cause as BreakCause } as const;
      if (session === null) return { ...head, session: null };
      if (isRecord(session)) {
        const { id, markets, since_ms: sinceMs, until_ms: untilMs, ended } = session;
        if (
          typeof id === "string" && id !== "" && id.length <= 64 && Array.isArray(markets) &&
          markets.every(isMarket) && isTime(sinceMs) && isTime(untilMs) && sinceMs <= untilMs &&
          typeof ended === "boolean"
        ) {
          return { ...head, session: { id, markets, sinceMs, untilMs, ended } };
        }
      }
    }
  }
  throw new Failure("mark_invalid", `${shown(text, 200)} is not a coverage mark`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
