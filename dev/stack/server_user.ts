import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, renameSync } from "node:fs";
import { Failure } from "#core/failure.ts";

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
  readonly rename: (from: string, to: string) => void;
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

/**
 * Chosen once a start. `uid` is our own.
 *
 * @throws Failure `postgres_user_missing`
 */
export function chooseServerUser(uid: number): ServerUser {
  const untouched = { own: () => {}, rename: renameSync };
  if (uid !== 0) return { kind: "self", prefix: [], ...untouched };
  const ids = postgresIds();
  if (ids === undefined) {
    throw new Failure(
      "postgres_user_missing",
      "the system has no user postgres, and PostgreSQL refuses to run as root; run as an ordinary user, or: useradd --system postgres",
    );
  }
  // The number must have a name: initdb looks it up.
  const namespace = ["unshare", "--user", `--map-user=${ids.uid}`, `--map-group=${ids.gid}`, "--"];
  if (spawnSync(namespace[0]!, [...namespace.slice(1), "true"], { stdio: "ignore" }).status === 0) {
    return { kind: "namespace", prefix: namespace, ...untouched };
  }
  return {
    kind: "postgres",
    prefix: ["setpriv", `--reuid=${ids.uid}`, `--regid=${ids.gid}`, "--clear-groups", "--"],
    own: (path) => chownSync(path, ids.uid, ids.gid),
    rename: renameSync,
  };
}

function postgresIds(): { uid: number; gid: number } | undefined {
  try {
    const id = (flag: string) =>
      Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
    return { uid: id("-u"), gid: id("-g") };
  } catch {
    return undefined; // id exits 1 for an unknown user
  }
}
