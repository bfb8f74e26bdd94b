import { askPostgres } from "./ask_postgres.ts";
import type { Kept } from "./data_folder.ts";
import { diskShares, GB } from "./disk_budget.ts";
import { type DiskUsage, diskUsage } from "./disk_usage.ts";
import type { StackFile } from "./stack_file.ts";

/** What `disk_use()` of sql/0013_disk.sql says. */
export interface DatabaseUse {
  /** Of all databases. */
  readonly allBytes: number;
  readonly secondsBytes: number;
  /** Null while too little is stored to tell. */
  readonly secondsBytesADay: number | null;
  /** Of everything else. */
  readonly otherBytesADay: number;
  /** Of the oldest second and the oldest minute; null where there is none. */
  readonly secondsSince: Date | null;
  readonly candlesSince: Date | null;
}

export interface DiskState {
  readonly usage: DiskUsage;
  /** Null for a folder that an earlier version started. */
  readonly budgetBytes: number | null;
  /** Whole days of seconds; 0 keeps all that fits. */
  readonly keepDays: number;
  /** A replay keeps everything: nothing of it goes to make room. */
  readonly dropsDays: boolean;
  /** Or why it is not known. */
  readonly database: DatabaseUse | string;
}

export async function readDiskState(
  folder: string,
  kept: Kept,
  stack: Pick<StackFile, "postgres">,
): Promise<DiskState> {
  return {
    usage: diskUsage(folder, kept),
    budgetBytes: kept.diskBudgetBytes ?? null,
    keepDays: kept.keepDays ?? 0,
    dropsDays: kept.exchange?.kind !== "replay",
    database: await readDatabaseUse(stack.postgres),
  };
}

function readDatabaseUse(postgres: string): Promise<DatabaseUse | string> {
  return askPostgres(postgres, async (database) => {
    const [row] = await database`
      SELECT all_bytes::float8 AS all_bytes, seconds_bytes::float8 AS seconds_bytes, seconds_bytes_a_day,
        other_bytes_a_day, seconds_since, candles_since
      FROM disk_use(clock_timestamp())`;
    return {
      allBytes: row!["all_bytes"] as number,
      secondsBytes: row!["seconds_bytes"] as number,
      secondsBytesADay: row!["seconds_bytes_a_day"] as number | null,
      otherBytesADay: row!["other_bytes_a_day"] as number,
      secondsSince: row!["seconds_since"] as Date | null,
      candlesSince: row!["candles_since"] as Date | null,
    };
  });
}

/** How full the disk budget is, until when it lasts, and what is kept since when. */
export function diskLines(state: DiskState): readonly string[] {
  const { usage: { postgresBytes, kafkaBytes }, budgetBytes, database } = state;
  const used = `PostgreSQL ${gb(postgresBytes)} and Kafka ${gb(kafkaBytes)}${
    budgetBytes === null ? "" : ` of the disk budget's ${gb(budgetBytes)}`
  } GB`;
  if (typeof database === "string") return [line("disk", `${used}; pace ${database}`)];
  const { secondsSince, candlesSince } = database;
  return [
    line("disk", [used, ...outlook(state, database)].join("; ")),
    line(
      "kept",
      `seconds since ${minuteText(secondsSince)} (${keepText(state)}), minutes since ${
        minuteText(candlesSince)
      }`,
    ),
  ];
}

/** The pace, and what comes first: the end of the budget, or of the days that are kept. */
function outlook(state: DiskState, database: DatabaseUse): readonly string[] {
  const { budgetBytes, keepDays, dropsDays } = state;
  const { allBytes, secondsBytes, secondsBytesADay, otherBytesADay } = database;
  if (secondsBytesADay === null) {
    return ["how much a day is told after ten minutes of seconds"];
  }
  const dayBytes = secondsBytesADay + otherBytesADay;
  const pace = `${gb(dayBytes)} GB a day at the present pace`;
  if (budgetBytes === null) return [pace];
  const roomBytes = diskShares(budgetBytes).databaseBytes - allBytes;
  // today comes to the whole days; what is beside the seconds goes on growing
  const wholeBytes = secondsBytesADay * (keepDays + 1);
  const fits = keepDays > 0 && wholeBytes - secondsBytes <= roomBytes;
  if (fits && dropsDays) {
    return [pace, `${keepDays} days of seconds fit, with ${gb(wholeBytes)} GB`];
  }
  const days = Math.max(0, roomBytes / dayBytes);
  return [
    pace,
    `${days.toFixed(1)} days left${dropsDays ? ", then the oldest day of seconds goes" : ""}`,
  ];
}

function keepText({ keepDays, dropsDays }: DiskState): string {
  if (!dropsDays) return "a replay keeps all";
  return keepDays === 0 ? "all that fits is kept" : `${keepDays} days are kept where they fit`;
}

function line(name: string, text: string): string {
  return `  ${name.padEnd(10)} ${text}`;
}

function gb(bytes: number): string {
  return (bytes / GB).toFixed(2);
}

/** `2026-11-16 00:00 UTC` */
function minuteText(at: Date | null): string {
  return at === null ? "none yet" : `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
