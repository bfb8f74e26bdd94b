import { createRequire } from "node:module";
import { expect, test, vi } from "vitest";
import { guardRequestQueue } from "./request_queue_guard.ts";

const require = createRequire(import.meta.url);

test("guardRequestQueue() was written for the installed kafkajs", () => {
  expect(require("kafkajs/package.json").version).toBe("2.2.4");
  expect(guardRequestQueue).not.toThrow();
});

test("guardRequestQueue() arms no timer while nothing is pending, and never a negative one", () => {
  guardRequestQueue();
  const RequestQueue = require("kafkajs/src/network/requestQueue/index.js");
  const arm = vi.spyOn(globalThis, "setTimeout");
  const queue = new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    clientId: "test",
    broker: "test",
    logger: { debug() {} },
    isConnected: () => true,
  });
  queue.scheduleCheckPendingRequests();
  expect(arm).not.toHaveBeenCalled();
  queue.pending = [{}];
  queue.throttledUntil = 0;
  queue.scheduleCheckPendingRequests();
  expect(arm).toHaveBeenCalledTimes(1);
  expect(arm.mock.calls[0]![1]).toBeGreaterThanOrEqual(0);
  queue.destroy();
  arm.mockRestore();
});

test("guardRequestQueue() looks for overdue requests once a second, and still ends them", () => {
  guardRequestQueue();
  vi.useFakeTimers();
  const RequestQueue = require("kafkajs/src/network/requestQueue/index.js");
  const looks = vi.fn(() => true);
  const queue = new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 1_500,
    enforceRequestTimeout: true,
    clientId: "test",
    broker: "test",
    logger: { debug() {} },
    isConnected: looks,
  });
  queue.scheduleRequestTimeoutCheck();
  const timeoutRequest = vi.fn();
  queue.inflight.set(1, { sentAt: Date.now(), requestTimeout: 1_500, timeoutRequest });
  vi.advanceTimersByTime(1_100);
  expect(looks).toHaveBeenCalledTimes(1);
  expect(timeoutRequest).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1_000);
  expect(timeoutRequest).toHaveBeenCalledTimes(1);
  queue.destroy();
  vi.useRealTimers();
});
