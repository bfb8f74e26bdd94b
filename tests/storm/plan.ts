import { Chance } from "../../dev/exchange/random.ts";

/** Everything that a storm may hit: all of the product but the exchange. */
export const STORM_PARTS = ["kafka", "postgres", "redis", "ingest", "persist", "stream"] as const;

export type StormPart = (typeof STORM_PARTS)[number];

/** `kill -9` of one part. */
export interface Blow {
  readonly part: StormPart;
  /** After the blow before; a part that has no process at that moment is hit as soon as it has one. */
  readonly afterMs: number;
}

/** Blows that belong together: the next gust comes when everything has recovered. */
export interface Gust {
  readonly kind: "one" | "two at once" | "again while coming back" | "another meanwhile";
  /** Calm before it. */
  readonly calmMs: number;
  readonly blows: readonly Blow[];
}

const KINDS: readonly Gust["kind"][] = [
  "two at once",
  "one",
  "again while coming back",
  "another meanwhile",
  "one",
  "two at once",
];

const CALM_MS_MIN = 500;
const CALM_MS_MAX = 8_000;
const MEANWHILE_MS_MAX = 5_000;

/** An endless storm: the same seed gives the same one. Every part leads a gust, and every kind comes, within six gusts. */
export function* stormPlan(seed: number): Generator<Gust, never> {
  const chance = new Chance(seed);
  const between = (min: number, max: number) => Math.round(min + chance.next() * (max - min));
  for (;;) {
    const parts = shuffled(STORM_PARTS, chance);
    const kinds = shuffled(KINDS, chance);
    for (const [at, part] of parts.entries()) {
      const kind = kinds[at]!;
      const others = STORM_PARTS.filter((other) => other !== part);
      const other = others[Math.floor(chance.next() * others.length)]!;
      const calmMs = between(CALM_MS_MIN, CALM_MS_MAX);
      const laterMs = between(100, MEANWHILE_MS_MAX);
      const second: Readonly<Record<Gust["kind"], readonly Blow[]>> = {
        one: [],
        "two at once": [{ part: other, afterMs: 0 }],
        "again while coming back": [{ part, afterMs: laterMs }],
        "another meanwhile": [{ part: other, afterMs: laterMs }],
      };
      yield { kind, calmMs, blows: [{ part, afterMs: 0 }, ...second[kind]] };
    }
  }
}

function shuffled<T>(items: readonly T[], chance: Chance): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(chance.next() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}
