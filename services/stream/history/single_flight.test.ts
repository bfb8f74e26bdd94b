import { expect, test } from "vitest";
import { SingleFlight } from "./single_flight.ts";

test("a thousand callers are one flight; its failure is everybody's, and the next call flies again", async () => {
  const flights = new SingleFlight<number>();
  let started = 0;
  let fail: (error: Error) => void = () => {};
  const fly = (): Promise<number> => {
    started++;
    return new Promise((_, reject) => (fail = reject));
  };
  const callers = Array.from({ length: 1_000 }, () => flights.run("key", fly));
  fail(new Error("lost"));
  const results = await Promise.allSettled(callers);
  expect(started).toBe(1);
  expect(results.every(({ status }) => status === "rejected")).toBe(true);
  expect(flights.size).toBe(0);
  expect(await flights.run("key", () => Promise.resolve(7))).toBe(7);
});
