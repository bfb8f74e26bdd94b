import { expect, test } from "vitest";
import type { Namespace } from "#core/namespace.ts";
import { serviceParts } from "./services.ts";

/** What each service finds under a name of its environment. */
function found(name: string): readonly (readonly [string, string | undefined])[] {
  return serviceParts({
    checkout: "/checkout",
    runtime: { name: "node", env: {}, command: () => ({ command: "node", args: [] }) },
    namespace: "" as Namespace,
    kafka: "127.0.0.1:1",
    redis: "redis://127.0.0.1:2",
    ports: { postgres: 3, ingestOps: 4, persistOps: 5, streamOps: 6, page: 7 } as never,
    secrets: {} as never,
    exchange: {
      kind: "upbit",
      ws: "wss://api.example",
      rest: "https://api.example",
      control: null,
    },
    markets: "all",
    webRoot: "/web",
    secondsKeptDays: 7,
    postgresBytesMax: 8_000_000_000,
    restBudget: 3,
    logLevel: "info",
  }).map((part) => [part.name, part.env?.[name]]);
}

test("the budget of requests reaches ingest, and nobody else", () => {
  expect(found("REST_BUDGET"))
    .toEqual([["ingest", "3"], ["persist", undefined], ["stream", undefined]]);
});

test("PostgreSQL's part of the disk budget reaches persist, and nobody else", () => {
  expect(found("POSTGRES_BYTES_MAX"))
    .toEqual([["ingest", undefined], ["persist", "8000000000"], ["stream", undefined]]);
});
