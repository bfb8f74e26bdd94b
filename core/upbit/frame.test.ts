import { Buffer } from "node:buffer";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ElementReader } from "./element_reader.ts";
import { ELEMENT_FRAME_FIELDS, readElementFrame, readFrame } from "./frame.ts";

const CANDLE =
  `{"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"2025-01-02T04:28:05","opening_price":142009000.00000000,"timestamp":1735792085824,"stream_type":"REALTIME"}`;

test("readFrame() tells a candle's market and when it could be known: at its second's end", () => {
  expect(readFrame(CANDLE)).toEqual({
    kind: "candle",
    market: "KRW-BTC",
    snapshot: false,
    knownAtMs: Date.UTC(2025, 0, 2, 4, 28, 6),
  });
});

test("readFrame() tells a ticker's, and whether it is a snapshot", () => {
  expect(readFrame(`{"ty":"ticker","cd":"KRW-BTC","tms":1751855364161,"st":"SNAPSHOT"}`)).toEqual({
    kind: "ticker",
    market: "KRW-BTC",
    snapshot: true,
    knownAtMs: 1751855364161,
  });
});

test("a time that cannot be read costs the frame nothing", () => {
  const frame = readFrame(CANDLE.replace("2025-01-02T04:28:05", "soon"));
  expect(frame).toMatchObject({ kind: "candle", knownAtMs: null });
});

test.each([
  `{"error":{"message":"nope 은 지원하지 않는 타입입니다.","name":"INVALID_PARAM"}}`,
  `{"error":{"name":"INVALID_PARAM","message":"nope 은 지원하지 않는 타입입니다."}}`,
])("readFrame() reads an error in either order of its keys: %s", (text) => {
  expect(readFrame(text)).toEqual({
    kind: "error",
    name: "INVALID_PARAM",
    message: "nope 은 지원하지 않는 타입입니다.",
  });
});

test("readFrame() knows the answers to PING and LIST_SUBSCRIPTIONS", () => {
  expect(readFrame(`{"status":"UP"}`)).toEqual({ kind: "status" });
  const list =
    `{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-BTC"]}],"ticket":"t"}`;
  expect(readFrame(list)).toEqual({
    kind: "subscriptions",
    ticket: "t",
    result: [{ type: "ticker", codes: ["KRW-BTC"] }],
  });
});

test.each([
  [CANDLE.slice(0, -10), "frame_unreadable"],
  [`{"type":"candle.1s","price":NaN}`, "frame_unreadable"],
  [`{"type":"candle.1s","code":"krw-btc"}`, "frame_unreadable"],
  ["", "frame_unreadable"],
  ["[]", "frame_unknown"],
  ["null", "frame_unknown"],
  [`{"type":"notice","text":"maintenance"}`, "frame_unknown"],
  [`{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker"}]}`, "frame_unknown"],
])("readFrame() refuses %s as %s", (text, code) => {
  expect(() => readFrame(text)).toThrow(expect.objectContaining({ code }));
});

test("readFrame() fails with a Failure on any text and any JSON, never otherwise", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(() => readFrame(text)).toThrow(expect.objectContaining({ name: "Failure" }));
    }),
    { numRuns: 2_000 },
  );
});

test("readElementFrame() says what readFrame() says, or nothing", () => {
  const reader = new ElementReader(ELEMENT_FRAME_FIELDS);
  const quick = (text: string) => {
    const read = reader.read(Buffer.from(text));
    return read === null ? null : readElementFrame(read.element);
  };
  expect(quick(CANDLE)).toEqual(readFrame(CANDLE));
  const names = fc.constantFrom("type", "code", "stream_type", "timestamp", "st", "tms", "x");
  const values = fc.constantFrom(
    ...['"candle.1s"', '"ticker"', '"KRW-BTC"', '"krw"', '"SNAPSHOT"', '"REALTIME"', "null"],
    ...["1735792085824", "1.5", "1e400", "-1", "true", '"2025-01-02T04:28:05"', '"가"', "{}"],
  );
  let read = 0;
  const own = fc.tuple(names, values).map(([name, value]) =>
    CANDLE.replace(new RegExp(`"${name}":[^,}]*`), `"${name}":${value}`)
  );
  const any = fc.array(fc.tuple(names, values), { maxLength: 5 }).map((fields) =>
    `{${fields.map(([name, value]) => `"${name}":${value}`).join(",")}}`
  );
  fc.assert(
    fc.property(fc.oneof(own, any), (text) => {
      const frame = quick(text);
      if (frame === null) return;
      read++;
      expect(frame).toEqual(readFrame(text));
    }),
    { numRuns: 2_000 },
  );
  expect(read).toBeGreaterThan(10);
});
