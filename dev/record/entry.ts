import { Buffer } from "node:buffer";
import { Failure, shown } from "#core/failure.ts";

/**
 * What a recording holds, one entry a line of UTF-8, in the order it happened (docs/recording.md):
 *
 * ```
 * <ms since 1970, the recorder's clock> <kind> <payload>
 * ```
 *
 * - `header`: JSON of {@link Header}, the first line of each file;
 * - `markets`: the exchange's answer to `GET /market/all`, as text on one line, when it was new;
 * - `up`, `down`: the link, with its cause; `sent`: what we subscribed;
 * - `frame`: a received frame, byte for byte; `frame64`: the same in base64, where it is no UTF-8 or has a line break in it;
 */
export interface Entry {
  readonly atMs: number;
  readonly kind: EntryKind;
  readonly payload: Buffer;
}

export const ENTRY_KINDS = [
  "header",
  "markets",
  "up",
  "down",
  "sent",
  "frame",
  "frame64",
] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

export interface Header {
  readonly format: "stofka-frames";
  readonly version: 1;
  readonly exchange: string;
}

/** @param payload of a frame: its bytes; a `frame` that cannot stand on a line becomes `frame64` */
export function encodeEntry({ atMs, kind, payload }: Entry): string {
  if (kind !== "frame") return `${atMs} ${kind} ${payload.toString().replaceAll(/\s+/g, " ")}\n`;
  const text = payload.toString();
  if (!/[\r\n\u2028\u2029]/.test(text) && Buffer.from(text).equals(payload)) {
    return `${atMs} frame ${text}\n`;
  }
  return `${atMs} frame64 ${payload.toString("base64")}\n`;
}

/** @returns an entry whose kind is never `frame64` @throws Failure `recording_invalid` */
export function decodeEntry(line: string): Entry {
  const [, at, kind, text] = /^(\d{1,14}) ([a-z0-9]{1,10}) ([^]*)$/.exec(line) ?? [];
  if (ENTRY_KINDS.includes(kind as EntryKind)) {
    return kind === "frame64"
      ? { atMs: Number(at), kind: "frame", payload: Buffer.from(text!, "base64") }
      : { atMs: Number(at), kind: kind as EntryKind, payload: Buffer.from(text!) };
  }
  const capture = decodeCapture(line);
  if (capture !== null) return capture;
  throw new Failure(
    "recording_invalid",
    `${shown(line)} is no line of a recording: <ms> <kind> <payload>, or <seconds>: b'<json>'`,
  );
}

/**
 * A line of a capture by cryptofeed: a frame as Python writes bytes, `1618678263.010785: b'{"ty":"trade",…}'`; before them the
 * link, `wss://… <-> <seconds>`, and what was subscribed, `wss://… <- <seconds>: [{"ticket":…}]`.
 */
function decodeCapture(line: string): Entry | null {
  const [, seconds, , bytes] = /^(\d{1,11}\.\d{1,9}): b(['"])(.*)\2$/.exec(line) ?? [];
  if (bytes !== undefined) {
    return { atMs: captureMs(seconds!), kind: "frame", payload: pythonBytes(bytes) };
  }
  const [, at, sent] = /^wss?:\/\/\S+ <->? (\d{1,11}\.\d{1,9})(?:: (.*))?$/.exec(line) ?? [];
  if (at === undefined) return null;
  return {
    atMs: captureMs(at),
    kind: sent === undefined ? "up" : "sent",
    payload: Buffer.from(sent ?? ""),
  };
}

function captureMs(seconds: string): number {
  const [whole, fraction] = seconds.split(".");
  return Number(whole) * 1_000 + Math.floor(Number(`0.${fraction}`) * 1_000);
}

function pythonBytes(text: string): Buffer {
  const bytes = text.replace(
    /\\(?:x([0-9a-f]{2})|(n|r|t|.))/g,
    (_, hex: string | undefined, one: string) =>
      hex === undefined
        ? { n: "\n", r: "\r", t: "\t" }[one] ?? one
        : String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1");
}
