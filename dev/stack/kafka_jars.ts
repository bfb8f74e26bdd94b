import { spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, reason } from "#core/failure.ts";

/** The broker and its logging backend, which the broker names but does not bring. */
const ARTIFACTS = [
  { group: "org.apache.kafka", artifact: "kafka_2.13", version: "4.3.1" },
  { group: "org.apache.logging.log4j", artifact: "log4j-slf4j-impl", version: "2.25.4" },
] as const;

export const KAFKA_VERSION = ARTIFACTS[0].version;

const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const MAVEN_MS_MAX = 10 * 60_000;

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
export async function fetchKafkaJars(maven: string, cache: string, java: string): Promise<string> {
  const target = kafkaJarsFolder(cache);
  if (hasKafkaJars(cache)) return target;
  const work = join(cache, `kafka-${KAFKA_VERSION}.${process.pid}.unfinished`);
  mkdirSync(work, { recursive: true });
  try {
    writeFileSync(join(work, "pom.xml"), pom());
    await runMaven(maven, work, java);
    rmSync(join(work, "repository"), { recursive: true, force: true });
    writeFileSync(join(work, "jars", "complete"), "");
    rmSync(target, { recursive: true, force: true });
    renameSync(join(work, "jars"), target);
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

function runMaven(maven: string, work: string, java: string): Promise<void> {
  const args = [
    "--quiet",
    "--batch-mode",
    `-Dmaven.repo.local=${join(work, "repository")}`,
    "-Dmaven.artifact.threads=10",
    "-DincludeScope=runtime",
    `-DoutputDirectory=${join(work, "jars")}`,
    COPY,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(maven, args, {
      cwd: work,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: MAVEN_MS_MAX,
      env: {
        ...process.env,
        JAVA_HOME: java.replace(/\/bin\/java$/, ""),
        MAVEN_OPTS: `${process.env["MAVEN_OPTS"] ?? ""} -XX:+UseSerialGC -XX:TieredStopAtLevel=1`.trim(),
      },
    });
    let output = "";
    const keep = (chunk: Uint8Array) => {
      output = (output + new TextDecoder().decode(chunk)).slice(-2000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", (error) => reject(new Failure("maven_failed", reason(error), error)));
    child.once("close", (code) => {
      if (code === 0) resolve();
      else {
        reject(
          new Failure(
            "maven_failed",
            `Maven could not fetch Kafka ${KAFKA_VERSION} (exit code ${code}). Is the network there, and does Maven need a proxy or mirror in ~/.m2/settings.xml? It said:\n${output.trim()}`,
          ),
        );
      }
    });
  });
}
