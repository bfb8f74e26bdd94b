import { randomBytes } from "node:crypto";

/** Passwords of one data folder, made at its first start. Letters and digits alone: they go into URLs and SQL. */
export interface Secrets {
  readonly postgresSuperuser: string;
  readonly postgresOwner: string;
  readonly postgresPersist: string;
  readonly postgresStream: string;
  readonly postgresRepair: string;
  readonly redis: string;
}

/** 128 bits of chance each. */
export function makeSecrets(): Secrets {
  const password = () => randomBytes(16).toString("hex");
  return {
    postgresSuperuser: password(),
    postgresOwner: password(),
    postgresPersist: password(),
    postgresStream: password(),
    postgresRepair: password(),
    redis: password(),
  };
}
