import { createRequire } from "node:module";
import { Failure } from "#core/failure.ts";

/** The parts of kafkajs's internal broker that the guard relies on. */
interface Broker {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  apiVersions(): Promise<unknown>;
}

const GUARDED = Symbol.for("stofka.half_open_guarded");

/**
 * A broker that is frozen, or whose machine swaps, still takes connections: its kernel does. kafkajs 2.2.4 asks on a new one
 * which versions it speaks, gives up after the time of a request, and keeps the connection. From then on it calls that broker
 * connected and never asks again, and whatever is to be sent there fails with "Broker not connected" and is retried, without
 * a word and, with our retries, for ever: a service that was started meanwhile did not come back when the broker did, until
 * that closed the idle connection after ten minutes. So a connection whose first question failed is closed, and the next
 * attempt opens another.
 *
 * @throws Failure `kafkajs_changed` when a newer kafkajs no longer has the shape this was written for
 */
export function guardHalfOpen(): void {
  const { prototype } = createRequire(import.meta.url)("kafkajs/src/broker/index.js") as {
    prototype: Broker & { [GUARDED]?: true };
  };
  if (prototype[GUARDED] === true) return;
  const { apiVersions } = prototype;
  // within its lock, so that nobody finds the connection before it is closed
  assertShape(
    prototype.connect,
    /lock\.acquire\(\)[\s\S]*isConnected\(\)[\s\S]*await this\.apiVersions\(\)[\s\S]*lock\.release\(\)/,
  );
  prototype.apiVersions = async function (this: Broker): Promise<unknown> {
    try {
      return await apiVersions.call(this);
    } catch (error) {
      await this.disconnect();
      throw error;
    }
  };
  prototype[GUARDED] = true;
}

function assertShape(method: unknown, shape: RegExp): void {
  if (typeof method === "function" && shape.test(method.toString())) return;
  throw new Failure(
    "kafkajs_changed",
    "kafkajs's broker is not the one of 2.2.4; see whether it still keeps a connection that nobody answers",
  );
}
