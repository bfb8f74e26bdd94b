/** Whoever owns the database and runs the migrations. No superuser. */
export const OWNER_ROLE = "stofka_owner";

/**
 * The roles of the services and where their passwords come from, read by the migrator and the infrastructure alike: there is
 * no second list.
 */
export const ROLES = [
  { role: "stofka_persist", password: "STOFKA_PERSIST_PASSWORD", readOnly: false },
  { role: "stofka_stream", password: "STOFKA_STREAM_PASSWORD", readOnly: true },
  { role: "stofka_repair", password: "STOFKA_REPAIR_PASSWORD", readOnly: true },
] as const;

export type ServiceRole = (typeof ROLES)[number]["role"];
