import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Stack } from "../tests/whole/stack.ts";
import type { LoadOrder, LoadReport } from "./load.ts";

/** The load generator as a process apart. */
export class Load {
  readonly base: string;
  readonly #child: ChildProcess;
  report: LoadReport = { sent: 0, held: 0, cpuMs: 0 };

  private constructor(child: ChildProcess, base: string) {
    this.#child = child;
    this.base = base;
    child.on("message", (message) => this.report = message as LoadReport);
  }

  static async start(flags: readonly string[] = []): Promise<Load> {
    const child = fork(fileURLToPath(new URL("./load.ts", import.meta.url)), flags, {
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    const line = await new Promise<string>((resolve) => child.stdout!.once("data", resolve));
    return new Load(child, (JSON.parse(String(line)) as { base: string }).base);
  }

  set(order: LoadOrder): void {
    this.#child.send(order);
  }

  stop(): void {
    this.#child.kill();
  }
}

/** The whole product as `npm start` runs it, fed by a load. Everything ends when `work` has ended. */
export async function withProduct(
  options: { readonly node: boolean; readonly load: readonly string[] },
  work: (stack: Stack, load: Load) => Promise<void>,
): Promise<void> {
  const load = await Load.start(options.load);
  let stack: Stack | undefined;
  try {
    stack = await Stack.start(options.node ? "node" : "bootstrap", ["--exchange", load.base]);
    console.log(`${machine()}; services on ${options.node ? "Node" : "Deno"}`);
    await work(stack, load);
  } finally {
    load.stop();
    for (const wrong of await stack?.stop() ?? []) console.log(`! ${wrong}`);
  }
}

export function machine(): string {
  const all = cpus();
  const load = readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 2).join(", ");
  return `${new Date().toISOString().slice(0, 16)}Z, ${all.length} × ${
    all[0]?.model ?? "?"
  }, load average before ${load}`;
}

/** Processor time of a process, ms; NaN when it is gone. */
export function cpuMs(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10; // 100 ticks a second on Linux
  } catch {
    return NaN;
  }
}

/** Resident memory of a process, MB. */
export function residentMb(pid: number): number {
  const match = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Math.round(Number(match?.[1]) / 1024);
}

/** CPU of each part between two calls, in percent of one core. */
export class CpuMeter {
  readonly #pids: ReadonlyMap<string, readonly number[]>;
  #atMs = performance.now();
  #before: ReadonlyMap<string, number>;

  constructor(pids: ReadonlyMap<string, readonly number[]>) {
    this.#pids = pids;
    this.#before = this.#read();
  }

  lap(): Map<string, number> {
    const nowMs = performance.now();
    const now = this.#read();
    const passedMs = nowMs - this.#atMs;
    const shares = new Map(
      [...now].map(([name, ms]) => [name, (ms - this.#before.get(name)!) / passedMs * 100]),
    );
    this.#atMs = nowMs;
    this.#before = now;
    return shares;
  }

  #read(): Map<string, number> {
    return new Map(
      [...this.#pids].map(([name, pids]) => [
        name,
        pids.reduce((sum, pid) => sum + (cpuMs(pid) || 0), 0),
      ]),
    );
  }
}

/** The stack's processes; PostgreSQL with those it forked. */
export function pidsOf(stack: Stack): Map<string, readonly number[]> {
  return new Map(
    Object.entries(stack.file.processes).map(([name, { pid }]) => [
      name,
      pid === null ? [] : [pid, ...childrenOf(pid)],
    ]),
  );
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

/** The sum of a metric over its labels; those whose label text matches. */
export async function metric(
  stack: Stack,
  service: string,
  name: string,
  labels: RegExp = /(?:)/,
): Promise<number> {
  const text = await (await fetch(stack.file.metrics[service]!)).text();
  return text.split("\n").filter((line) => line.startsWith(`${name}{`) && labels.test(line))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

export function percentTable(shares: ReadonlyMap<string, number>): string {
  return [...shares].map(([name, share]) => `${name} ${share.toFixed(0)} %`).join(", ");
}

export function wantsHelp(help: string): void {
  if (!process.argv.includes("--help")) return;
  console.log(help);
  process.exit(0);
}
