import { join } from "node:path";
import { initKafka, kafkaBrokers, kafkaPart } from "./kafka_broker.ts";
import type { Part } from "./part.ts";
import type { PortName } from "./ports.ts";
import { initPostgres, OWNER, postgresPart, postgresUrl, prepareDatabase, SUPERUSER } from "./postgres_server.ts";
import { redisPart, redisUrl } from "./redis_server.ts";
import type { Secrets } from "./secrets.ts";
import { chooseServerUser } from "./server_user.ts";

export interface ServersOptions {
  readonly folder: string;
  readonly ports: Readonly<Record<"kafka" | "kafkaController" | "postgres" | "redis", number>>;
  readonly secrets: Secrets;
  readonly programs: {
    readonly postgresBin: string;
    readonly redis: string;
    readonly java: string;
    readonly kafkaJars: string;
  };
  /** The namespace's database: the one that pg_cron works in. */
  readonly database: string;
  /** Our own user's number. */
  readonly uid: number;
  readonly postgresSettings?: Readonly<Record<string, string>>;
}

/** How a part is started: by a supervisor, which keeps it running. */
export interface PartStarter {
  start(part: Part): Promise<void>;
}

/** Where the servers answer once they are ready. */
export interface Servers {
  readonly kafka: string;
  readonly postgresOwner: string;
  readonly postgresSuperuser: string;
  readonly redis: string;
}

export const SERVER_PORTS: readonly PortName[] = ["kafka", "kafkaController", "postgres", "redis"];
export const SERVER_PARTS: readonly string[] = ["kafka", "postgres", "redis"];

/**
 * Starts Kafka, PostgreSQL and Redis side by side, and makes the database. Resolves when all three serve.
 *
 * @param step called with a step's name and its work, to show how long it takes
 */
export async function startServers(
  options: ServersOptions,
  starter: PartStarter,
  step: <T>(name: string, work: () => Promise<T>) => Promise<T>,
): Promise<Servers> {
  const { folder, ports, secrets, programs, database } = options;
  const kafka = {
    java: programs.java,
    jars: programs.kafkaJars,
    folder: join(folder, "kafka"),
    port: ports.kafka,
    controllerPort: ports.kafkaController,
  };
  const user = chooseServerUser(options.uid);
  const cluster = {
    binFolder: programs.postgresBin,
    folder: join(folder, "postgres"),
    port: ports.postgres,
    superuserPassword: secrets.postgresSuperuser,
    ownerPassword: secrets.postgresOwner,
    cronDatabase: database,
    user,
    settings: options.postgresSettings ?? {},
  };
  const redis = {
    binary: programs.redis,
    folder: join(folder, "redis"),
    port: ports.redis,
    password: secrets.redis,
  };
  await Promise.all([
    step("Redis", () => starter.start(redisPart(redis))),
    step("PostgreSQL with pg_cron", async () => {
      await initPostgres(cluster);
      await starter.start(postgresPart(cluster));
      await prepareDatabase(cluster, database);
    }),
    step("Kafka", async () => {
      await initKafka(kafka);
      await starter.start(kafkaPart(kafka));
    }),
  ]);
  return {
    kafka: kafkaBrokers(kafka),
    postgresOwner: postgresUrl(ports.postgres, OWNER, secrets.postgresOwner, database),
    postgresSuperuser: postgresUrl(ports.postgres, SUPERUSER, secrets.postgresSuperuser, database),
    redis: redisUrl(redis),
  };
}
