import { parseJsonNumbersAsText } from "../json_numbers.ts";
import type { BreakCause } from "../mark.ts";
import { eventReader, jsonObject } from "./json.ts";

/** State of the link between ingest and the exchange, from the newest marks. */
export interface LinkEvent {
  readonly link: "up" | "down";
  readonly cause: BreakCause;
  /** ms on ingest's clock: when this was said, and until when everything was seen. */
  readonly writtenAtMs: number;
  readonly untilMs: number;
}

export function encodeLinkEvent(event: LinkEvent): string {
  return jsonObject({
    link: `"${event.link}"`,
    cause: `"${event.cause}"`,
    written_at_ms: String(event.writtenAtMs),
    until_ms: String(event.untilMs),
  });
}

export function decodeLinkEvent(text: string): LinkEvent {
  return linkEventFrom(parseJsonNumbersAsText(text));
}

export function linkEventFrom(value: unknown): LinkEvent {
  const read = eventReader(value, "link");
  return {
    link: read.text("link") as LinkEvent["link"],
    cause: read.text("cause") as BreakCause,
    writtenAtMs: read.ms("written_at_ms"),
    untilMs: read.ms("until_ms"),
  };
}
