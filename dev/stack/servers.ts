import { join } from "node:path";
import { initKafka, kafkaBrokers, kafkaPart } from "./kafka_broker.ts";
import type { Job, Part } from "./part.ts";
import type { PortName } from "./ports.ts";
import {
  initPostgres,
  OWNER,
  postgresPart,
  postgresUrl,
  prepareDatabase,
  SUPERUSER,
} from "./postgres_server.ts";
import { redisPart, redisUrl } from "./redis_server.ts";
import type { Secrets } from "./secrets.ts";
import type { PostgresHome } from "./server_user.ts";

export interface ServerPrograms {
  readonly postgresBin: string;
  readonly redis: string;
  readonly java: string;
  /** Folder of the broker's jars; asked for when the broker is due, so that the others start while it is fetched. */
  readonly kafkaJars: () => Promise<string>;
}

export interface ServersOptions {
  readonly folder: string;
  readonly ports: Readonly<Record<"kafka" | "kafkaController" | "postgres" | "redis", number>>;
  readonly secrets: Secrets;
  readonly programs: ServerPrograms;
  /** The namespace's database: the one that pg_cron works in. */
  readonly database: string;
  readonly postgres: PostgresHome;
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** As soon as PostgreSQL serves, with the owner's URL: migrations, while Kafka still starts. */
  readonly afterPostgres?: (ownerUrl: string) => Promise<void>;
  /** As soon as Kafka serves, with its brokers. */
  readonly afterKafka?: (brokers: string) => Promise<void>;
}

/** Starts parts and runs jobs: a supervisor, which keeps parts running. */
export interface Starter {
  start(part: Part): Promise<void>;
  run(job: Job): Promise<void>;
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
  starter: Starter,
  step: <T>(name: string, work: () => Promise<T>) => Promise<T>,
): Promise<Servers> {
  const { folder, ports, secrets, programs, database } = options;
  const run = (job: Job) => starter.run(job);
  const kafka = {
    java: programs.java,
    folder: join(folder, "kafka"),
    port: ports.kafka,
    controllerPort: ports.kafkaController,
  };
  const cluster = {
    binFolder: programs.postgresBin,
    folder: options.postgres.folder,
    port: ports.postgres,
    superuserPassword: secrets.postgresSuperuser,
    ownerPassword: secrets.postgresOwner,
    cronDatabase: database,
    user: options.postgres.user,
    settings: options.postgresSettings ?? {},
  };
  const redis = {
    binary: programs.redis,
    folder: join(folder, "redis"),
    port: ports.redis,
    password: secrets.redis,
  };
  const urls: Servers = {
    kafka: kafkaBrokers(kafka),
    postgresOwner: postgresUrl(ports.postgres, OWNER, secrets.postgresOwner, database),
    postgresSuperuser: postgresUrl(ports.postgres, SUPERUSER, secrets.postgresSuperuser, database),
    redis: redisUrl(redis),
  };
  await Promise.all([
    step("Redis", () => starter.start(redisPart(redis))),
    step("PostgreSQL with pg_cron", async () => {
      await initPostgres(cluster, run);
      await starter.start(postgresPart(cluster));
      await prepareDatabase(cluster, database);
    }).then(() => options.afterPostgres?.(urls.postgresOwner)),
    programs.kafkaJars().then((jars) =>
      step("Kafka", async () => {
        await initKafka({ ...kafka, jars }, run);
        await starter.start(kafkaPart({ ...kafka, jars }));
      })
    ).then(() => options.afterKafka?.(urls.kafka)),
  ]);
  return urls;
}
