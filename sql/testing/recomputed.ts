import { bucketEndMs, bucketStartMs, INTERVALS } from "#core/interval.ts";
import type { StoredRollup, TestSecond } from "./history.ts";

type Whole = TestSecond & { readonly volume: string; readonly turnover: string };

/** Every field of the roll-ups that are not deleted, a line each, sorted. */
export function rollupLines(rows: readonly StoredRollup[]): readonly string[] {
  return rows.filter(({ deleted }) => !deleted).map((row) =>
    [
      row.interval,
      row.market,
      row.at,
      row.until,
      row.open,
      row.high,
      row.low,
      row.close,
      row.volume,
      row.turnover,
      row.lastTickAtMs,
      row.source,
      row.complete,
    ].join(" ")
  ).sort();
}

/**
 * The roll-ups that seconds must give, as {@link rollupLines} writes them: every bucket straight from the seconds, in whole units
 * of 10^-11. Shares nothing with the fold but the grid. All are over, and covered by nothing.
 *
 * @param seconds each once, in its newest revision
 */
export function recomputed(seconds: readonly TestSecond[]): readonly string[] {
  const units = (text: string): bigint => {
    const [whole, fraction = ""] = text.split(".") as [string, string?];
    return BigInt(whole) * 10n ** 11n + BigInt(fraction.padEnd(11, "0"));
  };
  const text = (value: bigint): string => {
    const digits = value.toString().padStart(12, "0");
    return `${digits.slice(0, -11)}.${digits.slice(-11)}`.replace(/\.?0+$/, "");
  };
  const buckets = new Map<string, Whole[]>();
  const alive = seconds.filter(({ deleted }) => deleted !== true)
    // what writeSeconds() takes where nothing is said
    .map((second) => ({ volume: "1", turnover: second.price, ...second }))
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  for (const second of alive) {
    for (const interval of INTERVALS.slice(1)) {
      const startMs = bucketStartMs(interval, Date.parse(second.at));
      const until = new Date(bucketEndMs(interval, startMs)).toISOString().replace(".000", "");
      const at = new Date(startMs).toISOString().replace(".000", "");
      const key = `${interval} ${second.market} ${at} ${until}`;
      const held = buckets.get(key);
      if (held === undefined) buckets.set(key, [second]);
      else held.push(second);
    }
  }
  return [...buckets].map(([key, parts]) => {
    const prices = parts.map(({ price }) => units(price));
    const sum = (of: "volume" | "turnover"): bigint =>
      parts.reduce((total, part) => total + units(part[of]), 0n);
    const most = prices.reduce((a, b) => a > b ? a : b);
    const least = prices.reduce((a, b) => a < b ? a : b);
    const tick = Math.max(
      ...parts.map(({ at, revision = 0 }) => Date.parse(at) + 900 + revision),
    );
    return [
      key,
      text(prices[0]!),
      text(most),
      text(least),
      text(prices.at(-1)!),
      text(sum("volume")),
      text(sum("turnover")),
      tick,
      "folded",
      false,
    ].join(" ");
  }).sort();
}
