import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import {
  identityText,
  isAlive,
  parseIdentity,
  parseStat,
  processIdentity,
} from "./process_identity.ts";

test("fields of /proc/<pid>/stat are counted from behind a name with spaces and parentheses", () => {
  const fields = Array.from({ length: 50 }, (_, i) => String(i + 3));
  fields[0] = "S";
  expect(parseStat(`12 (a) b (c)) ${fields.join(" ")}`)).toEqual({ state: "S", startTicks: "22" });
});

test("a process is itself until it ends; a dead one that nobody collected is not alive", async () => {
  const child = spawn("sleep", ["60"]);
  const identity = processIdentity(child.pid!)!;
  expect(isAlive(identity)).toBe(true);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isAlive(identity)).toBe(false);
});

test("another process with the same number is a stranger", () => {
  const self = processIdentity(process.pid)!;
  expect(isAlive({ ...self, startedAt: `${self.startedAt}0` })).toBe(false);
});

test("a pid file's line is read back; one cut short is nobody", () => {
  const identity = { pid: 12, startedAt: "3456" };
  expect(parseIdentity(identityText(identity))).toEqual(identity);
  for (const text of ["", "12", "12 ", "0 5", "x 5", "-1 5"]) {
    expect(parseIdentity(text)).toBeUndefined();
  }
});
