import { type Format, formats } from "./element.ts";
import { isStreamType } from "./views.ts";

/** What a client's frame asks for. */
export type Request =
  | { readonly kind: "subscribe"; readonly subscription: Subscription }
  | { readonly kind: "list"; readonly ticket: string }
  | { readonly kind: "ping" }
  | { readonly kind: "error"; readonly name: string; readonly message: string };

export interface Subscription {
  readonly ticket: string;
  readonly format: Format;
  readonly wishes: readonly Wish[];
}

export interface Wish {
  readonly type: string;
  readonly codes: readonly string[];
  readonly snapshot: boolean;
  readonly realtime: boolean;
}

/**
 * Reads a client's text frame: `PING`, or an array of ticket, types and format in any order.
 *
 * @param format the connection's format so far: kept where the frame names none
 */
export function readRequest(text: string, format: Format): Request {
  if (text === "PING") return { kind: "ping" };
  const parts = parseArray(text);
  if (parts === undefined) return wrongFormat;
  const ticket = parts.find((part) => "ticket" in part)?.["ticket"];
  if (typeof ticket !== "string" || ticket === "") {
    return error("NO_TICKET", "티켓이 존재하지 않거나, 유효하지 않습니다.");
  }
  const wantedFormat = parts.find((part) => "format" in part)?.["format"] ?? format;
  if (!formats.includes(wantedFormat as Format)) return wrongFormat;
  if (parts.some((part) => part["method"] === "LIST_SUBSCRIPTIONS")) {
    return { kind: "list", ticket };
  }
  const wishes: Wish[] = [];
  for (const part of parts.filter((part) => "type" in part)) {
    const wish = readWish(part);
    if ("kind" in wish) return wish;
    wishes.push(wish);
  }
  if (wishes.length === 0) return error("NO_TYPE", "타입이 존재하지 않습니다.");
  return {
    kind: "subscribe",
    subscription: { ticket, format: wantedFormat as Format, wishes },
  };
}

type Part = Readonly<Record<string, unknown>>;

function readWish(part: Part): Wish | Request & { kind: "error" } {
  const { type, codes } = part;
  if (typeof type !== "string" || !isStreamType(type)) {
    return error("INVALID_PARAM", `${type} 은 지원하지 않는 타입입니다.`);
  }
  if (!Array.isArray(codes) || codes.length === 0) {
    return error("NO_CODES", "코드가 존재하지 않습니다.");
  }
  if (!codes.every((code) => typeof code === "string")) return wrongFormat;
  const snapshotOnly = part["is_only_snapshot"] ?? part["isOnlySnapshot"] ?? false;
  const realtimeOnly = part["is_only_realtime"] ?? part["isOnlyRealtime"] ?? false;
  if (typeof snapshotOnly !== "boolean" || typeof realtimeOnly !== "boolean") return wrongFormat;
  return { type, codes, snapshot: !realtimeOnly, realtime: !snapshotOnly };
}

function parseArray(text: string): Part[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const objects = value.every((part) => typeof part === "object" && part !== null);
  return objects ? value as Part[] : undefined;
}

const wrongFormat = error("WRONG_FORMAT", "Format 이 맞지 않습니다.");

function error(name: string, message: string): Request & { kind: "error" } {
  return { kind: "error", name, message };
}
