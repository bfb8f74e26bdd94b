import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";

/** What the stack runs that is not ours. A part that is missing is undefined. */
export interface Programs {
  /** Folder of initdb and postgres, of a version that has pg_cron. */
  readonly postgresBin: string | undefined;
  readonly redis: string | undefined;
  /** A JRE of version 17 or later; its real path. */
  readonly java: string | undefined;
  readonly maven: string | undefined;
}

/** Older JREs don't run Kafka 4. */
const JAVA_VERSION_MIN = 17;
/** Older ones know no MERGE. */
const POSTGRES_VERSION_MIN = 15;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Looks for the programs. `postgresMajor` restricts PostgreSQL to the version that a data folder was made with.
 */
export function findPrograms(environment: Environment, postgresMajor?: string): Programs {
  return {
    postgresBin: findPostgres(environment, postgresMajor),
    redis: onPath(environment, "redis-server") ?? onPath(environment, "valkey-server"),
    java: findJava(environment),
    maven: onPath(environment, "mvn"),
  };
}

/** The first executable of that name on the PATH, or in the system folders that an ordinary user's PATH may lack. */
export function onPath(environment: Environment, name: string): string | undefined {
  const folders = [
    ...(environment["PATH"] ?? "").split(delimiter),
    "/usr/local/bin",
    "/usr/bin",
    "/usr/sbin",
    "/sbin",
    "/opt/homebrew/bin",
  ];
  return folders.filter((folder) => folder !== "").map((folder) => join(folder, name))
    .find(isExecutable);
}

function findPostgres(environment: Environment, major: string | undefined): string | undefined {
  const fits = (version: string): boolean =>
    major === undefined ? Number(version) >= POSTGRES_VERSION_MIN : version === major;
  const debian = "/usr/lib/postgresql"; // Debian and Ubuntu keep versions side by side, off the PATH
  const versions = existsSync(debian)
    ? readdirSync(debian).filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a))
    : [];
  for (const version of versions.filter(fits)) {
    const bin = join(debian, version, "bin");
    const cron = join(debian, version, "lib", "pg_cron.so");
    if (isExecutable(join(bin, "postgres")) && existsSync(cron)) return bin;
  }
  const config = onPath(environment, "pg_config");
  const said = config === undefined ? undefined : output(config);
  const [, bin] = /^BINDIR = (.+)$/m.exec(said ?? "") ?? [];
  const [, library] = /^PKGLIBDIR = (.+)$/m.exec(said ?? "") ?? [];
  const [, version] = /^VERSION = \D*(\d+)/m.exec(said ?? "") ?? [];
  if (bin === undefined || library === undefined || version === undefined) return undefined;
  const hasCron = ["so", "dylib"].some((end) => existsSync(join(library, `pg_cron.${end}`)));
  return hasCron && isExecutable(join(bin, "postgres")) && fits(version) ? bin : undefined;
}

function findJava(environment: Environment): string | undefined {
  const jvms = "/usr/lib/jvm";
  const candidates = [
    ...(environment["JAVA_HOME"] === undefined ? [] : [join(environment["JAVA_HOME"], "bin/java")]),
    onPath(environment, "java"),
    ...(existsSync(jvms)
      ? readdirSync(jvms).sort().map((name) => join(jvms, name, "bin/java"))
      : []),
  ];
  for (const candidate of candidates) {
    if (candidate === undefined || !isExecutable(candidate)) continue;
    const real = realpathSync(candidate);
    if ((javaVersion(real) ?? 0) >= JAVA_VERSION_MIN) return real;
  }
  return undefined;
}

function javaVersion(java: string): number | undefined {
  const said = output(java, "--version");
  return said === undefined ? undefined : parseJavaVersion(said);
}

/**
 * What a program says; undefined when it fails: Java 8 knows no --version, macOS has a java that only says there is none, and
 * Debian's pg_config is one as long as its package is not there.
 */
function output(program: string, ...args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: "pipe" });
  } catch {
    return undefined;
  }
}

/** `openjdk 17.0.15 2025-04-15` → 17. */
export function parseJavaVersion(text: string): number | undefined {
  const match = /^\S+ (\d+)/.exec(text);
  return match === null ? undefined : Number(match[1]);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
