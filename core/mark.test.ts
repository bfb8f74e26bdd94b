import fc from "fast-check";
import { expect, test } from "vitest";
import { BREAK_CAUSES, decodeMark, encodeMark, type Mark } from "./mark.ts";
import type { Market } from "./market.ts";

const time = fc.integer({ min: 0, max: 253_402_300_799_999 });
const mark: fc.Arbitrary<Mark> = fc.record({
  writtenAtMs: time,
  link: fc.constantFrom("up", "down"),
  cause: fc.constantFrom(...BREAK_CAUSES),
  session: fc.option(
    fc.record({
      id: fc.uuid(),
      markets: fc.array(fc.constantFrom("KRW-BTC", "BTC-ETH") as fc.Arbitrary<Market>),
      range: fc.tuple(time, time).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
      ended: fc.boolean(),
    }).map(({ range: [sinceMs, untilMs], ...rest }) => ({ ...rest, sinceMs, untilMs })),
    { nil: null },
  ),
});

test("a mark comes back as it was written", () => {
  fc.assert(fc.property(mark, (mark) => {
    expect(decodeMark(encodeMark(mark))).toEqual(mark);
  }));
});

test("encodeMark() spells what others read too", () => {
  const session = {
    id: "s1",
    markets: ["KRW-BTC" as Market],
    sinceMs: 1_000,
    untilMs: 2_000,
    ended: false,
  };
  expect(encodeMark({ writtenAtMs: 2_500, link: "up", cause: "started", session })).toBe(
    '{"written_at_ms":2500,"link":"up","cause":"started",' +
      '"session":{"id":"s1","markets":["KRW-BTC"],"since_ms":1000,"until_ms":2000,"ended":false}}',
  );
});

test("decodeMark() refuses what claims something impossible", () => {
  const good = JSON.parse(encodeMark({
    writtenAtMs: 5,
    link: "up",
    cause: "started",
    session: { id: "s", markets: [], sinceMs: 1, untilMs: 2, ended: false },
  }));
  expect(decodeMark(JSON.stringify(good)).session?.id).toBe("s");
  const broken: unknown[] = [
    "not json",
    null,
    [],
    { ...good, written_at_ms: "5" },
    { ...good, written_at_ms: 1.5 },
    { ...good, link: "sideways" },
    { ...good, cause: "unheard of" },
    { ...good, session: undefined },
    { ...good, session: { ...good.session, until_ms: 0 } },
    { ...good, session: { ...good.session, since_ms: -1 } },
    { ...good, session: { ...good.session, markets: ["krw-btc"] } },
    { ...good, session: { ...good.session, id: "" } },
    { ...good, session: { ...good.session, ended: 0 } },
  ];
  for (const value of broken) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    expect(() => decodeMark(text), text).toThrow(expect.objectContaining({ code: "mark_invalid" }));
  }
});

test("decodeMark() fails with mark_invalid on any text, never otherwise", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
    expect(() => decodeMark(text)).toThrow(expect.objectContaining({ code: "mark_invalid" }));
  }));
});
