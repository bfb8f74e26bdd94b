import fc from "fast-check";
import { expect, test } from "vitest";
import { bisect } from "./bisect.ts";

const refusal = new Error("bad row");
const isRefusal = (error: unknown): boolean => error === refusal;

test("bisect() stores every good item exactly once, in order, and names every bad one", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 200 }), async (bad) => {
      const stored: number[] = [];
      const refused = await bisect(
        bad.map((_, at) => at),
        (items) => {
          if (items.some((at) => bad[at])) return Promise.reject(refusal);
          stored.push(...items);
          return Promise.resolve();
        },
        isRefusal,
        200,
      );
      expect(stored).toEqual(bad.flatMap((isBad, at) => isBad ? [] : [at]));
      expect(refused.map(({ item }) => item)).toEqual(
        bad.flatMap((isBad, at) => isBad ? [at] : []),
      );
    }),
  );
});

test("bisect() throws what is no refusal, at once", async () => {
  let calls = 0;
  const away = new Error("connection lost");
  await expect(bisect([1, 2, 3], () => (calls++, Promise.reject(away)), isRefusal, 10)).rejects
    .toBe(away);
  expect(calls).toBe(1);
});

test("bisect() gives up when too many are refused: a wrong schema must not empty the topic into the dead letter", async () => {
  let calls = 0;
  const items = Array.from({ length: 10_000 }, (_, at) => at);
  await expect(bisect(items, () => (calls++, Promise.reject(refusal)), isRefusal, 100)).rejects
    .toBe(refusal);
  expect(calls).toBeLessThan(400);
});
