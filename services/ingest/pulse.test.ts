import fc from "fast-check";
import { expect, test } from "vitest";
import { Pulse } from "./pulse.ts";

function heard(...beats: readonly boolean[]): Pulse {
  const pulse = new Pulse();
  for (const beat of beats) pulse.tick(beat);
  return pulse;
}

const times = (count: number, beat: boolean): boolean[] =>
  Array.from({ length: count }, () => beat);

test("a feed that spoke each second is doubtful after 3 silent ones and dead after 10", () => {
  expect(heard(...times(300, true), ...times(2, false)).silence).toBe("chance");
  expect(heard(...times(300, true), ...times(3, false)).silence).toBe("doubtful");
  expect(heard(...times(300, true), ...times(9, false)).silence).toBe("doubtful");
  expect(heard(...times(300, true), ...times(10, false)).silence).toBe("dead");
});

test("a feed of few markets may be silent for long: pongs prove its connection", () => {
  fc.assert(fc.property(fc.array(fc.boolean(), { minLength: 300, maxLength: 400 }), (beats) => {
    const spread = beats.flatMap((beat) => [beat, false]);
    expect(heard(...spread, ...times(500, false)).silence).toBe("chance");
  }));
});

test("half a minute of frames is no habit yet", () => {
  expect(heard(...times(30, true), ...times(100, false)).silence).toBe("chance");
});

test("one frame ends a silence, and an outage of hours does not become the habit", () => {
  const pulse = heard(...times(300, true), ...times(10_000, false));
  expect(pulse.silence).toBe("dead");
  pulse.tick(true);
  expect(pulse.silence).toBe("chance");
  for (let tick = 0; tick < 4; tick++) pulse.tick(false);
  expect(pulse.silence).toBe("doubtful");
});

test("a new subscription begins a new silence with the old habit", () => {
  const pulse = heard(...times(300, true), ...times(20, false));
  pulse.restart();
  expect(pulse.silence).toBe("chance");
  for (let tick = 0; tick < 4; tick++) pulse.tick(false);
  expect(pulse.silence).toBe("doubtful");
});
