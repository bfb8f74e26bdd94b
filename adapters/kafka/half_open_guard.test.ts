import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { guardHalfOpen } from "./half_open_guard.ts";

const require = createRequire(import.meta.url);

test("guardHalfOpen() was written for the installed kafkajs", () => {
  expect(require("kafkajs/package.json").version).toBe("2.2.4");
  expect(guardHalfOpen).not.toThrow();
});

test("guardHalfOpen() calls a broker that took a connection and never answered not connected", async () => {
  guardHalfOpen();
  const Broker = require("kafkajs/src/broker/index.js");
  let open = false;
  const broker = new Broker({
    connectionPool: {
      isConnected: () => open,
      getConnection: () => Promise.resolve(open = true),
      send: () => Promise.reject(new Error("ApiVersions timed out")),
      destroy: () => Promise.resolve(open = false),
    },
    logger: { namespace: () => ({ debug() {} }) },
  });
  await expect(broker.connect()).rejects.toThrow("ApiVersions timed out");
  expect(broker.isConnected()).toBe(false);
});
