import process from "node:process";
import { randomBytes } from "node:crypto";
import { type Namespace, namespace } from "#core/namespace.ts";

/** The real servers that `npm test` starts for adapters' tests, on free ports of loopback, and ends afterwards. */
export interface TestServers {
  /** `host:port` */
  readonly kafka: string;
  /** Address of a superuser. */
  readonly postgres: string;
  /** Address of the owner role, as the local stack hands it to the migrator: no superuser. */
  readonly postgresOwner: string;
  readonly redis: string;
  /** Folder of the broker's jars, and of the JRE: for a test that needs a broker of its own, to kill it. */
  readonly kafkaHome: string;
  readonly javaHome: string;
  /** Folder of PostgreSQL's programs, and the program of Redis, for the same. */
  readonly postgresBin: string;
  readonly redisServer: string;
}

/** @throws Error when the tests were not started by `npm test` */
export function testServers(): TestServers {
  const text = process.env["STOFKA_TEST_SERVERS"];
  if (text === undefined) {
    throw new Error(
      "STOFKA_TEST_SERVERS is missing: start these tests by `npm test -- <folder>`, which starts the servers",
    );
  }
  return JSON.parse(text) as TestServers;
}

/** A namespace that no other test has. */
export function freshNamespace(): Namespace {
  return namespace(`test-${randomBytes(5).toString("hex")}.`);
}
