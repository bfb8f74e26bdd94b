import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import { letterJson, readLetter, replayRecord, sortOut, table } from "./letter.ts";

const AT_MS = Date.UTC(2026, 10, 22, 12);

function letter(changes: Partial<ConsumedRecord> = {}, headers: Record<string, string> = {}) {
  return readLetter({
    topic: "market_dead_letter",
    partition: 0,
    offset: 17n,
    timestampMs: AT_MS,
    key: "KRW-BTC",
    value: Buffer.from('{"volume":1.10}'),
    headers: {
      origin: "websocket",
      received_at: "1735792086010",
      frame: "f1",
      dead_code: "price_doubtful",
      dead_reason: "KRW-BTC close 1 is far off",
      source_topic: "market_candle_1s",
      source_partition: "3",
      source_offset: "42",
      ...headers,
    },
    ...changes,
  });
}

test("a letter goes back as it was, to where it lay, with a header that says so", () => {
  const found = letter();
  expect(replayRecord(found, AT_MS)).toEqual({
    topic: "market_candle_1s",
    partition: 3,
    key: "KRW-BTC",
    value: found.record.value,
    headers: {
      origin: "websocket",
      received_at: "1735792086010",
      frame: "f1",
      replayed_at: String(AT_MS),
    },
  });
});

test("one that came back stays, and so does a frame that was in no topic", () => {
  const again = letter({ offset: 18n }, { replayed_at: String(AT_MS) });
  const frame = readLetter({
    ...letter().record,
    offset: 19n,
    key: null,
    headers: { dead_code: "frame_unreadable", dead_reason: "x" },
  });
  const { send, keep } = sortOut([letter(), again, frame], AT_MS);
  expect(send.map(({ letter: { id } }) => id)).toEqual(["17"]);
  expect(keep.map(({ code }) => code)).toEqual(["letter_replayed", "letter_sourceless"]);
});

test("the table names time, market, reason and source, one line each, whatever the reason holds", () => {
  const lines = table([
    letter({}, { dead_reason: `two\nlines \u001b[31m${"long ".repeat(50)}` }),
    letter({ key: null, offset: 18n }, { replayed_at: "1" }),
  ]);
  expect(lines).toHaveLength(3);
  expect(lines[1]).toMatch(
    /^17 {2}2026-11-22T12:00:00\.000Z {2}KRW-BTC {2}price_doubtful {10}market_candle_1s\/3@42 {2}two·lines ·\[31mlong .*…$/,
  );
  expect(lines[2]).toMatch(/^18 .* - {8}price_doubtful \(again\) /);
});

test("JSON keeps every byte", () => {
  expect(JSON.parse(letterJson(letter()))).toMatchObject({ id: "17", text: '{"volume":1.10}' });
  const bytes = Buffer.from([0xff, 0, 10]);
  const { base64 } = JSON.parse(letterJson(letter({ value: bytes })));
  expect(Buffer.from(base64, "base64")).toEqual(bytes);
});
