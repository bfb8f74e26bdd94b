import { createServer } from "node:net";
import { expect, test } from "vitest";
import { Failure } from "#core/failure.ts";
import { choosePagePort, choosePorts, isPortFree, type PortWorld } from "./ports.ts";

/** A machine on which these ports are taken, and chance counts upwards. */
function machine(...taken: number[]): PortWorld {
  let next = 21_000;
  return { isFree: (port) => Promise.resolve(!taken.includes(port)), draw: () => next++ };
}

test("a kept port stays while it is free; a taken one is replaced by a fresh one", async () => {
  const kept = { kafka: 22_000, postgres: 22_001 };
  expect(await choosePorts(["kafka", "postgres", "redis"], kept, machine(22_001, 21_000)))
    .toEqual({ kafka: 22_000, postgres: 21_001, redis: 21_002 });
});

test("two names never share a port, whatever was kept", async () => {
  const chosen = await choosePorts(["kafka", "redis"], { kafka: 21_000, redis: 21_000 }, machine());
  expect(chosen.kafka).toBe(21_000);
  expect(chosen.redis).not.toBe(21_000);
});

test("the servers' well-known ports are never taken, not even when kept and free", async () => {
  const chosen = await choosePorts(["kafka", "postgres", "redis"], {
    kafka: 9092,
    postgres: 5432,
    redis: 6379,
  }, machine());
  expect(Object.values(chosen)).toEqual([21_000, 21_001, 21_002]);
});

test("with no port free it says so instead of trying for ever", async () => {
  const full: PortWorld = { isFree: () => Promise.resolve(false), draw: () => 21_000 };
  await expect(choosePorts(["redis"], {}, full)).rejects.toMatchObject({ code: "ports_taken" });
});

test("the page: the asked port or a refusal; else the kept, else 8787, else the next", async () => {
  expect(await choosePagePort(9000, 8790, machine())).toBe(9000);
  await expect(choosePagePort(9000, 8790, machine(9000))).rejects.toBeInstanceOf(Failure);
  expect(await choosePagePort(undefined, 8790, machine())).toBe(8790);
  expect(await choosePagePort(undefined, undefined, machine())).toBe(8787);
  expect(await choosePagePort(undefined, 8790, machine(8790, 8787, 8788))).toBe(8789);
});

test("a port on which somebody listens is not free, and free again afterwards", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  expect(await isPortFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isPortFree(port)).toBe(true);
});
