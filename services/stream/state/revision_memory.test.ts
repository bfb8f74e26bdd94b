import { describe, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { candleRevision } from "#core/revision.ts";
import { RevisionMemory } from "./revision_memory.ts";

const revision = (tickMs: number, volume = "1") => candleRevision(0, tickMs, decimal(volume));

describe("RevisionMemory", () => {
  test("an equal or an older revision of a second is no news; another second is", () => {
    const memory = new RevisionMemory(10);
    expect(memory.advance(0, revision(500))).toBe(true);
    expect(memory.advance(0, revision(500))).toBe(false);
    expect(memory.advance(0, revision(499, "9"))).toBe(false);
    expect(memory.advance(1_000, revision(499))).toBe(true);
    expect(memory.advance(0, revision(500, "2"))).toBe(true);
  });

  test("remembers at most secondsMax seconds", () => {
    const memory = new RevisionMemory(2);
    for (const second of [0, 1, 2]) memory.advance(second, revision(5));
    expect(memory.advance(2, revision(4))).toBe(false);
    expect(memory.advance(1, revision(4))).toBe(false);
    expect(memory.advance(0, revision(4))).toBe(true);
  });
});
