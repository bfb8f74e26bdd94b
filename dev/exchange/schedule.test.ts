import fc from "fast-check";
import { expect, test } from "vitest";
import { planned, readSchedule } from "./schedule.ts";

const text = JSON.stringify({
  seed: 7,
  faults: [
    { at_s: 10, kind: "silence", for_ms: 5000 },
    { every_s: 60, jitter_s: 20, kind: "idle_close", for_ms: 1 },
    { every_s: 7, jitter_s: 30, kind: "correction" },
  ],
});
const hourMs = 3_600_000;

test("the same seed gives the same times, another seed others", () => {
  const times = (text: string) => planned(readSchedule(text), 0, hourMs).map(({ atMs }) => atMs);
  expect(times(text)).toEqual(times(text));
  expect(times(text.replace('"seed":7', '"seed":8'))).not.toEqual(times(text));
});

test("every_s comes each time within its jitter", () => {
  const found = planned(readSchedule(text), 0, hourMs).filter(({ fault }) =>
    fault.kind === "idle_close"
  );
  expect(found.length).toBe(59);
  for (const [i, { atMs }] of found.entries()) {
    expect(atMs - (i + 1) * 60_000).toBeGreaterThanOrEqual(0);
    expect(atMs - (i + 1) * 60_000).toBeLessThan(20_000);
  }
  expect(new Set(found.map(({ atMs }) => atMs % 60_000)).size).toBeGreaterThan(30);
});

test("planned() of a time is the same however it is cut", () => {
  const schedule = readSchedule(text);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: hourMs }), (cutMs) => {
      expect([...planned(schedule, 0, cutMs), ...planned(schedule, cutMs, hourMs)])
        .toEqual(planned(schedule, 0, hourMs));
    }),
    { numRuns: 50 },
  );
});

test.each([
  ['{"faults":[{"kind":"drop","for_ms":1}]}', /faults\[0\]: must say either at_s or every_s/],
  ['{"faults":[{"at_s":1,"jitter_s":1,"kind":"drop","for_ms":1}]}', /jitter_s goes with every_s/],
  ['{"faults":[{"at_s":1,"kind":"nope","for_ms":1}]}', /kind "nope" must be one of/],
  ['{"faults":[{"at_s":1,"kind":"drop"}]}', /for_ms undefined must be a number/],
  ['{"faults":[{"at_s":1,"kind":"drop","for_ms":1,"form":"nan"}]}', /form is no parameter of drop/],
  ['{"faults":[{"at_s":-1,"kind":"drop","for_ms":1}]}', /at_s -1 must be a number/],
  ['{"seeds":1,"faults":[]}', /seeds is neither/],
  ["[]", /faults must be a list/],
])("readSchedule(%s) says what is wrong", (text, message) => {
  expect(() => readSchedule(text)).toThrow(message);
});
