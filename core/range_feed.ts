import { timeOf, timeText } from "./range_set.ts";

/**
 * What Redis says of a partition's seconds: field of the hash `feed`. It begins with `knownUntilMs`, so that a script replaces
 * it only by a newer one.
 */
export interface RangeFeed {
  /** Everything ingest wrote before it is in PostgreSQL and in the ranges, ms on ingest's clock. */
  readonly knownUntilMs: number;
  /** Ranges of seconds must name it. */
  readonly epoch: string;
  /** Running sessions. */
  readonly sessions: readonly FeedSession[];
}

export interface FeedSession {
  readonly id: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly markets: readonly string[];
}

/** A session without a mark for so long counts as over: whoever wrote it is gone, or we are behind. As in SQL's covered(). */
export const SESSION_SILENT_MS_MAX = 10_000;

export function encodeRangeFeed({ knownUntilMs, epoch, sessions }: RangeFeed): string {
  const texts = sessions.map(({ id, sinceMs, untilMs, markets }) =>
    ` ${[id.replaceAll(/[ ,]/g, "_"), timeText(sinceMs), timeText(untilMs), ...markets].join(",")}`
  );
  return `${timeText(knownUntilMs)} ${epoch}${texts.join("")}`;
}

export function decodeRangeFeed(text: string): RangeFeed {
  const [known, epoch, ...sessions] = text.split(" ");
  return {
    knownUntilMs: timeOf(known!),
    epoch: epoch!,
    sessions: sessions.map((session) => {
      const [id, since, until, ...markets] = session.split(",");
      return { id: id!, sinceMs: timeOf(since!), untilMs: timeOf(until!), markets };
    }),
  };
}
