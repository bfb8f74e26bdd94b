import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonFields } from "./json_fields.ts";
import { parseJsonNumbersAsText } from "./json_numbers.ts";

const TICKER =
  `{"type":"ticker","code":"KRW-BTC","trade_price":142009000.00000000,"change":"RISE",` +
  `"small":7.9276E-4,"delisting_date":null,"is_trading_suspended":false,"timestamp":1735792085824}`;
const WANTED = ["type", "code", "trade_price", "small", "delisting_date", "is_trading_suspended"];

/** What the full reader says of the wanted fields. */
function full(text: string): Record<string, unknown> {
  const value = parseJsonNumbersAsText(text) as Record<string, unknown>;
  return Object.fromEntries(
    WANTED.filter((name) => Object.hasOwn(value, name)).map((name) => [name, value[name]]),
  );
}

test("JsonFields gives the wanted fields of an element, numbers as they are written", () => {
  const fields = new JsonFields(WANTED);
  for (const price of ["142009000.00000000", "-0.1", "1E8"]) {
    expect(fields.read(TICKER.replace("142009000.00000000", price))).toEqual({
      type: "ticker",
      code: "KRW-BTC",
      trade_price: price,
      small: "7.9276E-4",
      delisting_date: null,
      is_trading_suspended: false,
    });
  }
});

/** Pieces that make a difference to a parser, put anywhere. */
const piece = fc.constantFrom(
  ...['"', "\\", ",", ":", "{", "}", "[", "]", " ", "\n", "\u0000", "\u007f", "가", "-", ".", "0"],
  ...["01", "1.", ".5", "1e5", "1e", "--1", "null", "nul", "true", '"type"', '"type":1,', ",,"],
  ...['"__proto__":1,', '"code":"X",', '{"a":1}', '"\\u0041"', "NaN", "\u2028"],
);
const spoilt = fc.array(fc.tuple(fc.nat(), fc.nat(3), piece), { maxLength: 3 }).map((changes) =>
  changes.reduce((text, [at, cut, inserted]) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + inserted + text.slice(place + cut);
  }, TICKER)
);
/** The fields of an element in any order, some of them missing. */
const shuffled = fc.shuffledSubarray(TICKER.slice(1, -1).split(","), { minLength: 1 })
  .map((parts) => `{${parts.join(",")}}`);

test("JsonFields gives what the full reader gives, or leaves the text to it, whatever it has learned", () => {
  let read = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(spoilt, shuffled), { maxLength: 12 }), (texts) => {
      const fields = new JsonFields(WANTED);
      for (const text of texts) {
        const quick = fields.read(text);
        if (quick === null) continue;
        read++;
        expect(() => JSON.parse(text)).not.toThrow();
        expect(quick).toEqual(full(text));
      }
    }),
    { numRuns: 300 },
  );
  expect(read).toBeGreaterThan(200);
});

/** The same fields in six orders. */
const ORDERS = Array.from({ length: 6 }, (_, turn) => {
  const parts = TICKER.slice(1, -1).split(",");
  return `{${[...parts.slice(turn), ...parts.slice(0, turn)].join(",")}}`;
});

test("JsonFields forgets the order learned longest ago, and learns it again", () => {
  const fields = new JsonFields(WANTED);
  for (const text of [...ORDERS, ORDERS[0]!]) expect(fields.read(text)).toEqual(full(text));
});

test("JsonFields does not learn for ever from what never comes twice", () => {
  const fields = new JsonFields(WANTED);
  for (let i = 0; i < 16; i++) expect(fields.read(`{"n${i}":1}`)).not.toBeNull();
  const later = Array.from({ length: 512 }, (_, i) => fields.read(`{"m${i}":1}`));
  expect(later.filter((read) => read !== null)).toHaveLength(2);
});

test.each([
  ["[1]", "an array"],
  ["{}", "no fields"],
  ['{"a b":1}', "an odd name"],
  [`{${Array.from({ length: 65 }, (_, at) => `"f${at}":1`).join(",")}}`, "too many fields"],
  ['{"type":"가"}', "beyond ASCII"],
  ['{"type":{"a":1}}', "nested"],
])("JsonFields leaves %s to the full reader: %s", (text) => {
  expect(new JsonFields(WANTED).read(text)).toBeNull();
});
