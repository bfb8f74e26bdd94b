import type { Buffer } from "node:buffer";
import { isMarket, type Market } from "#core/market.ts";

/**
 * What an unreadable frame may have been:
 * - `candle` of a market: its beginning says so; what follows is cut off or garbled;
 * - `nothing`: it was no candle, so no second is missing;
 * - `anything`: a candle of any market.
 */
export type Suspect =
  | { readonly kind: "candle"; readonly market: Market }
  | { readonly kind: "nothing" }
  | { readonly kind: "anything" };

/** Type and market stand first in every element of the exchange, in both formats; elsewhere they are not believed. */
const HEAD =
  /^\s*\{\s*"(?:type|ty)"\s*:\s*"([^"\\]{1,20})"(?:\s*,\s*"(?:code|cd)"\s*:\s*"([^"\\]{1,24})")?/;
const HEAD_BYTES = 128;

export function suspect(bytes: Buffer): Suspect {
  const [, type, code] = HEAD.exec(bytes.subarray(0, HEAD_BYTES).toString("latin1")) ?? [];
  if (type === "ticker") return { kind: "nothing" };
  if (type === "candle.1s" && isMarket(code)) return { kind: "candle", market: code };
  return { kind: "anything" };
}
