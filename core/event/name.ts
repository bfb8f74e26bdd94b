/**
 * What `GET /api/stream` sends, by event name. Numbers carry the stored decimal digits; whoever needs them exact reads
 * the data with `parseJsonNumbersAsText`. Events have no ids: fetch and merge by revision is the one way back, for a
 * first connection, a reconnect, another replica and a slept tab.
 *
 * - `tail`, first: every second received since a time for the markets asked for, and the newest ticker of each
 * - `ticker`, `candle` (a second): when a newer revision arrived; a slow reader may miss revisions, never the newest
 * - `postgres-candle` (a roll-up as PostgreSQL stores it, forming ones once a minute): only for the intervals named by
 *   `intervals=1m,5m`, by default none; what came in the last minute is in the tail. A reader merges by (market, interval,
 *   start) and revision; a `deleted` one takes its candle away
 * - `link`: when it changes, and at least every 5 s
 */
export type StreamEventName = "tail" | "ticker" | "candle" | "postgres-candle" | "link";
