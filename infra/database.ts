import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { Database, Extension, Grant, GrantRole, Provider, Role } from "@pulumi/postgresql";
import { OWNER_ROLE, ROLES, type ServiceRole } from "#core/database_roles.ts";
import { databaseName } from "#core/namespace.ts";
import type { SecretName, StackConfig } from "./config.ts";

/** Whose password is whose. */
const PASSWORDS: Readonly<Record<ServiceRole, SecretName>> = {
  stofka_persist: "persistPassword",
  stofka_stream: "streamPassword",
  stofka_repair: "repairPassword",
};

/**
 * Roles, database and pg_cron on a server that is there. What each role may do with each table stands beside the table in
 * sql/: the migrations grant it. No two lists of grants, no two owners of one.
 */
export class StofkaDatabase extends ComponentResource {
  readonly name: Output<string>;

  constructor(config: StackConfig, options?: ComponentResourceOptions) {
    super("stofka:infra:Database", "database", {}, options);
    const { secrets, postgresHost, postgresPort, postgresSslMode, postgresAdmin } = config;
    const provider = new Provider("postgresql", {
      host: postgresHost,
      port: postgresPort,
      sslmode: postgresSslMode,
      username: postgresAdmin,
      password: secrets.postgresAdminPassword,
      superuser: true,
    }, { parent: this });
    const own = { parent: this, provider };
    // no CREATEROLE: the roles are made here, and the migrator leaves alone what exists
    const owner = new Role("owner", {
      name: OWNER_ROLE,
      login: true,
      password: secrets.ownerPassword,
    }, own);
    const name = databaseName(config.dataNamespace);
    // everything that is kept: never deleted or replaced without unprotecting it by hand
    const database = new Database("database", {
      name,
      owner: owner.name,
      template: "template0",
      encoding: "UTF8",
    }, { ...own, protect: true });
    this.name = database.name;
    for (const { role } of ROLES) {
      new Role(role, { name: role, login: true, password: secrets[PASSWORDS[role]] }, own);
    }
    // the migrator checks how pg_cron is set up
    new GrantRole("owner-reads-settings", {
      role: owner.name,
      grantRole: "pg_read_all_settings",
    }, own);
    if (name === config.cronDatabase) {
      const cron = new Extension("pg-cron", { name: "pg_cron", database: database.name }, own);
      new Grant("owner-uses-cron", {
        role: owner.name,
        database: database.name,
        schema: "cron",
        objectType: "schema",
        privileges: ["USAGE"],
      }, { ...own, dependsOn: cron });
    }
    this.registerOutputs({ name: this.name });
  }
}
