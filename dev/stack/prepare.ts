import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "#core/failure.ts";
import type { Context } from "./context.ts";
import { installPackages } from "./install.ts";
import { fetchKafkaJars, hasKafkaJars, KAFKA_VERSION, kafkaJarsFolder } from "./kafka_jars.ts";
import type { Job } from "./part.ts";
import { findPrograms, type Programs } from "./programs.ts";
import type { ServerPrograms } from "./servers.ts";
import { type Need, NEED_TEXT, needsOf } from "./system_packages.ts";

export interface PrepareOptions {
  readonly yes: boolean;
  readonly install: boolean;
  /** Of an existing data folder. */
  readonly postgresMajor?: string | undefined;
  /** Beyond what the servers need. */
  readonly furtherNeeds?: readonly Need[];
}

/** Finds the programs of the servers, and installs the packages that are missing. */
export async function preparePrograms(
  context: Context,
  options: PrepareOptions,
): Promise<Programs> {
  const { environment, cache } = context;
  mkdirSync(cache, { recursive: true });
  const found = findPrograms(environment, options.postgresMajor);
  const needs = [...needsOf(found, hasKafkaJars(cache)), ...(options.furtherNeeds ?? [])];
  if (needs.length === 0) return found;
  const installed = await installPackages({
    needs,
    postgresMajor: options.postgresMajor,
    yes: options.yes,
    allowed: options.install,
    terminal: context.terminal,
    uid: context.uid,
    environment,
    signal: context.signal,
  }, context.progress);
  rememberPackages(cache, installed);
  const now = findPrograms(environment, options.postgresMajor);
  const still = needsOf(now, hasKafkaJars(cache));
  if (still.length === 0) return now;
  throw new Failure(
    "still_missing",
    `installed, but still not found: ${still.map((need) => NEED_TEXT[need]).join("; ")}`,
  );
}

/** The servers' programs; Kafka's jars are fetched when they are asked for and not there yet. */
export function serverPrograms(
  programs: Programs,
  context: Context,
  run: (job: Job) => Promise<void>,
): ServerPrograms {
  const { postgresBin, redis, java, maven } = programs;
  if (postgresBin === undefined || redis === undefined || java === undefined) {
    throw new Error("programs are used before they were prepared");
  }
  const { cache, progress } = context;
  const kafkaJars = (): Promise<string> => {
    if (hasKafkaJars(cache)) return Promise.resolve(kafkaJarsFolder(cache));
    if (maven === undefined) throw new Error("Maven is used before it was prepared");
    return progress.step(
      `fetching Kafka ${KAFKA_VERSION} (44 MB, once)`,
      () => fetchKafkaJars({ maven, java, cache }, run),
    );
  };
  return { postgresBin, redis, java, kafkaJars };
}

/** So that uninstall can say what came with us. */
function rememberPackages(cache: string, installed: readonly string[]): void {
  const all = new Set([...installedPackages(cache), ...installed]);
  writeFileSync(packagesFile(cache), `${JSON.stringify([...all])}\n`);
}

/** System packages that were installed by us, on the user's word. */
export function installedPackages(cache: string): readonly string[] {
  try {
    return JSON.parse(readFileSync(packagesFile(cache), "utf8")) as string[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function packagesFile(cache: string): string {
  return join(cache, "installed_packages.json");
}
