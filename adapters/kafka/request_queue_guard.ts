import { createRequire } from "node:module";
import { Failure } from "#core/failure.ts";

/** The parts of kafkajs's internal request queue that the guard relies on. */
interface RequestQueue {
  throttledUntil: number;
  throttleCheckTimeoutId: unknown;
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

const GUARDED = Symbol.for("stofka.request_queue_guarded");

/**
 * kafkajs 2.2.4 re-arms a timer of about 1 ms per connection for ever, also with nothing pending, and with a negative delay
 * (tulios/kafkajs #1556, #1704, #1751): 4–5 % of a core when idle, 40 % more latency, and warnings on Node ≥ 24 and Deno.
 * Nothing needs the timer while nothing is pending, since every push and every answer checks the queue itself.
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
  const original = prototype.scheduleCheckPendingRequests;
  if (
    typeof original !== "function" ||
    !/throttledUntil - Date\.now\(\)[\s\S]*throttleCheckTimeoutId = setTimeout/.test(
      original.toString(),
    )
  ) {
    throw new Failure(
      "kafkajs_changed",
      "kafkajs's request queue is not the one of 2.2.4; see whether its idle timer still needs the guard",
    );
  }
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length === 0) return;
    // the original computes throttledUntil − now, which is negative when nothing throttles
    if (this.throttledUntil < Date.now()) this.throttledUntil = Date.now();
    original.call(this);
  };
  prototype[GUARDED] = true;
}
