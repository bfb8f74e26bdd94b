import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import postgres from "postgres";
import { Failure } from "#core/failure.ts";
import { runAs, type ServerUser } from "./server_user.ts";
import type { Job, Part } from "./part.ts";

/** The bootstrap superuser: makes databases, roles and the extension, and nothing else. */
export const SUPERUSER = "stofka_admin";
/** Owns the tables and runs the migrations; no superuser, so that what works here works where one is not given out. */
export const OWNER = "stofka_owner";

export interface PostgresOptions {
  /** Folder of `postgres`, `initdb`. */
  readonly binFolder: string;
  /** Owned by {@link user}, mode 0700. */
  readonly folder: string;
  readonly port: number;
  readonly superuserPassword: string;
  readonly ownerPassword: string;
  /** The one database in which pg_cron keeps its jobs. */
  readonly cronDatabase: string;
  readonly user: ServerUser;
  /** Further settings, such as fsync=off for a throw-away server. */
  readonly settings?: Readonly<Record<string, string>>;
}

export function postgresUrl(
  port: number,
  user: string,
  password: string,
  database: string,
): string {
  return `postgres://${user}:${password}@127.0.0.1:${port}/${database}`;
}

/**
 * Makes the cluster where there is none yet. It is made beside its place and moved there, so that one cut short is not
 * taken for a cluster.
 *
 * @throws Failure `postgres_version`, and what `run` throws
 */
export async function initPostgres(
  options: PostgresOptions,
  run: (job: Job) => Promise<void>,
): Promise<"made" | "found"> {
  const data = join(options.folder, "data");
  const versionFile = join(data, "PG_VERSION");
  if (existsSync(versionFile)) {
    const cluster = readFileSync(versionFile, "utf8").trim();
    const server = serverMajor(options.binFolder);
    if (server !== undefined && cluster !== server) {
      throw new Failure(
        "postgres_version",
        `the database in ${data} was made by PostgreSQL ${cluster}, and ${options.binFolder} is ${server}; install postgresql-${cluster} with postgresql-${cluster}-cron again, upgrade the folder with pg_upgrade, or begin anew with --reset`,
      );
    }
    return "found";
  }
  // Under /var/lib/stofka the user must pass through what root makes above its folder.
  mkdirSync(dirname(options.folder), { recursive: true, mode: 0o711 });
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  options.user.own(options.folder);
  const unfinished = join(options.folder, "unfinished");
  rmSync(unfinished, { recursive: true, force: true });
  rmSync(data, { recursive: true, force: true });
  const password = join(options.folder, "password");
  writeFileSync(password, options.superuserPassword, { mode: 0o600 });
  options.user.own(password);
  const [command, args] = runAs(options.user, join(options.binFolder, "initdb"), [
    `--pgdata=${unfinished}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${password}`,
    "--locale=C.UTF-8",
    "--encoding=UTF8",
    "--data-checksums",
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    "--no-instructions",
    ...(options.settings?.["fsync"] === "off" ? ["--no-sync"] : []),
  ]);
  try {
    await run({ name: "initdb", command, args, cwd: options.folder });
  } finally {
    rmSync(password, { force: true });
  }
  renameSync(unfinished, data);
  return "made";
}

/** The server. Settings come on its command line, so that one data folder serves every start with that start's ports. */
export function postgresPart(options: PostgresOptions): Part {
  const sockets = socketFolder(options.folder, options.port);
  mkdirSync(sockets, { recursive: true, mode: 0o700 });
  chmodSync(sockets, 0o700);
  options.user.own(sockets);
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    port: String(options.port),
    unix_socket_directories: sockets,
    // pg_hba.conf trusts the socket, for pg_cron's own connections: so nobody else may open it.
    unix_socket_permissions: "0700",
    shared_preload_libraries: "pg_cron",
    "cron.database_name": options.cronDatabase,
    "cron.host": sockets,
    // One long job delayed every other in background workers.
    "cron.use_background_workers": "off",
    "cron.timezone": "UTC",
    timezone: "UTC",
    log_timezone: "UTC",
    max_connections: "60",
    shared_buffers: "128MB",
    max_wal_size: "512MB",
    jit: "off",
    password_encryption: "scram-sha-256",
    logging_collector: "off",
    log_line_prefix: "%m [%p] %q%u@%d ",
    ...options.settings,
  };
  const [command, args] = runAs(options.user, join(options.binFolder, "postgres"), [
    "-D",
    join(options.folder, "data"),
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ]);
  return {
    name: "postgres",
    command,
    args,
    cwd: options.folder,
    stopSignal: "SIGINT", // fast: sessions are ended, what was committed is written down
    ready: () =>
      postgresReady(
        postgresUrl(options.port, SUPERUSER, options.superuserPassword, "postgres"),
      ),
  };
}

/** The namespace's database, owned by {@link OWNER}, with pg_cron in it where it is the cluster's cron database. Harmless to repeat. */
export async function prepareDatabase(options: PostgresOptions, database: string): Promise<void> {
  const sql = asSuperuser(options, "postgres");
  try {
    const [role] = await sql`select 1 from pg_roles where rolname = ${OWNER}`;
    if (role === undefined) {
      await sql.unsafe(`create role ${OWNER} login createrole createdb`);
    }
    // A generated password is of letters and digits alone, and utility statements take no parameters.
    await sql.unsafe(`alter role ${OWNER} password '${options.ownerPassword}'`);
    const [found] = await sql`select 1 from pg_database where datname = ${database}`;
    if (found === undefined) {
      await sql`create database ${sql(database)} owner ${sql(OWNER)}`;
    }
  } finally {
    await sql.end({ timeout: 5 });
  }
  if (database !== options.cronDatabase) return;
  const inside = asSuperuser(options, database);
  try {
    await inside`create extension if not exists pg_cron`;
    await inside`grant usage on schema cron to ${inside(OWNER)}`;
    // the migrator checks how pg_cron is set up
    await inside`grant pg_read_all_settings to ${inside(OWNER)}`;
  } finally {
    await inside.end({ timeout: 5 });
  }
}

/**
 * Beside the data, or under /tmp where that path is too long: the address of a socket holds 107 bytes, and the server adds
 * its file's name.
 */
export function socketFolder(folder: string, port: number): string {
  const inside = join(folder, "sockets");
  if (new TextEncoder().encode(join(inside, `.s.PGSQL.${port}`)).length <= 107) return inside;
  return join("/tmp", `stofka-${createHash("sha256").update(folder).digest("hex").slice(0, 12)}`);
}

/** Rejects while PostgreSQL does not answer a query. */
export async function postgresReady(url: string): Promise<void> {
  const sql = connect(url);
  try {
    await sql`select 1`;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function asSuperuser({ port, superuserPassword }: PostgresOptions, database: string): postgres.Sql {
  return connect(postgresUrl(port, SUPERUSER, superuserPassword, database));
}

function connect(url: string): postgres.Sql {
  return postgres(url, {
    max: 1,
    connect_timeout: 2,
    idle_timeout: 5,
    onnotice: () => {},
    fetch_types: false,
  });
}

/** `15` of /usr/lib/postgresql/15/bin; undefined where the folder does not say. */
function serverMajor(binFolder: string): string | undefined {
  return /\/(\d+)\/bin\/?$/.exec(binFolder)?.[1];
}
