/**
 * What `GET /api/stream` sends, by event name. Numbers carry the stored decimal digits; whoever needs them exact reads
 * the data with `parseJsonNumbersAsText`. Events have no ids: fetch and merge by revision is the one way back, for a
 * first connection, a reconnect, another replica and a slept tab.
 *
 * - `tail`, first: every second received since a time for the markets asked for, and the newest ticker of each
 * - `ticker`, `candle` (a second): when a newer revision arrived; a slow reader may miss revisions, never the newest
 * - `link`: when it changes, and at least every 5 s
 */
export type StreamEventName = "tail" | "ticker" | "candle" | "link";
