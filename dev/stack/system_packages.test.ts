import { expect, test } from "vitest";
import { parsePolicy } from "./install.ts";
import { parseJavaVersion } from "./programs.ts";
import { downloadBytes, type Need, needsOf, packagesFor } from "./system_packages.ts";

const ALL: Need[] = ["postgres", "redis", "java", "maven"];
const knows = (...names: string[]) => (name: string) => names.includes(name);
const pg = (major: number) => [`postgresql-${major}`, `postgresql-${major}-cron`];

test("Debian 12, Debian 13 and Ubuntu 22.04 get what they have", () => {
  const debian12 = knows(...pg(15), "redis-server", "openjdk-17-jre-headless", "maven");
  expect(packagesFor(ALL, debian12).packages)
    .toEqual([...pg(15), "redis-server", "openjdk-17-jre-headless", "maven"]);
  const debian13 = knows(
    ...pg(17),
    "redis-server",
    "valkey-server",
    "openjdk-21-jre-headless",
    "maven",
  );
  expect(packagesFor(ALL, debian13).packages)
    .toEqual([...pg(17), "valkey-server", "openjdk-21-jre-headless", "maven"]);
  const ubuntu22 = knows(
    ...pg(14),
    "redis-server",
    "openjdk-17-jre-headless",
    "default-jre-headless",
    "maven",
  );
  const { packages, unknown } = packagesFor(ALL, ubuntu22);
  expect(packages).toContain("openjdk-17-jre-headless");
  expect(unknown).toEqual(["postgres"]); // its 14 is too old
});

test("a PostgreSQL without pg_cron is no answer; an existing folder takes its own version alone", () => {
  const half = knows("postgresql-17", ...pg(15));
  expect(packagesFor(["postgres"], half).packages).toEqual(pg(15));
  expect(packagesFor(["postgres"], half, "16")).toEqual({ packages: [], unknown: ["postgres"] });
});

test("Maven is missed only where Kafka was not fetched yet", () => {
  const none = { postgresBin: undefined, redis: undefined, java: undefined, maven: undefined };
  expect(needsOf(none, false)).toEqual(ALL);
  expect(needsOf(none, true)).toEqual(["postgres", "redis", "java"]);
});

test("the download's size is the sum of apt's lines", () => {
  const lines = `'http://x/a.deb' a_1_amd64.deb 1500 SHA256:ab
'http://x/b%2b.deb' b_2_all.deb 500 SHA256:cd
`;
  expect(downloadBytes(lines)).toBe(2000);
});

test("a package counts as known when it has a candidate", () => {
  const policy = `maven:
  Installed: (none)
  Candidate: 3.8.7-1
virtual-only:
  Installed: (none)
  Candidate: (none)
`;
  expect([...parsePolicy(policy)]).toEqual(["maven"]);
});

test.each([
  ["openjdk 17.0.15 2025-04-15", 17],
  ["openjdk 21 2023-09-19", 21],
  ["java 25.0.1 2025-10-21 LTS", 25],
  ["The operation couldn’t be completed.", undefined],
])("Java's version in %j", (text, version) => {
  expect(parseJavaVersion(text)).toBe(version);
});
