import { STORM_PARTS } from "./plan.ts";
import type { Hit } from "./storm.ts";

/**
 * Seconds from a kill until everything is ready and seconds are stored as they come, by part: hit alone, and hit with or
 * after another.
 */
export function recoveryTable(hits: readonly Hit[]): string {
  const lines = STORM_PARTS.map((part) => {
    const own = hits.filter((hit) => hit.part === part);
    const alone = own.filter(({ kind }) => kind === "one");
    const others = own.filter(({ kind }) => kind !== "one");
    return [part, String(own.length), ...figures(alone), ...figures(others)];
  });
  const heading = ["part", "kills", "alone p50", "max", "with others p50", "max"];
  const table = [heading, heading.map(() => "---"), ...lines];
  const widths = heading.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`
  ).join("\n");
}

function figures(hits: readonly Hit[]): [p50: string, max: string] {
  if (hits.length === 0) return ["", ""];
  const sorted = hits.map(({ atMs, recoveredAtMs }) => (recoveredAtMs - atMs) / 1000)
    .sort((a, b) => a - b);
  return [
    `${sorted[Math.floor((sorted.length - 1) / 2)]!.toFixed(1)} s`,
    `${sorted.at(-1)!.toFixed(1)} s`,
  ];
}
