import { describe, expect, test } from "vitest";
import { tickerAt } from "../testing/events.ts";
import { Mailbox } from "./mailbox.ts";

describe("Mailbox", () => {
  test("keeps the newest of each identity, and gives everything once", () => {
    const box = new Mailbox(10);
    const [old, other, fresh] = [tickerAt("KRW-A", 1), tickerAt("KRW-B", 1), tickerAt("KRW-A", 2)];
    expect([old, other, fresh].map((event) => box.put(event))).toEqual(["new", "new", "replaced"]);
    expect(box.take()).toBe(other!.frame + fresh!.frame);
    expect(box.take()).toBe("");
  });

  test("takes nothing more when full, but still replaces", () => {
    const box = new Mailbox(1);
    box.put(tickerAt("KRW-A", 1));
    expect(box.put(tickerAt("KRW-B", 1))).toBe("full");
    expect(box.put(tickerAt("KRW-A", 2))).toBe("replaced");
    expect(box.size).toBe(1);
  });
});
