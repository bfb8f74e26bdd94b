import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { tied } from "../tied.ts";
import { until } from "../until.ts";
import { CHECKOUT } from "./stack.ts";

/** The simulated exchange as a process of the test's own: it outlives whatever else is killed. */
export class Exchange {
  readonly ws: string;
  readonly rest: string;
  readonly control: string;
  readonly #child: ChildProcess;

  private constructor(
    child: ChildProcess,
    { ws, rest, control }: { ws: string; rest: string; control: string },
  ) {
    this.#child = child;
    this.ws = ws;
    this.rest = rest;
    this.control = control;
  }

  /** `http://127.0.0.1:<port>`, for `--exchange`. */
  get base(): string {
    return new URL(this.rest).origin;
  }

  /** @param flags of dev/exchange/main.ts */
  static async start(flags: readonly string[]): Promise<Exchange> {
    const run = "Deno" in globalThis ? ["run", "-A", "--cached-only"] : [];
    const main = join(CHECKOUT, "dev/exchange/main.ts");
    const child = tied(spawn(process.execPath, [...run, main, ...flags], {
      cwd: CHECKOUT,
      stdio: ["ignore", "pipe", "inherit"],
    }));
    let output = "";
    child.stdout!.setEncoding("utf8").on("data", (text: string) => output += text);
    try {
      await until("the exchange listens", 30_000, () => output.includes("\n"));
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
    return new Exchange(child, JSON.parse(output.split("\n")[0]!));
  }

  async fault(fault: Readonly<Record<string, unknown>>): Promise<void> {
    const answer = await fetch(`${this.control}/fault`, {
      method: "POST",
      body: JSON.stringify(fault),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** Up to when it has sent what was due, ms: behind the time when the machine is starved. */
  async playedMs(): Promise<number> {
    const status = await (await fetch(`${this.control}/status`)).json();
    return (status as { played_ms: number }).played_ms;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 3_000);
    await exited;
    clearTimeout(timer);
  }
}
