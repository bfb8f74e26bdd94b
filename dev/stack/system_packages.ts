import type { Programs } from "./programs.ts";

/** What a start or a test run can lack. */
export type Need =
  | "postgres"
  | "redis"
  | "java"
  | "maven"
  | "chromium"
  | "koreanFont"
  | "libatomic";

/** Said to a user whose system we cannot install on. */
export const NEED_TEXT: Readonly<Record<Need, string>> = {
  postgres: "PostgreSQL 15 or later with the extension pg_cron",
  redis: "Redis 7 or Valkey",
  java: "a Java runtime of version 17 or later",
  maven: "Maven (mvn), to fetch Kafka once",
  chromium: "Chromium",
  koreanFont: "a font with Korean letters",
  libatomic: "libatomic",
};

/** What is missing for `npm start`. Maven only fetches Kafka's jars, so it is not missed where they lie already. */
export function needsOf(programs: Programs, hasKafkaJars: boolean): Need[] {
  const needs: Need[] = [];
  if (programs.postgresBin === undefined) needs.push("postgres");
  if (programs.redis === undefined) needs.push("redis");
  if (programs.java === undefined) needs.push("java");
  if (!hasKafkaJars && programs.maven === undefined) needs.push("maven");
  return needs;
}

/** Newest first. Which of them a system has differs: Debian 12 has 15, Debian 13 has 17, Ubuntu 24.04 has 16. */
const POSTGRES_MAJORS = ["18", "17", "16", "15"] as const;

/**
 * Debian's names for what is needed; each choice is the first that the system's lists know.
 *
 * @param knows whether a package can be installed here
 * @param postgresMajor of an existing data folder: no other will do
 * @returns the packages; and the needs that no package of this system answers
 */
export function packagesFor(
  needs: readonly Need[],
  knows: (name: string) => boolean,
  postgresMajor?: string,
): { readonly packages: readonly string[]; readonly unknown: readonly Need[] } {
  const packages: string[] = [];
  const unknown: Need[] = [];
  for (const need of needs) {
    const choice = choicesFor(need, postgresMajor).find((names) => names.every(knows));
    if (choice === undefined) unknown.push(need);
    else packages.push(...choice);
  }
  return { packages, unknown };
}

function choicesFor(need: Need, postgresMajor: string | undefined): readonly (readonly string[])[] {
  switch (need) {
    case "postgres":
      return (postgresMajor === undefined ? POSTGRES_MAJORS : [postgresMajor])
        .map((major) => [`postgresql-${major}`, `postgresql-${major}-cron`]);
    case "redis":
      // Valkey first: where both are there, Redis is of a version whose licence is no longer open.
      return [["valkey-server"], ["redis-server"]];
    case "java":
      // By number: Ubuntu 22.04's default is 11.
      return [17, 21, 25].map((version) => [`openjdk-${version}-jre-headless`]);
    case "maven":
      return [["maven"]];
    case "chromium":
      return [["chromium"]];
    case "koreanFont":
      return [["fonts-nanum"]];
    case "libatomic":
      return [["libatomic1"]];
  }
}

/** Sum of the sizes in `apt-get --print-uris`, whose lines are `'address' name bytes hash`: what is to be downloaded. */
export function downloadBytes(printUris: string): number {
  let bytes = 0;
  for (const line of printUris.split("\n")) {
    const match = /^'[^']*' \S+ (\d+)/.exec(line);
    if (match !== null) bytes += Number(match[1]);
  }
  return bytes;
}
