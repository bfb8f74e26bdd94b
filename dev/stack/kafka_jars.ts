import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "#core/failure.ts";
import type { Job } from "./part.ts";

/** The broker and its logging backend, which the broker names but does not bring. */
const ARTIFACTS = [
  { group: "org.apache.kafka", artifact: "kafka_2.13", version: "4.3.1" },
  { group: "org.apache.logging.log4j", artifact: "log4j-slf4j-impl", version: "2.25.4" },
] as const;

export const KAFKA_VERSION = ARTIFACTS[0].version;

const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

export interface KafkaJarsOptions {
  /** The program mvn. */
  readonly maven: string;
  /** Real path of the program java, in its JRE's bin. */
  readonly java: string;
  readonly cache: string;
}

/** Where the jars of this version lie, there or not. Outside the checkout: every checkout and data folder shares them. */
export function kafkaJarsFolder(cache: string): string {
  return join(cache, `kafka-${KAFKA_VERSION}`);
}

export function hasKafkaJars(cache: string): boolean {
  return existsSync(join(kafkaJarsFolder(cache), "complete"));
}

/**
 * Fetches the jars by their coordinates, with whatever repository or mirror Maven is set up for. Maven's own downloads go to
 * a folder of ours and are removed again, so that nothing is left in ~/.m2.
 *
 * @throws Failure `maven_failed`
 */
export async function fetchKafkaJars(
  options: KafkaJarsOptions,
  run: (job: Job) => Promise<void>,
): Promise<string> {
  const { cache } = options;
  const target = kafkaJarsFolder(cache);
  if (hasKafkaJars(cache)) return target;
  const work = join(cache, `kafka-${KAFKA_VERSION}.unfinished-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    writeFileSync(join(work, "pom.xml"), pom());
    await run(maven(options, work));
    writeFileSync(join(work, "jars", "complete"), "");
    rmSync(target, { recursive: true, force: true });
    renameSync(join(work, "jars"), target);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "job_failed") throw error;
    throw new Failure(
      "maven_failed",
      `Kafka ${KAFKA_VERSION} could not be fetched by Maven. Is the network there, and does Maven need a proxy or a mirror in ~/.m2/settings.xml? ${error.message}`,
      error,
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return target;
}

function pom(): string {
  const dependencies = ARTIFACTS.map(({ group, artifact, version }) =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  ).join("");
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>` +
    `<groupId>stofka</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>` +
    `<dependencies>${dependencies}</dependencies></project>\n`;
}

function maven({ maven, java }: KafkaJarsOptions, work: string): Job {
  return {
    name: "maven",
    command: maven,
    args: [
      "--quiet",
      "--batch-mode",
      `-Dmaven.repo.local=${join(work, "repository")}`,
      "-Dmaven.artifact.threads=10",
      "-DincludeScope=runtime",
      `-DoutputDirectory=${join(work, "jars")}`,
      COPY,
    ],
    cwd: work,
    env: {
      JAVA_HOME: dirname(dirname(java)),
      MAVEN_OPTS: "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    },
  };
}
