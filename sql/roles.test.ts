import { randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { postgresClient } from "#adapters/postgres.ts";
import { testServers } from "../tests/servers.ts";
import { cronComplaints, type CronSettings } from "./cron_settings.ts";
import { ensureRoles } from "./roles.ts";
import { scramVerifier } from "./scram.ts";

const admin = postgresClient({
  url: testServers().postgres,
  applicationName: "stofka test",
  connectionsMax: 1,
  statementTimeoutMs: 10_000,
});
const role = `stofka_test_${randomBytes(4).toString("hex")}`;
afterAll(async () => {
  await admin.unsafe(`DROP ROLE IF EXISTS ${role}`);
  await admin.end({ timeout: 1 });
});

test("a role with our verifier logs in with its password and with no other", async () => {
  const password = `p-${randomBytes(8).toString("hex")}`;
  await admin.unsafe(
    `CREATE ROLE ${role} LOGIN PASSWORD '${scramVerifier(password, randomBytes(16))}'`,
  );
  const login = async (word: string): Promise<string> => {
    const url = Object.assign(new URL(testServers().postgres), {
      username: role,
      password: word,
      pathname: "/postgres",
    });
    const client = postgresClient({
      url: url.href,
      applicationName: "stofka test",
      connectionsMax: 1,
      statementTimeoutMs: 5_000,
    });
    try {
      const [row] = await client`SELECT current_user::text AS role`;
      return row!["role"] as string;
    } finally {
      await client.end({ timeout: 1 });
    }
  };
  expect(await login(password)).toBe(role);
  await expect(login("another-password")).rejects.toMatchObject({ code: "28P01" });
});

test("a weak password is refused before the server is asked", async () => {
  await expect(
    ensureRoles(admin, (name) => name === "STOFKA_PERSIST_PASSWORD" ? "short" : undefined),
  ).rejects.toMatchObject({ code: "password_invalid" });
});

test("pg_cron's settings: background workers are refused, what is missing is named", () => {
  const good: CronSettings = {
    available: true,
    version: "1.4-1",
    database: "stofka",
    server: { databaseName: "stofka", useBackgroundWorkers: false },
  };
  expect(cronComplaints(good)).toEqual([]);
  expect(cronComplaints({ ...good, available: false })[0]).toMatch(/not installed/);
  expect(cronComplaints({ ...good, version: null })[0]).toMatch(/CREATE EXTENSION/);
  expect(cronComplaints({ ...good, server: null })[0]).toMatch(/pg_read_all_settings/);
  expect(() =>
    cronComplaints({ ...good, server: { databaseName: "stofka", useBackgroundWorkers: true } })
  ).toThrow(/cron.use_background_workers is on/);
});
