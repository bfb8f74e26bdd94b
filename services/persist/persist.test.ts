import { expect, test } from "vitest";
import { Failure } from "#core/failure.ts";
import { persist, type PersistPorts } from "./persist.ts";
import { readBatch } from "./read_batch.ts";
import {
  ALL_TIME,
  batch,
  record,
  secondRecord,
  START_MS,
  tickerRecord,
} from "./testing/records.ts";

const NOTHING = { effective: 0, revised: 0, equal: 0, older: 0, refusals: [] };

function ports(said: string[], changes: Partial<PersistPorts> = {}): PersistPorts {
  return {
    read: (batch) =>
      readBatch(batch.topic === "market_ticker" ? "ticker" : "second", batch, ALL_TIME),
    history: {
      store: (work) => {
        said.push(`history ${work.seconds.length}`);
        return Promise.resolve(NOTHING);
      },
    },
    deadLetters: {
      send: (refusals) => {
        if (refusals.length > 0) said.push(`dead letters ${refusals.length}`);
        return Promise.resolve();
      },
    },
    latest: {
      put: () => {
        said.push("latest");
        return Promise.resolve();
      },
    },
    observe: { read: () => {}, stored: () => {}, handled: () => {} },
    ...changes,
  };
}

async function handled(ports: PersistPorts, batches: Parameters<typeof batch>[0][]): Promise<void> {
  const { handle, worker } = persist(ports, { rowsMax: 100, batchesMax: 30, transactionsMax: 2 });
  const stop = new AbortController();
  const running = worker.run(stop.signal);
  running.catch(() => {});
  try {
    await Promise.all(batches.map((records) => handle(batch(records), stop.signal)));
  } finally {
    stop.abort();
    await running;
  }
}

test("the truth first, then the dead letter, then the latest state; batches of one fetch share a transaction", async () => {
  const said: string[] = [];
  await handled(ports(said), [
    [secondRecord(), record("{garbage", "KRW-BTC", {})],
    [secondRecord({ market: "KRW-ETH" })],
  ]);
  expect(said).toEqual(["history 2", "dead letters 1", "latest", "latest"]);
});

test("a batch is not handled when the truth was not stored: its offset must not be committed", async () => {
  const said: string[] = [];
  const bug = new Error("our bug");
  await expect(handled(
    ports(said, { history: { store: () => Promise.reject(bug) } }),
    [[secondRecord()]],
  )).rejects.toBe(bug);
  expect(said).toEqual([]);
});

test("tickers go past PostgreSQL", async () => {
  const said: string[] = [];
  await handled(ports(said), [[tickerRecord("KRW-BTC", "100", START_MS, "1")]]);
  expect(said).toEqual(["latest"]);
});

test("what the database refuses goes to the dead letter and is not shown as the latest state", async () => {
  const [good, bad] = [secondRecord(), secondRecord({ market: "KRW-ETH" })];
  const shown: string[] = [];
  const said: string[] = [];
  await handled(
    ports(said, {
      history: {
        store: () =>
          Promise.resolve({
            ...NOTHING,
            refusals: [{
              record: bad,
              failure: new Failure("postgres_refused", "PostgreSQL refused it"),
              hole: null,
            }],
          }),
      },
      latest: {
        put: ({ seconds }) => {
          shown.push(...seconds.map(({ event }) => event.market));
          return Promise.resolve();
        },
      },
    }),
    [[good, bad]],
  );
  expect(said).toEqual(["dead letters 1"]);
  expect(shown).toEqual(["KRW-BTC"]);
});
