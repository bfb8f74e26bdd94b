import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ExchangeAddress, ExchangeWish } from "./exchange_choice.ts";
import type { Part } from "./part.ts";
import type { Ports } from "./ports.ts";
import type { Runtime } from "./runtime.ts";

/**
 * The exchange simulator, or a replay through it, as a part. It says where it listens in its first line of JSON; its ports are
 * ours to choose, so that it comes back at the same address.
 */
export function exchangePart(
  wish: Extract<ExchangeWish, { kind: "simulator" | "replay" }>,
  options: {
    readonly checkout: string;
    readonly folder: string;
    readonly ports: Required<Ports>;
    readonly runtime: Runtime;
  },
): { readonly part: Part; readonly address: () => ExchangeAddress } {
  const { checkout, folder, ports, runtime } = options;
  const log = join(folder, "logs", "exchange.log");
  const logStart = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  let address: ExchangeAddress | undefined;
  const args = [
    "--port",
    String(ports.exchange),
    "--control-port",
    String(ports.exchangeControl),
    ...(wish.kind === "replay" ? ["--replay", wish.file, "--speed", String(wish.speed ?? 1)] : []),
  ];
  const part: Part = {
    name: "exchange",
    ...runtime.command(
      [
        `--allow-net=127.0.0.1:${ports.exchange},127.0.0.1:${ports.exchangeControl}`,
        "--allow-env",
        ...(wish.kind === "replay" ? [`--allow-read=${wish.file}`] : []),
      ],
      join(checkout, "dev", "exchange", "main.ts"),
      args,
    ),
    env: runtime.env,
    cwd: checkout,
    stopSignal: "SIGTERM",
    ready: () => {
      address ??= addressLine(readFileSync(log).subarray(logStart).toString());
      return address === undefined
        ? Promise.reject(new Error("it has not said where it listens"))
        : Promise.resolve();
    },
  };
  return {
    part,
    address: () => {
      if (address === undefined) throw new Error("the exchange is asked for its address too early");
      return address;
    },
  };
}

/** The address in a log: its first line that is JSON with `ws`, `rest` and `control`. */
export function addressLine(log: string): ExchangeAddress | undefined {
  for (const line of log.split("\n")) {
    if (!line.startsWith("{") || !line.endsWith("}")) continue;
    const { ws, rest, control } = JSON.parse(line) as Partial<ExchangeAddress>;
    if (ws !== undefined && rest !== undefined) return { ws, rest, control: control ?? null };
  }
  return undefined;
}
