import { Failure } from "#core/failure.ts";
import { TOPIC_PLANS, type TopicPlan } from "#core/topics.ts";

/** Decimal, as disks are sold and as `npm run status` counts. */
export const GB = 1_000_000_000;
const MIB = 1024 * 1024;

/** In whole GB: less than one holds no day; the most is beyond any disk. */
export const DISK_BUDGET_GB = { min: 1, max: 100_000 } as const;

/** Of a data folder that names none: a fifth of the free space at its first start, and at most this. */
const USUAL_SHARE = 0.2;
const USUAL_BYTES_MAX = 20 * GB;

/** What each may take of the budget. It is divided here and nowhere else. */
export interface DiskShares {
  /** All topics of a namespace. Those of another are empty two days after it ran last. */
  readonly kafkaBytes: number;
  /** PostgreSQL's log of changes that are not yet in its tables: `max_wal_size`. */
  readonly walBytes: number;
  /** PostgreSQL's databases. Above it the oldest day of seconds goes. */
  readonly databaseBytes: number;
}

/** @param freeBytes on the folder's disk, with what the folder itself holds */
export function usualBudgetBytes(freeBytes: number): number {
  const share = Math.floor(freeBytes * USUAL_SHARE);
  return Math.max(DISK_BUDGET_GB.min * GB, Math.min(USUAL_BYTES_MAX, share));
}

/**
 * A budget that was asked for by name.
 *
 * @param freeBytes as for {@link usualBudgetBytes}
 * @throws Failure `disk_budget_too_large`
 */
export function budgetBytes(gb: number, freeBytes: number): number {
  if (gb * GB <= freeBytes) return gb * GB;
  throw new Failure(
    "disk_budget_too_large",
    `--disk-budget ${gb}: the data folder's disk has ${
      Math.floor(freeBytes / GB)
    } GB for it; name less, or a folder on another disk with --data <folder>`,
  );
}

/**
 * Kafka's part buys time in which persist may be away without a gap that has to be asked of the exchange again; at the
 * exchange's real load (0.1 MB of seconds a second) a fifth of 20 GB is some four hours.
 */
export function diskShares(bytes: number): DiskShares {
  const kafkaBytes = Math.floor(bytes / 5);
  const walBytes = Math.max(128 * MIB, Math.min(512 * MIB, Math.floor(bytes / 20)));
  return { kafkaBytes, walBytes, databaseBytes: bytes - kafkaBytes - walBytes };
}

/** Of Kafka's share, for topics whose size is that of their keys (compacted), and for offsets and metadata. */
const UNBOUNDED_SHARE = 0.25;
/** A record batch must fit into a segment, and the broker takes batches of up to 1 MiB. */
const SEGMENT_BYTES_MIN = 2 * MIB;

/**
 * The topics with their bytes lowered so that they fit into Kafka's share. A partition takes up to `retention.bytes` and a
 * segment, since the segment that is being written is never deleted.
 */
export function topicPlansWithin(
  kafkaBytes: number,
  plans: readonly TopicPlan[] = TOPIC_PLANS,
): readonly TopicPlan[] {
  const planned = plans.reduce((sum, plan) => sum + topicBytesMax(plan), 0);
  const factor = kafkaBytes * (1 - UNBOUNDED_SHARE) / planned;
  if (factor >= 1) return plans;
  return plans.map((plan) => {
    const { retention, segment } = limitsOf(plan);
    if (retention === undefined) return plan;
    const segmentBytes = Math.max(SEGMENT_BYTES_MIN, Math.floor(segment * factor));
    const bytes = Math.floor((retention + segment) * factor);
    return {
      ...plan,
      settings: {
        ...plan.settings,
        "segment.bytes": String(segmentBytes),
        "retention.bytes": String(Math.max(SEGMENT_BYTES_MIN, bytes - segmentBytes)),
      },
    };
  });
}

/** The most that a topic which is bounded by bytes takes; 0 for one that is bounded by its keys. */
export function topicBytesMax(plan: TopicPlan): number {
  const { retention, segment } = limitsOf(plan);
  return retention === undefined ? 0 : plan.partitions * (retention + segment);
}

function limitsOf({ settings }: TopicPlan): { retention: number | undefined; segment: number } {
  const retention = settings["retention.bytes"];
  return {
    retention: retention === undefined ? undefined : Number(retention),
    segment: Number(settings["segment.bytes"]),
  };
}
