import { expect, test } from "vitest";
import { hostList, oneOf, parsed, readSettings, text, url, wholeNumber } from "./config.ts";
import { namespace } from "./namespace.ts";

const SPEC = {
  brokers: hostList("KAFKA_BROKERS"),
  rows: wholeNumber("BATCH_ROWS_MAX", 1, 10_000, 500),
  kind: oneOf("EXCHANGE_KIND", ["upbit", "simulator"], "upbit"),
  namespace: parsed("NAMESPACE", namespace, ""),
  database: url("POSTGRES_URL", ["postgres:"]),
  host: text("OPS_HOST", "127.0.0.1"),
};

const read = (environment: Record<string, string>) =>
  readSettings(SPEC, (name) => environment[name]);

test("readSettings() reads all, with defaults", () => {
  expect(read({ KAFKA_BROKERS: "a:1, b:2", POSTGRES_URL: "postgres://u:p@h/d" })).toEqual({
    brokers: ["a:1", "b:2"],
    rows: 500,
    kind: "upbit",
    namespace: "",
    database: "postgres://u:p@h/d",
    host: "127.0.0.1",
  });
});

test("readSettings() complains of everything at once", () => {
  expect(() =>
    read({ KAFKA_BROKERS: "a", BATCH_ROWS_MAX: "0", EXCHANGE_KIND: "nyse", NAMESPACE: "x" })
  ).toThrow(expect.objectContaining({
    code: "settings_invalid",
    message: 'KAFKA_BROKERS is "a", expected host:port, comma separated; ' +
      'BATCH_ROWS_MAX is "0", expected a whole number 1..10000; ' +
      'EXCHANGE_KIND is "nyse", expected one of upbit, simulator; ' +
      'NAMESPACE: "x" is not a namespace; use lower-case letters, digits and hyphens with a dot at the end, such as simulated.; ' +
      "POSTGRES_URL is missing",
  }));
});

test("an address is never shown, since it may hold a password", () => {
  expect(() => read({ KAFKA_BROKERS: "a:1", POSTGRES_URL: "mysql://u:secret@h/d" })).toThrow(
    /^POSTGRES_URL is not an address starting with postgres:\/\/$/,
  );
});

test.each(["1.5", "1e3", "", " 1", "0x10", "9".repeat(20)])(
  "wholeNumber() refuses %j",
  (value) => {
    expect(() => wholeNumber("N", 0, 1_000_000).read(value)).toThrow("expected a whole number");
  },
);

test("a bug in a reader is not taken for a wrong setting", () => {
  const broken = parsed("X", () => {
    throw new TypeError("bug");
  }, "");
  expect(() => readSettings({ broken }, () => undefined)).toThrow(TypeError);
});
