import { spawnSync } from "node:child_process";
import { chownSync, existsSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "#core/failure.ts";
import { folderId } from "./data_folder.ts";

/**
 * Who PostgreSQL runs as. It refuses root. Where the stack is root's, it runs as root's own files' owner under another
 * number, in a user namespace of its own: so it reads a checkout under /root and leaves files that root owns. Where that is
 * forbidden (some containers, any chroot), as the system's `postgres`, whose data must then lie where that user may go.
 */
export interface ServerUser {
  readonly kind: "self" | "namespace" | "postgres";
  /** Put before the command. */
  readonly prefix: readonly string[];
  /** Gives the file or folder to the user. */
  readonly own: (path: string) => void;
}

/** Command and arguments to run as this user; the process keeps the id of what is spawned. */
export function runAs(
  user: ServerUser,
  command: string,
  args: readonly string[],
): readonly [string, readonly string[]] {
  const [first, ...rest] = [...user.prefix, command, ...args];
  return [first!, rest];
}

/** Where PostgreSQL's folder lies, and whose it is. */
export interface PostgresHome {
  readonly folder: string;
  readonly user: ServerUser;
}

/**
 * In the data folder wherever that is possible; otherwise under /var/lib/stofka. A folder that was made one way is used that
 * way for ever, since its files belong to that user.
 *
 * @param kept where it lies, when an earlier start had to put it elsewhere
 * @throws Failure `postgres_user_missing`, `postgres_user_changed`
 */
export function postgresHome(
  dataFolder: string,
  kept: string | undefined,
  uid: number,
): PostgresHome {
  const inside = join(dataFolder, "postgres");
  if (kept !== undefined) return { folder: kept, user: asPostgres(postgresIds()) };
  if (uid !== 0) return { folder: inside, user: SELF };
  const ids = postgresIds();
  // The number must have a name: initdb looks it up.
  const prefix = ["unshare", "--user", `--map-user=${ids.uid}`, `--map-group=${ids.gid}`, "--"];
  if (spawnSync(prefix[0]!, [...prefix.slice(1), "true"], { stdio: "ignore" }).status === 0) {
    return { folder: inside, user: { kind: "namespace", prefix, own: () => {} } };
  }
  if (existsSync(join(inside, "data", "PG_VERSION"))) {
    throw new Failure(
      "postgres_user_changed",
      `the database in ${inside} was made in a user namespace, and this system no longer allows one to root; run as an ordinary user with a folder of its own (--data <folder>), or allow user namespaces`,
    );
  }
  return {
    folder: join("/var/lib/stofka", folderId(dataFolder), "postgres"),
    user: asPostgres(ids),
  };
}

const SELF: ServerUser = { kind: "self", prefix: [], own: () => {} };

function asPostgres({ uid, gid }: UserIds): ServerUser {
  return {
    kind: "postgres",
    prefix: ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--"],
    own: (path) => chownSync(path, uid, gid),
  };
}

interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

function postgresIds(): UserIds {
  const id = (flag: string) => {
    const { status, stdout } = spawnSync("id", [flag, "postgres"], { encoding: "utf8" });
    if (status === 0) return Number(stdout);
    throw new Failure(
      "postgres_user_missing",
      "the system has no user postgres, and PostgreSQL refuses to run as root; start as an ordinary user, or make one: useradd --system postgres",
    );
  };
  return { uid: id("-u"), gid: id("-g") };
}
