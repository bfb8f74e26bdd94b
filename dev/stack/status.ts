import { readFileSync } from "node:fs";
import { join } from "node:path";
import { reason } from "#core/failure.ts";
import type { Context } from "./context.ts";
import { readKept } from "./data_folder.ts";
import { diskLines, readDiskState } from "./disk_state.ts";
import { exchangeText } from "./exchange_choice.ts";
import { kafkaReady } from "./kafka_broker.ts";
import { orphansOf, runningSupervisor } from "./orphans.ts";
import { postgresReady } from "./postgres_server.ts";
import { repairSentence } from "./repair_progress.ts";
import { redisReady } from "./redis_server.ts";
import { isReady } from "./services.ts";
import { readStackFile, type StackFile } from "./stack_file.ts";

/** Shows each part. True when the stack runs and all of it is ready. */
export async function status(folder: string, { progress }: Context): Promise<boolean> {
  const stack = readStackFile(folder);
  if (runningSupervisor(folder) === undefined) {
    const left = orphansOf(folder).map(({ name }) => name);
    progress.say(
      left.length === 0
        ? `  nothing runs on ${folder}; start it with: npm start`
        : `  the stack on ${folder} was killed and left: ${
          left.join(", ")
        }; end them with: npm run stop`,
    );
    return false;
  }
  if (stack === undefined) {
    progress.say(`  the stack on ${folder} is starting; its log: ${join(folder, "logs")}`);
    return false;
  }
  const kept = readKept(folder);
  const exchange = kept?.exchange;
  progress.say(
    `  page ${stack.page}   exchange ${
      exchange === undefined ? stack.exchange.kind : exchangeText(exchange)
    }`,
  );
  const lines = await Promise.all(
    Object.entries(stack.processes).map(async ([name, { pid, log }]) => {
      const missing = await whatIsMissing(name, stack);
      const usage = pid === null ? undefined : processUsage(pid);
      return {
        ready: missing === undefined,
        text: [
          `  ${name.padEnd(10)}`,
          pid === null ? "waiting for its restart".padEnd(32) : [
            `pid ${pid}`.padEnd(12),
            (usage === undefined ? "gone" : `up ${durationText(usage.upMs)}`).padEnd(11),
            (usage === undefined ? "" : `${usage.memoryMb} MB`).padStart(7),
          ].join(" "),
          missing === undefined ? "ready" : `NOT READY: ${missing}; log ${log}`,
        ].join("  "),
      };
    }),
  );
  for (const { text } of lines) progress.say(text);
  progress.say(`  ${"repair".padEnd(10)} ${await repairSentence(stack.postgres)}`);
  if (kept !== undefined) {
    for (const line of diskLines(await readDiskState(folder, kept, stack))) progress.say(line);
  }
  return lines.every(({ ready }) => ready);
}

async function whatIsMissing(name: string, stack: StackFile): Promise<string | undefined> {
  const checks: Readonly<Record<string, () => Promise<void>>> = {
    kafka: () => kafkaReady(Number(stack.kafka.split(":")[1])),
    postgres: () => postgresReady(stack.postgres),
    redis: () => redisReady(stack.redis),
  };
  const metrics = stack.metrics[name];
  const check = metrics === undefined
    ? checks[name]
    : () => isReady(metrics.replace(/\/metrics$/, ""));
  try {
    await check?.();
    return undefined;
  } catch (error) {
    return reason(error);
  }
}

/** Since when, and how much memory is its own or shared with others (resident). Linux alone; undefined elsewhere. */
function processUsage(pid: number): { upMs: number; memoryMb: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const upSeconds = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    // proc(5): start time in clock ticks, 100 a second on every Linux that runs our runtimes; pages of 4 KiB.
    return {
      upMs: 1000 * (upSeconds - Number(fields[19]) / 100),
      memoryMb: Math.round(pages * 4 / 1024),
    };
  } catch {
    return undefined; // it ended just now, or there is no /proc
  }
}

/** `4 s`, `12 min`, `3 h 20 min`, `5 d 2 h` */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24
    ? `${hours} h ${minutes % 60} min`
    : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
