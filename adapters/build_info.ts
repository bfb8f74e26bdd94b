import process from "node:process";
import { Gauge, type Registry } from "prom-client";
import manifest from "../package.json" with { type: "json" };

/** What runs: of Stofka and of the runtime. */
export interface BuildInfo {
  readonly version: string;
  /** `deno 2.9.5` or `node 26.1.0`. */
  readonly runtime: string;
}

export function buildInfo(): BuildInfo {
  const { versions } = process;
  const runtime = versions["deno"] === undefined
    ? `node ${versions.node}`
    : `deno ${versions["deno"]}`;
  return { version: manifest.version, runtime };
}

export function showBuildInfo(registry: Registry, info: BuildInfo): void {
  new Gauge({
    name: "stofka_build_info",
    help: "1; its labels say which version runs on which runtime.",
    labelNames: ["version", "runtime"],
    registers: [registry],
  }).set({ version: info.version, runtime: info.runtime }, 1);
}
