/** What is known of one partition before reading begins. */
export interface PartitionBounds {
  readonly earliest: bigint;
  readonly end: bigint;
  /** The first record produced at or after the tail's time. */
  readonly atTail: bigint;
  /** Behind what persist has stored; null when it never committed. */
  readonly committed: bigint | null;
}

export interface PartitionStart {
  readonly offset: bigint;
  /** Whether everything produced since the tail's time lies behind the offset. */
  readonly holdsTail: boolean;
}

/**
 * Records read before persist's committed offset, so that at least one mark is among them: a mark stored by persist and
 * seen here is what joins a fetched page to a tail. Marks come once a second; this is two seconds at 2,500 records a
 * second and partition.
 */
export const OVERLAP_RECORDS = 5_000n;

/**
 * Where to begin reading a partition of seconds: at the tail's time or before what persist has stored, whichever is
 * earlier; but at most `recordsMax` records back, which is the part of the promise that gives way.
 */
export function startOf(bounds: PartitionBounds, recordsMax: bigint): PartitionStart {
  const { earliest, end, atTail } = bounds;
  const stored = bounds.committed === null ? earliest : bounds.committed - OVERLAP_RECORDS;
  const wanted = stored < atTail ? stored : atTail;
  const floor = largest(earliest, end - recordsMax);
  const offset = smallest(end, largest(wanted, floor));
  return { offset, holdsTail: offset <= atTail && floor <= atTail };
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function smallest(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
