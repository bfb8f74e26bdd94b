import type { Database, Transaction } from "#adapters/postgres.ts";
import type { Worker } from "#core/lifecycle.ts";
import { recurring } from "./recurring.ts";

/** A day of seconds that had to go, or that stays although its room is needed. */
export interface OldestDay {
  /** `2026-11-15`, UTC. */
  readonly day: string;
  /** What it takes, indexes included. */
  readonly bytes: number;
  /** Why it stays; null: it is gone. */
  readonly waitsFor: string | null;
}

/** What one look at the disk found. */
export interface Room {
  /** What PostgreSQL's databases take now. */
  readonly usedBytes: number;
  /** Oldest first; at most the last of them waits. Empty within the limit, or where no day is stored. */
  readonly days: readonly OldestDay[];
}

/** More days than retention can keep; a round that has not come to its end then goes on in the next. */
const DAYS_MAX = 400;

/**
 * Drops days of seconds, oldest first, until the databases take no more than the limit. Each in a transaction of its own, so
 * that readers wait for one DROP at a time. Today stays, and so does a day whose roll-ups do not hold all of it yet.
 *
 * @param read what the databases take, bytes
 */
export async function makeRoom(
  database: Database,
  nowMs: number,
  bytesMax: number,
  read: (database: Database) => Promise<number> = databaseBytes,
): Promise<Room> {
  const days: OldestDay[] = [];
  for (;;) {
    const usedBytes = await read(database);
    if (usedBytes <= bytesMax || days.length === DAYS_MAX) return { usedBytes, days };
    const oldest = await dropOldest(database, nowMs);
    if (oldest !== null) days.push(oldest);
    if (oldest === null || oldest.waitsFor !== null) return { usedBytes, days };
  }
}

async function databaseBytes(database: Database): Promise<number> {
  const [row] = await database`SELECT database_bytes()::float8 AS bytes`;
  return row!["bytes"] as number;
}

async function dropOldest(database: Database, nowMs: number): Promise<OldestDay | null> {
  return await database.begin(async (raw) => {
    const transaction = raw as unknown as Transaction;
    // DROP waits for readers and writers, and everybody else waits behind it: rather come again in a minute
    await transaction`SET LOCAL lock_timeout = '2s'`;
    const [row] = await transaction`
      SELECT day::text, bytes::float8 AS bytes, waits_for
      FROM drop_oldest_seconds_day(${new Date(nowMs).toISOString()}::text::timestamptz)`;
    if (row === undefined) return null;
    return {
      day: row["day"] as string,
      bytes: row["bytes"] as number,
      waitsFor: row["waits_for"] as string | null,
    };
  });
}

export interface DiskRoomOptions {
  readonly database: Database;
  /** 0 = no limit: it is never looked at. */
  readonly bytesMax: number;
  readonly nowMs: () => number;
  readonly onDropped: (day: OldestDay, room: Room) => void;
  /** There is too little, and nothing may go: the day that waits, null where none is stored. Once for each reason. */
  readonly onWaiting: (day: OldestDay | null, room: Room) => void;
  readonly onAway: (reason: string) => void;
  readonly pauses?: Pauses;
}

interface Pauses {
  readonly lookMs: number;
  /** When the database is away, or a day waits. */
  readonly againMs: number;
}

/** At the exchange's real load ten minutes are 20 MB. */
const PAUSES: Pauses = { lookMs: 600_000, againMs: 60_000 };

/** Looks at the start and every ten minutes; when the database is away or a day waits, again after a minute. */
export function diskRoom(options: DiskRoomOptions): Worker {
  const { lookMs, againMs } = options.pauses ?? PAUSES;
  let told: string | null = null;
  return recurring({
    name: "disk room",
    step: async () => {
      if (options.bytesMax === 0) return lookMs;
      const room = await makeRoom(options.database, options.nowMs(), options.bytesMax);
      for (const day of room.days) if (day.waitsFor === null) options.onDropped(day, room);
      const waiting = room.days.find(({ waitsFor }) => waitsFor !== null) ?? null;
      const why = room.usedBytes <= options.bytesMax
        ? null
        : `${waiting?.day} ${waiting?.waitsFor}`;
      if (why !== null && why !== told) options.onWaiting(waiting, room);
      told = why;
      return why === null ? lookMs : againMs;
    },
    againMs,
    onAway: options.onAway,
  });
}
