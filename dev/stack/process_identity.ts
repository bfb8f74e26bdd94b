import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * One process, told apart from every other that ever had its number: ids are used again, so the number alone may name a
 * stranger, and a stranger must never be ended.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as the system writes it. Compared for equality only. */
  readonly startedAt: string;
}

/** Who has this process id now; undefined when nobody has, or only a dead process its parent did not collect. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const startedAt = process.platform === "linux" ? startedOnLinux(pid) : startedElsewhere(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** Whether that very process still lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return processIdentity(identity.pid)?.startedAt === identity.startedAt;
}

/** One line, for a pid file: `1234 5678901`. A shell reads it too (watchdog.sh). */
export function identityText(identity: ProcessIdentity): string {
  return `${identity.pid} ${identity.startedAt}\n`;
}

/** The reverse of {@link identityText}; undefined for anything else, such as a file cut short by a full disk. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^([1-9]\d{0,9}) (\S.*)$/.exec(text.trim());
  return match === null ? undefined : { pid: Number(match[1]), startedAt: match[2]! };
}

/**
 * State and start time from a line of /proc/<pid>/stat: fields 3 and 22 of proc(5). The name, field 2, may hold spaces and
 * parentheses, so fields are counted from the last `)`.
 */
export function parseStat(stat: string): { state: string; startTicks: string } | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).trim().split(" ");
  const state = fields[0];
  const startTicks = fields[19];
  return state === undefined || startTicks === undefined ? undefined : { state, startTicks };
}

function startedOnLinux(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // ENOENT: nobody has the number
  }
  const parsed = parseStat(stat);
  return parsed === undefined || parsed.state === "Z" || parsed.state === "X"
    ? undefined
    : parsed.startTicks;
}

function startedElsewhere(pid: number): string | undefined {
  try {
    const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return text.trim().replaceAll(/\s+/g, "_") || undefined;
  } catch {
    return undefined; // ps exits 1 when there is no such process
  }
}
