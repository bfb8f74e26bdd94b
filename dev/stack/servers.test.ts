import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testServers } from "../../tests/servers.ts";
import { until } from "../../tests/until.ts";
import { kafkaReady } from "./kafka_broker.ts";
import { choosePorts } from "./ports.ts";
import { postgresReady } from "./postgres_server.ts";
import { findPrograms } from "./programs.ts";
import { redisReady } from "./redis_server.ts";
import { makeSecrets } from "./secrets.ts";
import { postgresHome } from "./server_user.ts";
import { SERVER_PARTS, SERVER_PORTS, type Servers, startServers } from "./servers.ts";
import { Supervisor } from "./supervisor.ts";

const DATABASE = "stofka_servers_test";
const folder = mkdtempSync(join(tmpdir(), "stofka-servers-"));
const supervisor = new Supervisor({
  folder,
  environment: { PATH: process.env["PATH"], HOME: homedir() },
  onEnd: () => {},
});
let servers: Servers;

beforeAll(async () => {
  const { kafkaHome } = JSON.parse(process.env["STOFKA_TEST_SERVERS"]!) as { kafkaHome: string };
  expect(testServers().kafka).toBeDefined();
  const { postgresBin, redis, java } = findPrograms(process.env);
  servers = await startServers(
    {
      folder,
      ports: await choosePorts(SERVER_PORTS, {}),
      secrets: makeSecrets(),
      programs: {
        postgresBin: postgresBin!,
        redis: redis!,
        java: java!,
        kafkaJars: () => Promise.resolve(kafkaHome),
      },
      database: DATABASE,
      postgres: postgresHome(folder, undefined, process.getuid!()),
      postgresSettings: { fsync: "off" },
    },
    supervisor,
    (_, work) => work(),
  );
}, 180_000);

afterAll(async () => {
  await supervisor.end([{ names: SERVER_PARTS, graceMs: 5_000 }]);
  rmSync(folder, { recursive: true, force: true });
});

/** Addresses of /proc/net/tcp and tcp6 in state LISTEN (0A) whose sockets this process holds, as `hex address:port`. */
function listening(pid: number): string[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return []; // closed meanwhile
      }
    }),
  );
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8").split("\n").slice(1).flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      return fields[3] === "0A" && sockets.has(`socket:[${fields[9]}]`) ? [fields[1]!] : [];
    })
  );
}

test.runIf(process.platform === "linux")(
  "each server listens on loopback alone, and never on a well-known server's port",
  () => {
    for (const name of SERVER_PARTS) {
      const addresses = listening(supervisor.processes()[name]!.pid!);
      expect(addresses.length, name).toBeGreaterThan(0);
      for (const address of addresses) {
        const [host, port] = address.split(":");
        // 127.0.0.1 in the machine's byte order, by itself or mapped into IPv6
        expect(host, `${name} ${address}`).toMatch(/^(?:0000000000000000FFFF0000)?0100007F$/);
        expect([5432, 6379, 9092]).not.toContain(Number.parseInt(port!, 16));
      }
    }
  },
);

test("pg_cron is there in the namespace's database, with jobs through the socket and not in background workers", async () => {
  const sql = postgres(servers.postgresOwner, { max: 1, onnotice: () => {} });
  try {
    const [setting] = await sql`select current_setting('cron.use_background_workers') as value`;
    expect(setting!["value"]).toBe("off");
    const [extension] =
      await sql`select count(*)::int as n from pg_extension where extname = 'pg_cron'`;
    expect(extension!["n"]).toBe(1);
    const [role] = await sql`select rolsuper from pg_roles where rolname = current_user`;
    expect(role!["rolsuper"]).toBe(false);
    // the owner, who is no superuser, may have jobs
    const [job] = await sql`select cron.schedule('try', '* * * * *', 'select 1') as id`;
    expect(Number(job!["id"])).toBeGreaterThan(0);
    await sql`select cron.unschedule('try')`;
  } finally {
    await sql.end();
  }
});

test("a server that is killed comes back at its address, as another process", async () => {
  const before = supervisor.processes();
  for (const name of SERVER_PARTS) process.kill(before[name]!.pid!, "SIGKILL");
  const back = async (name: string, ready: () => Promise<void>) => {
    await until(`${name} is back`, 40_000, async () => {
      const { pid } = supervisor.processes()[name]!;
      return pid !== null && pid !== before[name]!.pid &&
        await ready().then(() => true, () => false);
    });
  };
  await Promise.all([
    back("kafka", () => kafkaReady(Number(servers.kafka.split(":")[1]))),
    back("postgres", () => postgresReady(servers.postgresSuperuser)),
    back("redis", () => redisReady(servers.redis)),
  ]);
}, 180_000);
