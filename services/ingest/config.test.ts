import { expect, test } from "vitest";
import { ingestSettings } from "./config.ts";

const read = (environment: Record<string, string>) => ingestSettings((name) => environment[name]);

test("only the brokers must be given; everything else is the real exchange", () => {
  const settings = read({ KAFKA_BROKERS: "127.0.0.1:9092" });
  expect(settings).toMatchObject({
    namespace: "",
    exchangeKind: "upbit",
    exchangeWsUrl: "wss://api.upbit.com/websocket/v1",
    exchangeRestUrl: "https://api.upbit.com/v1",
    opsHost: "127.0.0.1",
  });
});

test("wrong settings are told all at once", () => {
  expect(() => read({ EXCHANGE_WS_URL: "http://x", MARKETS: "btc", OPS_PORT: "99999" })).toThrow(
    /KAFKA_BROKERS is missing; EXCHANGE_WS_URL is not an address.*MARKETS: "btc".*OPS_PORT is "99999"/,
  );
});
