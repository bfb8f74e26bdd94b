import type { ServiceName } from "../services/permissions.ts";
import type { StackSettings } from "./config.ts";

/** Where a pod may go: addresses and the ports there. */
export interface Egress {
  readonly to: string;
  readonly cidrs: readonly string[];
  readonly ports: readonly number[];
}

/** The exchange has no addresses of its own, so ingest may reach its port on all that are public. */
const ANYWHERE = ["0.0.0.0/0"];

export function egressTo(name: ServiceName, settings: StackSettings): readonly Egress[] {
  const kafka = {
    to: "Kafka",
    cidrs: settings.kafkaCidrs,
    ports: unique(settings.kafkaBrokers.map((broker) => Number(broker.split(":").at(-1)))),
  };
  if (name === "ingest") {
    const urls = [settings.exchangeWsUrl, settings.exchangeRestUrl];
    return [
      kafka,
      postgresEgress(settings),
      { to: "the exchange", cidrs: ANYWHERE, ports: unique(urls.map(portOf)) },
    ];
  }
  return [
    kafka,
    postgresEgress(settings),
    { to: "Redis", cidrs: settings.redisCidrs, ports: [settings.redisPort] },
  ];
}

export function postgresEgress({ postgresCidrs, postgresPort }: StackSettings): Egress {
  return { to: "PostgreSQL", cidrs: postgresCidrs, ports: [postgresPort] };
}

function portOf(address: string): number {
  const { protocol, port } = new URL(address);
  return port !== "" ? Number(port) : ["https:", "wss:"].includes(protocol) ? 443 : 80;
}

function unique(ports: readonly number[]): readonly number[] {
  return [...new Set(ports)].sort((a, b) => a - b);
}
