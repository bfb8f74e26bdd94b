import { Failure } from "#core/failure.ts";
import { timeParameter } from "./time_parameter.ts";

/** [sinceMs, untilMs) of what is past, ms since the epoch. */
export interface PastSpan {
  readonly sinceMs: number;
  readonly untilMs: number;
}

const DAY_MS = 86_400_000;

/**
 * The parameters `since` and `until`: until now and over the last day where it is not said; what lies ahead of now is left out.
 *
 * @param stepMs both are rounded down to it, ms
 * @throws Failure `since_invalid`, `until_invalid`, `range_empty`
 */
export function pastSpan(query: URLSearchParams, nowMs: number, stepMs = 1): PastSpan {
  const stepped = (ms: number): number => Math.floor(ms / stepMs) * stepMs;
  const untilMs = stepped(Math.min(timeParameter("until", query.get("until")) ?? nowMs, nowMs));
  const sinceMs = stepped(timeParameter("since", query.get("since")) ?? untilMs - DAY_MS);
  if (sinceMs < untilMs) return { sinceMs, untilMs };
  throw new Failure(
    "range_empty",
    `since ${iso(sinceMs)} is not before until ${
      iso(untilMs)
    } (now, where until lies ahead); ask for a time that is past`,
  );
}

/**
 * @param isOfAll whether all markets were asked for, of which less is answered at once
 * @throws Failure `range_too_long`
 */
export function assertDays(
  { sinceMs, untilMs }: PastSpan,
  isOfAll: boolean,
  daysMax: Readonly<Record<"one" | "all", number>>,
): void {
  const days = isOfAll ? daysMax.all : daysMax.one;
  if (untilMs - sinceMs <= days * DAY_MS) return;
  throw new Failure(
    "range_too_long",
    `${iso(sinceMs)} to ${iso(untilMs)} is longer than ${days} days; ask for less${
      isOfAll ? `, or for one market, for which ${daysMax.one} days are answered` : ""
    }`,
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
