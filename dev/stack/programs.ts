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
  const debian = "/usr/lib/postgresql"; // Debian and Ubuntu keep versions side by side, off the PATH
  const versions = existsSync(debian)
    ? readdirSync(debian).filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a))
    : [];
  for (const version of versions) {
    if (major !== undefined && version !== major) continue;
    const bin = join(debian, version, "bin");
    const cron = join(debian, version, "lib", "pg_cron.so");
    if (isExecutable(join(bin, "postgres")) && existsSync(cron)) return bin;
  }
  const config = onPath(environment, "pg_config");
  if (config === undefined) return undefined;
  const said = (flag: string) => execFileSync(config, [flag], { encoding: "utf8" }).trim();
  const bin = said("--bindir");
  const library = said("--pkglibdir");
  const hasCron = ["so", "dylib"].some((end) => existsSync(join(library, `pg_cron.${end}`)));
  const version = /(\d+)/.exec(said("--version"))?.[1];
  if (!hasCron || !isExecutable(join(bin, "postgres"))) return undefined;
  return major === undefined || version === major ? bin : undefined;
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
  try {
    return parseJavaVersion(execFileSync(java, ["--version"], { encoding: "utf8", stdio: "pipe" }));
  } catch {
    return undefined; // Java 8 knows no --version, and macOS has a java that only says there is none
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
