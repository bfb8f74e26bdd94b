import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Namespace, topicName } from "#core/namespace.ts";
import { TOPIC_PLANS } from "#core/topics.ts";
import { writeWhole } from "./data_folder.ts";
import type { ExchangeAddress, ExchangeKind } from "./exchange_choice.ts";

/** `<data folder>/stack.json`: where everything of a running stack is. There while it runs; mode 0600, it holds passwords. */
export interface StackFile {
  readonly page: string;
  /** `host:port`, comma-separated. */
  readonly kafka: string;
  /** Logical name to the name on the broker. */
  readonly topics: Readonly<Record<string, string>>;
  /** URL of the namespace's database as its owner. */
  readonly postgres: string;
  readonly redis: string;
  readonly exchange: ExchangeAddress & { readonly kind: ExchangeKind };
  /** Service to its metrics. */
  readonly metrics: Readonly<Record<string, string>>;
  readonly processes: Readonly<Record<string, StackProcess>>;
}

export interface StackProcess {
  /** Null while it waits for its restart. */
  readonly pid: number | null;
  readonly log: string;
}

/** Every topic's name in the namespace. */
export function topicNames(namespace: Namespace): Record<string, string> {
  return Object.fromEntries(
    TOPIC_PLANS.map(({ topic }) => [topic, topicName(namespace, topic)]),
  );
}

export function writeStackFile(folder: string, stack: StackFile): void {
  writeWhole(join(folder, "stack.json"), `${JSON.stringify(stack, null, 2)}\n`);
}

/** Undefined when no stack runs there. */
export function readStackFile(folder: string): StackFile | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "stack.json"), "utf8")) as StackFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export function removeStackFile(folder: string): void {
  rmSync(join(folder, "stack.json"), { force: true });
}
