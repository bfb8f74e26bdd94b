import { askPostgres } from "./ask_postgres.ts";

/** A kind of what is missing, with the most requests of the exchange that it can take. */
export interface Progress {
  readonly kind: string;
  readonly markets: number;
  readonly requests: number;
}

const KINDS: Readonly<Record<string, string>> = {
  gap: "lost seconds",
  bucket: "candles to complete",
  fill: "first screens and today's seconds",
  wish: "wishes",
};

/** How far the repair is, in a sentence; why not, when PostgreSQL does not say. */
export function repairSentence(postgres: string): Promise<string> {
  return askPostgres(postgres, async (database) => {
    const rows = await database`
      SELECT kind, markets, requests::float8 AS requests FROM repair_progress WHERE markets > 0 ORDER BY kind`;
    return progressSentence(rows as unknown as readonly Progress[]);
  });
}

export function progressSentence(progress: readonly Progress[]): string {
  if (progress.length === 0) return "nothing is missing";
  return progress.map(({ kind, markets, requests }) =>
    `${KINDS[kind] ?? kind}: ${markets} ${markets === 1 ? "market" : "markets"}, at most ${
      requests.toLocaleString("en-US")
    } ${requests === 1 ? "request" : "requests"}`
  ).join("; ");
}
