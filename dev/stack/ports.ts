import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { Failure } from "#core/failure.ts";

/**
 * Ports of our own on loopback. They lie below the range the system hands out to outgoing connections (32768 and up on
 * Linux, Kubernetes' node ports from 30000), so that a part which restarts never finds its port taken by some client's
 * connection; and outside every well-known server's.
 */
const PORT_MIN = 21_000;
const PORT_MAX = 29_999;
const TRIES_MAX = 200;

/** Ports of servers that may already run on this machine, ours or not: never taken, even when free. */
const RESERVED: ReadonlySet<number> = new Set([5432, 6379, 9092, 27017, 25565]);

export type PortName =
  | "page"
  | "postgres"
  | "redis"
  | "kafka"
  | "kafkaController"
  | "exchange"
  | "exchangeControl"
  | "ingestOps"
  | "persistOps"
  | "streamOps";

export type Ports = Readonly<Partial<Record<PortName, number>>>;

/** Whether nobody listens on 127.0.0.1:port. Asked of the system by listening; the answer ages. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      probe.close(() => resolve(true));
    });
  });
}

/** What choosing needs of the world. */
export interface PortWorld {
  readonly isFree: (port: number) => Promise<boolean>;
  /** A whole number from min to max, both included. */
  readonly draw: (min: number, max: number) => number;
}

export const portWorld: PortWorld = {
  isFree: isPortFree,
  draw: (min, max) => randomInt(min, max + 1),
};

/**
 * A port for each name: the kept one where it is still free, else a fresh one. Kept ports make an address in a browser's
 * tab or a tool's settings outlive a restart.
 *
 * @throws Failure `ports_taken`
 */
export async function choosePorts(
  names: readonly PortName[],
  kept: Ports,
  world: PortWorld = portWorld,
): Promise<Record<PortName, number>> {
  const chosen = new Map<PortName, number>();
  const taken = new Set<number>(RESERVED);
  for (const name of names) {
    const before = kept[name];
    if (before === undefined || taken.has(before) || !await world.isFree(before)) continue;
    chosen.set(name, before);
    taken.add(before);
  }
  for (const name of names) {
    if (chosen.has(name)) continue;
    const fresh = await freshPort(taken, world);
    chosen.set(name, fresh);
    taken.add(fresh);
  }
  return Object.fromEntries(chosen) as Record<PortName, number>;
}

/**
 * The page's port. One that the user asked for is taken or refused; otherwise the kept one, then 8787 and its followers.
 *
 * @throws Failure `port_taken`
 */
export async function choosePagePort(
  asked: number | undefined,
  kept: number | undefined,
  world: PortWorld = portWorld,
): Promise<number> {
  if (asked !== undefined) {
    if (await world.isFree(asked)) return asked;
    throw new Failure(
      "port_taken",
      `port ${asked} on 127.0.0.1 is taken by another program; leave --port away to get a free one, or name another`,
    );
  }
  const candidates = [...(kept === undefined ? [] : [kept]), ...range(8787, 50)];
  for (const port of candidates) {
    if (await world.isFree(port)) return port;
  }
  return freshPort(new Set(RESERVED), world);
}

async function freshPort(taken: ReadonlySet<number>, world: PortWorld): Promise<number> {
  for (let i = 0; i < TRIES_MAX; i += 1) {
    const port = world.draw(PORT_MIN, PORT_MAX);
    if (!taken.has(port) && await world.isFree(port)) return port;
  }
  throw new Failure(
    "ports_taken",
    `no free port found on 127.0.0.1 between ${PORT_MIN} and ${PORT_MAX} in ${TRIES_MAX} tries; end some of the programs that listen there (see: ss -ltnp)`,
  );
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}
