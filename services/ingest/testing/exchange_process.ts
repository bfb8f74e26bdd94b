import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import process from "node:process";
import { tied } from "../../../tests/tied.ts";

/** The exchange simulator as a process of its own, on free ports of loopback. */
export class ExchangeProcess {
  readonly ws: string;
  readonly rest: string;
  readonly control: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, addresses: Record<"ws" | "rest" | "control", string>) {
    this.#child = child;
    this.ws = addresses.ws;
    this.rest = addresses.rest;
    this.control = addresses.control;
  }

  static async start(...args: readonly string[]): Promise<ExchangeProcess> {
    const main = new URL("../../../dev/exchange/main.ts", import.meta.url).pathname;
    const child = tied(spawn(process.execPath, [main, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    }));
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith("{")) {
        return new ExchangeProcess(child, JSON.parse(line));
      }
    }
    throw new Error("the exchange simulator ended before it listened");
  }

  /** What its clock says, ms since the epoch. */
  async nowMs(): Promise<number> {
    const { now_ms: nowMs } = await (await fetch(`${this.control}/clock`)).json() as {
      now_ms: number;
    };
    return nowMs;
  }

  async fault(fault: Readonly<Record<string, unknown>>): Promise<void> {
    const answer = await fetch(`${this.control}/fault`, {
      method: "POST",
      body: JSON.stringify(fault),
    });
    if (!answer.ok) throw new Error(`${JSON.stringify(fault)}: ${await answer.text()}`);
    await answer.text();
  }

  /** When connections began, ms since the epoch, oldest first. */
  async connectTimesMs(): Promise<readonly number[]> {
    const status =
      await (await fetch(`${this.control}/status`, { signal: AbortSignal.timeout(20_000) })).json();
    return (status as { connect_times_ms: number[] }).connect_times_ms;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
