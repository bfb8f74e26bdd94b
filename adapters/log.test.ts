import { expect, test } from "vitest";
import { Failure, reason } from "#core/failure.ts";
import { createLog, LOG_LEVELS, secretsOf } from "./log.ts";

function lines(secrets: readonly string[] = [], level: (typeof LOG_LEVELS)[number] = "debug") {
  const written: string[] = [];
  const log = createLog("test", level, {
    secrets: new Set(secrets),
    write: (line) => void written.push(line),
  });
  return { log, written };
}

test("one line an event: JSON with time, level, service, event and a sentence", () => {
  const { log, written } = lines();
  log.info({ event: "started", count: 2 }, "two\nlines");
  expect(written).toHaveLength(1);
  expect(written[0]).toMatch(/^\{.*\}\n$/);
  expect(JSON.parse(written[0]!)).toMatchObject({
    level: "info",
    service: "test",
    event: "started",
    count: 2,
    msg: "two\nlines",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  });
});

test.each(LOG_LEVELS)("level %s keeps what is below it out", (level) => {
  const { log, written } = lines([], level);
  for (const one of LOG_LEVELS) log[one]({ event: one });
  expect(written.map((line) => JSON.parse(line).event))
    .toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)));
});

const URL_WITH_PASSWORD = "postgres://stofka_persist:s3cret%2Fw0rd@127.0.0.1:5432/stofka";
const PASSWORDS = ["s3cret%2Fw0rd", "s3cret/w0rd"];

test.each<[string, (log: ReturnType<typeof createLog>) => void]>([
  ["a field", (log) => log.info({ event: "x", address: URL_WITH_PASSWORD })],
  ["a deep field", (log) => log.info({ event: "x", a: { b: [{ url: URL_WITH_PASSWORD }] } })],
  ["the sentence", (log) => log.warn({ event: "x" }, `cannot reach ${URL_WITH_PASSWORD}`)],
  ["an error", (log) => log.error({ event: "x", error: new Error(URL_WITH_PASSWORD) })],
  ["a cause", (log) => {
    const cause = new Error(`connect ${URL_WITH_PASSWORD} refused`);
    const error = new Failure("postgres_failed", "no database", cause);
    log.error({ event: "x", error, reason: reason(error) }, reason(error));
  }],
  ["a field of an error", (log) => {
    log.error({ event: "x", error: Object.assign(new Error("no"), { input: URL_WITH_PASSWORD }) });
  }],
  ["a key", (log) => log.info({ event: "x", [URL_WITH_PASSWORD]: 1 })],
])("a password in %s never reaches a line, though nobody named it a secret", (_, write) => {
  const { log, written } = lines();
  write(log);
  expect(written).toHaveLength(1);
  for (const password of PASSWORDS) expect(written[0]).not.toContain(password);
  expect(written[0]).toContain("127.0.0.1:5432");
  expect(() => JSON.parse(written[0]!)).not.toThrow();
});

test("a known secret is found by its value wherever it stands, also decoded and quoted", () => {
  const secrets = [
    ...secretsOf("POSTGRES_URL", URL_WITH_PASSWORD),
    ...secretsOf("API_TOKEN", 'a"token\\x'),
  ];
  const { log, written } = lines(secrets);
  log.info({ event: "x", text: `password is ${PASSWORDS[1]}, token a"token\\x` }, PASSWORDS[0]);
  for (const secret of [...PASSWORDS, "token\\\\x"]) expect(written[0]).not.toContain(secret);
  expect(JSON.parse(written[0]!)).toMatchObject({ event: "x" });
});

test("secretsOf() knows addresses and names, and leaves other settings alone", () => {
  expect(secretsOf("REDIS_URL", "redis://:d99026d7@127.0.0.1:1")).toContain("d99026d7");
  expect(secretsOf("KAFKA_BROKERS", "127.0.0.1:9092")).toEqual([]);
  expect(secretsOf("EXCHANGE_WS_URL", "wss://api.upbit.com/websocket/v1")).toEqual([]);
  expect(secretsOf("REDIS_URL", "redis://:abc@127.0.0.1:1")).toEqual([]);
  expect(secretsOf("REDIS_URL", "redis://:%E0%A4%A@127.0.0.1:1")).toContain("%E0%A4%A");
});
