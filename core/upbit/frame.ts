import { Failure, shown } from "../failure.ts";
import { isMarket, type Market } from "../market.ts";
import type { Element } from "./fields.ts";

/** What a WebSocket frame of the exchange is, as far as its receiver must know to pass it on. */
export type Frame =
  | { readonly kind: "candle" | "ticker"; readonly market: Market }
  /** The exchange refuses something and will close with code 1000 about 150 ms later. */
  | { readonly kind: "error"; readonly name: string; readonly message: string }
  /** The answer to a text PING. */
  | { readonly kind: "status" }
  /** The answer to LIST_SUBSCRIPTIONS: what the exchange accepted. */
  | { readonly kind: "subscriptions"; readonly result: readonly Subscription[] };

export interface Subscription {
  readonly type: string;
  readonly codes: readonly string[];
}

/**
 * Classifies one frame of a DEFAULT or SIMPLE format connection; values are left to whoever stores them.
 *
 * @throws Failure `frame_unreadable` for what is not JSON or none of the known shapes
 */
export function readFrame(text: string): Frame {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Failure("frame_unreadable", `${shown(text)} is not JSON`, error);
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    const element = json as Element;
    const type = element["type"] ?? element["ty"];
    const market = element["code"] ?? element["cd"];
    if (typeof type === "string" && isMarket(market)) {
      if (type === "candle.1s") return { kind: "candle", market };
      if (type === "ticker") return { kind: "ticker", market };
    }
    const error = element["error"];
    if (typeof error === "object" && error !== null) {
      const { name, message } = error as Element;
      return { kind: "error", name: String(name), message: String(message) };
    }
    if (element["status"] === "UP") return { kind: "status" };
    if (element["method"] === "LIST_SUBSCRIPTIONS" && Array.isArray(element["result"])) {
      return { kind: "subscriptions", result: element["result"] as Subscription[] };
    }
  }
  throw new Failure("frame_unreadable", `${shown(text)} is not a frame of the exchange we know`);
}
