import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { tied } from "../../../tests/tied.ts";
import { until } from "../../../tests/until.ts";
import { permissionsOf } from "../../permissions.ts";
import { type ReadEvent, readEvents } from "./reader.ts";

export type Runtime = "node" | "deno";

const main = new URL("../main.ts", import.meta.url).pathname;

/** The service as it is started in earnest, on free ports. */
export class StreamProcess {
  readonly url: string;
  readonly ops: string;
  readonly #child: ChildProcess;
  #log = "";

  constructor(child: ChildProcess, httpPort: number, opsPort: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${httpPort}`;
    this.ops = `http://127.0.0.1:${opsPort}`;
    child.stdout!.on("data", (part) => (this.#log += part));
    child.stderr!.on("data", (part) => (this.#log += part));
  }

  static async start(
    runtime: Runtime,
    settings: Readonly<Record<string, string>>,
  ): Promise<StreamProcess> {
    const [httpPort, opsPort] = [await freePort(), await freePort()];
    const env = { ...settings, HTTP_PORT: String(httpPort), OPS_PORT: String(opsPort) };
    const [program, args] = runtime === "node" ? [process.execPath, [main]] : [denoBinary(), [
      "run",
      "--no-prompt",
      "--cached-only",
      ...permissionsOf("stream", env),
      main,
    ]];
    const child = tied(spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] }));
    const started = new StreamProcess(child, httpPort, opsPort);
    await started.until(async () => (await fetch(`${started.ops}/readyz`)).ok, 30_000).catch(
      (error: unknown) => {
        started.kill();
        throw error;
      },
    );
    return started;
  }

  /** What it has written so far. */
  get log(): string {
    return this.#log;
  }

  /** Waits until it holds; a refused connection counts as not yet. */
  until(holds: () => boolean | Promise<boolean>, msMax = 10_000): Promise<void> {
    return until("what the test waits for", msMax, async () => {
      try {
        return await holds();
      } catch (error) {
        if (error instanceof TypeError) return false;
        throw error;
      }
    }, { everyMs: 20, told: () => this.#log });
  }

  /** Opens a stream and reads it until the signal aborts. */
  follow(query: string, signal: AbortSignal): { readonly events: ReadEvent[]; ended: boolean } {
    let unread = "";
    const reader = { events: [] as ReadEvent[], ended: false };
    void (async () => {
      try {
        const response = await fetch(`${this.url}/api/stream?${query}`, { signal });
        for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
          unread += part;
          const end = unread.lastIndexOf("\n\n") + 2;
          if (end < 2) continue;
          reader.events.push(...readEvents(unread.slice(0, end)));
          unread = unread.slice(end);
        }
      } catch (error) {
        if (!signal.aborted && !(error instanceof TypeError)) throw error;
      }
      reader.ended = true;
    })();
    return reader;
  }

  /** Ends at once; for what a failed test left behind. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** @returns the exit code and how long the end took, ms */
  stop(): Promise<{ readonly code: number | null; readonly ms: number }> {
    const startedMs = Date.now();
    return new Promise((resolve) => {
      this.#child.once("exit", (code) => resolve({ code, ms: Date.now() - startedMs }));
      this.#child.kill("SIGTERM");
    });
  }
}

function denoBinary(): string {
  const require = createRequire(import.meta.url);
  const name = `@deno/${process.platform}-${process.arch}${
    process.platform === "linux" ? "-glibc" : ""
  }`;
  return require.resolve(`${name}/package.json`).replace(/package\.json$/, "deno");
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
