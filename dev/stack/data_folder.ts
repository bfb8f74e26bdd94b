import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Failure, reason } from "#core/failure.ts";
import type { ExchangeWish } from "./exchange_choice.ts";
import type { Ports } from "./ports.ts";
import { makeSecrets, type Secrets } from "./secrets.ts";

/** What a data folder remembers from start to start. Its file is also the mark by which we know the folder as ours. */
export interface Kept {
  readonly format: 1;
  readonly exchange?: ExchangeWish;
  readonly markets?: string;
  /** Whole days of second candles; 0 keeps all. */
  readonly keepDays?: number;
  /** What PostgreSQL and Kafka may take together. */
  readonly diskBudgetBytes?: number;
  /** Requests a second that repair may make of the exchange. */
  readonly restBudget?: number;
  readonly ports: Ports;
  readonly secrets: Secrets;
  /** Where PostgreSQL's folder lies when it cannot lie in here: see server_user.ts. */
  readonly postgresFolder?: string;
}

const MARK = "stofka.json";
/** Everything the stack ever puts into a data folder; --reset and uninstall delete these names and no others. */
const OURS: readonly string[] = [
  "kafka",
  "logs",
  "postgres",
  "redis",
  "run",
  "stack.json",
  "web",
];

const DISK_BYTES_MIN = 2 * 1024 ** 3;

/**
 * Opens the folder, or makes it. Ours is one that bears our mark; an empty one may become ours.
 *
 * @throws Failure `folder_foreign`, `folder_unusable`, `folder_newer`
 */
export function openDataFolder(folder: string): Kept {
  const found = readKept(folder);
  if (found !== undefined) return found;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (readdirSync(folder).length > 0) throw foreign(folder);
    const kept: Kept = { format: 1, ports: {}, secrets: makeSecrets() };
    writeKept(folder, kept);
    return kept;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      "folder_unusable",
      `the data folder ${folder} cannot be made or written (${
        reason(error)
      }); name another with --data <folder>`,
      error,
    );
  }
}

/** What the folder keeps; undefined when it bears no mark of ours, or is not there. */
export function readKept(folder: string): Kept | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, MARK), "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new Failure(
      "folder_unusable",
      `${join(folder, MARK)} cannot be read (${
        reason(error)
      }): the data folder belongs to another user; start as that user, or name another folder with --data <folder>`,
      error,
    );
  }
  const kept = parseKept(text);
  if (kept === undefined) {
    throw new Failure(
      "folder_newer",
      `${
        join(folder, MARK)
      } is not readable by this version; use the version that made it, or begin anew in another folder with --data <folder>`,
    );
  }
  return kept;
}

/** Undefined for what this version did not write. */
export function parseKept(text: string): Kept | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isKept = typeof value === "object" && value !== null && "format" in value &&
      value.format === 1 && "secrets" in value && "ports" in value;
    if (!isKept) return undefined;
    const kept = value as Kept;
    // of before a password was needed
    return { ...kept, secrets: { ...makeSecrets(), ...kept.secrets } };
  } catch {
    return undefined;
  }
}

/** Replaced whole, so that a crash leaves the old or the new; readable by the owner alone: it holds the passwords. */
export function writeKept(folder: string, kept: Kept): void {
  writeWhole(join(folder, MARK), `${JSON.stringify(kept, null, 2)}\n`);
}

/** Writes a file of mode 0600 beside its place and moves it there. */
export function writeWhole(path: string, text: string): void {
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, text, { mode: 0o600 });
  chmodSync(unfinished, 0o600);
  renameSync(unfinished, path);
}

/**
 * Deletes what the stack put into the folder, the mark last; what is not ours stays.
 *
 * @throws Failure `folder_foreign`
 */
export function emptyDataFolder(folder: string): void {
  if (!existsSync(folder)) return;
  const kept = readKept(folder);
  if (kept === undefined) {
    if (readdirSync(folder).length > 0) throw foreign(folder);
    return;
  }
  if (kept.postgresFolder !== undefined) {
    rmSync(dirname(kept.postgresFolder), { recursive: true, force: true }); // ours alone: server_user.ts
  }
  for (const name of OURS) rmSync(join(folder, name), { recursive: true, force: true });
  rmSync(join(folder, MARK), { force: true });
}

/** @throws Failure `disk_full` */
export function assertDiskSpace(folder: string, bytesMin: number = DISK_BYTES_MIN): void {
  const free = freeBytes(folder);
  if (free >= bytesMin) return;
  throw new Failure(
    "disk_full",
    `${folder} has ${mb(free)} MB free, and at least ${
      mb(bytesMin)
    } MB are needed; make room, or name a folder on another disk with --data <folder>`,
  );
}

/** What is left on the folder's disk for us. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** A short name of the folder for what must lie elsewhere. */
export function folderId(folder: string): string {
  return createHash("sha256").update(folder).digest("hex").slice(0, 12);
}

function foreign(folder: string): Failure {
  return new Failure(
    "folder_foreign",
    `${folder} is not empty and bears no mark of Stofka (${MARK}), so it is left alone; name an empty or a new folder with --data <folder>`,
  );
}

function mb(bytes: number): number {
  return Math.floor(bytes / 1024 ** 2);
}
