import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "./context.ts";
import type { Options } from "./options.ts";

/**
 * Starts this same command once more, apart from the terminal, with its output in logs/stack.log, and shows that until
 * everything is ready. The questions were asked before.
 *
 * @returns 0 once the stack is ready; the other's exit code if it failed
 */
export async function detach(options: Options, { signal, environment }: Context): Promise<number> {
  const logs = join(options.dataFolder, "logs");
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const log = join(logs, "stack.log");
  const out = openSync(log, "a", 0o600);
  truncateSync(log, 0);
  // --reset was carried out before.
  const args = process.argv.slice(2).filter((arg) => arg !== "--reset");
  const runtime = "Deno" in globalThis ? ["run", "-A", process.argv[1]!] : [process.argv[1]!];
  const child = spawn(process.execPath, [...runtime, ...args, "--yes"], {
    detached: true,
    stdio: ["ignore", out, out],
    env: { ...environment, STOFKA_DETACHED: "1" } as NodeJS.ProcessEnv,
  });
  closeSync(out);
  let exitCode: number | undefined;
  child.once("exit", (code) => exitCode = code ?? 1);
  child.once("error", () => exitCode = 1);
  const onAbort = () => void child.kill("SIGTERM");
  signal.addEventListener("abort", onAbort, { once: true });
  let shown = 0;
  const show = () => {
    const bytes = readFileSync(log);
    process.stdout.write(bytes.subarray(shown));
    shown = bytes.length;
  };
  const stackFile = join(options.dataFolder, "stack.json");
  while (exitCode === undefined && !existsSync(stackFile)) {
    show();
    await sleep(100);
  }
  await sleep(100); // the closing block follows the file
  show();
  signal.removeEventListener("abort", onAbort);
  child.unref();
  return exitCode ?? 0;
}
