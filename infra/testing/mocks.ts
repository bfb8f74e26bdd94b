import { runtime } from "@pulumi/pulumi";

/** A resource as the engine would have been told of it. */
export interface Declared {
  readonly type: string;
  readonly name: string;
  // deno-lint-ignore no-explicit-any
  readonly inputs: any;
}

const PREFIX = "stofka:";

/** A stack's configuration that is whole: brokers, addresses, and each secret with its own name as its value. */
export const CONFIG: Readonly<Record<string, string>> = {
  image: "registry.example/stofka:1.2.3",
  kafkaBrokers: "kafka-1.example:9093,kafka-2.example:9093",
  kafkaCidrs: "10.1.0.0/24",
  postgresHost: "postgres.example",
  postgresCidrs: "10.2.0.0/24",
  redisHost: "redis.example",
  redisCidrs: "10.3.0.0/24",
  publicHosts: "stofka.example",
};

export const SECRETS: Readonly<Record<string, string>> = {
  postgresAdminPassword: "SECRET-admin",
  ownerPassword: "SECRET-owner",
  persistPassword: "SECRET-persist/@:",
  streamPassword: "SECRET-stream",
  repairPassword: "SECRET-repair",
  redisPassword: "SECRET-redis",
  alertCriticalUrl: "https://pager.example/SECRET-critical",
  alertWarningUrl: "https://chat.example/SECRET-warning",
};

/**
 * Pulumi without an engine: whatever is declared is remembered in the list given back, and comes back as it was, with the name
 * that an engine would have made up.
 */
export async function withMocks(
  config: Readonly<Record<string, string>>,
  secrets: Readonly<Record<string, string>> = SECRETS,
): Promise<readonly Declared[]> {
  const declared: Declared[] = [];
  await runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        declared.push({ type, name, inputs: structuredClone(inputs) });
        const metadata = type.startsWith("kubernetes:")
          ? { metadata: { name: `${name}-0a1b2c`, ...inputs.metadata } }
          : {};
        return { id: `${name}-id`, state: { ...inputs, ...metadata } };
      },
      call: ({ token }) => {
        throw new Error(`nothing is asked of the engine, but ${token} was`);
      },
    },
    "stofka",
    "test",
    false,
  );
  const all = { ...config, ...secrets };
  runtime.setAllConfig(
    Object.fromEntries(Object.entries(all).map(([name, value]) => [PREFIX + name, value])),
    Object.keys(secrets).map((name) => PREFIX + name),
  );
  return declared;
}

/** What the engine marks a secret with, on the wire. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";

/** Whether a value came as a secret. */
export function isSecret(value: unknown): value is { readonly value: unknown } {
  return typeof value === "object" && value !== null && SECRET_MARK in value;
}

/** A value without what came as a secret, and a secret's inside. */
export function plainOf(value: unknown): unknown {
  if (isSecret(value)) return "(secret)";
  if (Array.isArray(value)) return value.map(plainOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plainOf(one)]));
}

const QUIET_MS = 100;

/** After everything declared has reached the engine: nothing new came for a while. */
export async function settled(declared: readonly Declared[]): Promise<void> {
  for (let count = -1; count !== declared.length;) {
    count = declared.length;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
}
