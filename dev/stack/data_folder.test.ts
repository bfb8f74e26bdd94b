import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  assertDiskSpace,
  emptyDataFolder,
  openDataFolder,
  readKept,
  writeKept,
} from "./data_folder.ts";
import { readStackFile, removeStackFile, type StackFile, writeStackFile } from "./stack_file.ts";

let above = "";
let folder = "";
beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), "stofka-folder-"));
  folder = join(above, "data");
});
afterEach(() => rmSync(above, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test("a new folder is made for its owner alone, and remembers its passwords", () => {
  const first = openDataFolder(folder);
  expect(modeOf(folder)).toBe(0o700);
  expect(modeOf(join(folder, "stofka.json"))).toBe(0o600);
  expect(openDataFolder(folder)).toEqual(first);
  expect(new Set(Object.values(first.secrets)).size).toBe(6);
  expect(Object.values(first.secrets).every((password) => /^[0-9a-f]{32}$/.test(password))).toBe(
    true,
  );
});

test("what is written is read again", () => {
  const kept = { ...openDataFolder(folder), exchange: { kind: "upbit" }, markets: "KRW" } as const;
  writeKept(folder, kept);
  expect(readKept(folder)).toEqual(kept);
});

test("a folder of somebody's own is neither used nor emptied", () => {
  mkdirSync(folder);
  writeFileSync(join(folder, "thesis.txt"), "years of work");
  expect(() => openDataFolder(folder)).toThrow(/bears no mark of Stofka.*--data/);
  expect(() => emptyDataFolder(folder)).toThrow(/left alone/);
  expect(existsSync(join(folder, "thesis.txt"))).toBe(true);
});

test("--reset deletes what is ours and leaves what somebody put beside it", () => {
  openDataFolder(folder);
  mkdirSync(join(folder, "kafka", "data"), { recursive: true });
  writeFileSync(join(folder, "notes.txt"), "mine");
  emptyDataFolder(folder);
  expect(existsSync(join(folder, "kafka"))).toBe(false);
  expect(existsSync(join(folder, "stofka.json"))).toBe(false);
  expect(existsSync(join(folder, "notes.txt"))).toBe(true);
});

test("the mark of a later version is refused, not overwritten", () => {
  openDataFolder(folder);
  writeFileSync(join(folder, "stofka.json"), `{"format":2,"secrets":{},"ports":{}}`);
  expect(() => openDataFolder(folder)).toThrow(/not readable by this version/);
});

test("a full disk is said with both numbers before anything starts", () => {
  openDataFolder(folder);
  expect(() => assertDiskSpace(folder, Number.MAX_SAFE_INTEGER)).toThrow(
    /MB free.*are needed.*--data/,
  );
  expect(() => assertDiskSpace(folder, 1)).not.toThrow();
});

test("stack.json is for its owner alone, whatever mode it had, and gone when nothing runs", () => {
  openDataFolder(folder);
  const stack: StackFile = {
    page: "http://127.0.0.1:8787",
    kafka: "127.0.0.1:1",
    topics: {},
    postgres: "postgres://",
    redis: "redis://",
    exchange: { kind: "simulator", ws: "ws://", rest: "http://", control: null },
    metrics: {},
    processes: { kafka: { pid: null, log: "x" } },
  };
  writeFileSync(join(folder, "stack.json"), "{}", { mode: 0o644 });
  writeStackFile(folder, stack);
  expect(modeOf(join(folder, "stack.json"))).toBe(0o600);
  expect(readStackFile(folder)).toEqual(stack);
  removeStackFile(folder);
  expect(readStackFile(folder)).toBeUndefined();
});

test("a folder of before a password was needed gets that password, and keeps the others", () => {
  const { secrets: { postgresRepair: _, ...before }, ...rest } = openDataFolder(folder);
  writeFileSync(join(folder, "stofka.json"), JSON.stringify({ ...rest, secrets: before }));
  const { secrets } = openDataFolder(folder);
  expect(secrets).toMatchObject(before);
  expect(secrets.postgresRepair).toMatch(/^[0-9a-f]{32}$/);
});
