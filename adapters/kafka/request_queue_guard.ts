import { createRequire } from "node:module";
import { Failure } from "#core/failure.ts";

/** The parts of kafkajs's internal request queue that the guard relies on. */
interface RequestQueue {
  throttledUntil: number;
  throttleCheckTimeoutId: unknown;
  requestTimeoutIntervalId: unknown;
  readonly enforceRequestTimeout: boolean;
  readonly pending: readonly unknown[];
  readonly inflight: ReadonlyMap<unknown, InflightRequest>;
  isConnected(): boolean;
  destroy(): void;
  scheduleCheckPendingRequests(): void;
  scheduleRequestTimeoutCheck(): void;
}

interface InflightRequest {
  readonly sentAt: number;
  readonly requestTimeout: number;
  timeoutRequest(): void;
}

const GUARDED = Symbol.for("stofka.request_queue_guarded");

/** How often unanswered requests are looked at; their time limit is 15 s and more. */
const TIMEOUT_CHECK_MS = 1_000;

/**
 * Two timers of kafkajs 2.2.4 take more of an idle service than all its other work:
 * - one of about 1 ms per connection is armed again for ever, also with nothing pending, and with a negative delay
 *   (tulios/kafkajs #1556, #1704, #1751): 4–5 % of a core, 40 % more latency, and warnings on Node ≥ 24 and Deno. Nothing
 *   needs it while nothing is pending, since every push and every answer checks the queue itself;
 * - one of 100 ms per connection looks for requests whose time is over, where the least time is seconds: a tenth of the
 *   looks do.
 *
 * @throws Failure `kafkajs_changed` when a newer kafkajs no longer has the shape this was written for
 */
export function guardRequestQueue(): void {
  const RequestQueue = createRequire(import.meta.url)(
    "kafkajs/src/network/requestQueue/index.js",
  ) as {
    prototype: RequestQueue & { [GUARDED]?: true };
  };
  const prototype = RequestQueue.prototype;
  if (prototype[GUARDED] === true) return;
  const { scheduleCheckPendingRequests: original } = prototype;
  assertShape(original, /throttledUntil - Date\.now\(\)[\s\S]*throttleCheckTimeoutId = setTimeout/);
  assertShape(
    prototype.scheduleRequestTimeoutCheck,
    /enforceRequestTimeout[\s\S]*requestTimeoutIntervalId = setInterval[\s\S]*Math\.min\(this\.requestTimeout, 100\)/,
  );
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length === 0) return;
    // the original computes throttledUntil − now, which is negative when nothing throttles
    if (this.throttledUntil < Date.now()) this.throttledUntil = Date.now();
    original.call(this);
  };
  prototype.scheduleRequestTimeoutCheck = function (this: RequestQueue): void {
    if (!this.enforceRequestTimeout) return;
    this.destroy();
    this.requestTimeoutIntervalId = setInterval(() => {
      const nowMs = Date.now();
      for (const request of [...this.inflight.values()]) {
        if (nowMs - request.sentAt > request.requestTimeout) request.timeoutRequest();
      }
      if (!this.isConnected()) this.destroy();
    }, TIMEOUT_CHECK_MS);
  };
  prototype[GUARDED] = true;
}

function assertShape(method: unknown, shape: RegExp): void {
  if (typeof method === "function" && shape.test(method.toString())) return;
  throw new Failure(
    "kafkajs_changed",
    "kafkajs's request queue is not the one of 2.2.4; see whether its idle timers still need the guard",
  );
}
