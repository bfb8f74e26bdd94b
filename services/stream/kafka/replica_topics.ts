import { TOPICS } from "#core/topics.ts";

/** The topics a replica reads, by their logical names. */
export const REPLICA_TOPICS = [
  TOPICS.secondCandle,
  TOPICS.ticker,
  TOPICS.listing,
  TOPICS.postgresCandle,
] as const;
export type ReplicaTopic = (typeof REPLICA_TOPICS)[number];
