import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJsonNumbersAsText, quoteNumbers } from "./json_numbers.ts";

/** The oracle: the runtime's own source text of each number. */
function oracle(text: string): unknown {
  const parse = JSON.parse as (
    text: string,
    reviver: (key: string, value: unknown, context: { source: string }) => unknown,
  ) => unknown;
  return parse(text, (_key, value, { source }) => typeof value === "number" ? source : value);
}

test("parseJsonNumbersAsText() keeps the digits of a real candle and leaves its times alone", () => {
  const text =
    `{"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"2025-01-02T04:28:05",` +
    `"opening_price":142009000.00000000,"candle_acc_trade_price":860743.5307100000000000,` +
    `"timestamp":1735792085824,"small":7.9276E-4,"delisting_date":null,"yes":true}`;
  expect(parseJsonNumbersAsText(text)).toEqual({
    type: "candle.1s",
    code: "KRW-BTC",
    candle_date_time_utc: "2025-01-02T04:28:05",
    opening_price: "142009000.00000000",
    candle_acc_trade_price: "860743.5307100000000000",
    timestamp: "1735792085824",
    small: "7.9276E-4",
    delisting_date: null,
    yes: true,
  });
});

test("17-digit ids survive", () => {
  expect(parseJsonNumbersAsText("[17732400590950001]")).toEqual(["17732400590950001"]);
});

/** Numbers as wild as JSON allows, strings with quotes, backslashes and digits. */
const number = fc.stringMatching(/^-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?$/);
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom('"', "\\", "1", "-", ":", "{", ",", "가", " ") }),
).map((value) => JSON.stringify(value));
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    number,
    text,
    fc.constantFrom("true", "false", "null"),
    fc.array(tie("json"), { maxLength: 4 }).map((values) => `[ ${values.join(" ,\n")}]`),
    fc.array(fc.tuple(text, tie("json")), { maxLength: 4 }).map((entries) =>
      `{${entries.map(([name, value]) => `${name}: ${value}`).join(",")} }`
    ),
  ),
}));

test("parseJsonNumbersAsText() equals the runtime's own number sources on any JSON", () => {
  fc.assert(
    fc.property(json, (text) => {
      expect(parseJsonNumbersAsText(text)).toEqual(oracle(text));
    }),
    { numRuns: 2_000 },
  );
});

test("what is no JSON is refused, never guessed at", () => {
  fc.assert(fc.property(json, fc.nat(), (text, at) => {
    const cut = text.slice(0, at % (text.length + 1));
    let valid = true;
    try {
      JSON.parse(cut);
    } catch {
      valid = false;
    }
    // a lone cut number, such as 1.5e, becomes a text that decimal() refuses
    if (!valid && !/^[-\d]/.test(cut)) expect(() => parseJsonNumbersAsText(cut)).toThrow();
  }));
});

test("quoteNumbers() hands text without numbers back unchanged", () => {
  const text = '{"a":"04:28:05","b":[true,null]}';
  expect(quoteNumbers(text)).toBe(text);
});
