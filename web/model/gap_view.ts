import type { Gap } from "#core/gap.ts";

/** A stretch of time, ms; the end is exclusive. */
export interface Stretch {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** The server answers so long a time of one market. */
const SPAN_MS_MAX = 399 * 86_400_000;

/** What to ask for, to show a view and have as much on each side: moving about a little asks for nothing. */
export function stretchAround(fromMs: number, toMs: number, nowMs: number): Stretch | null {
  const spanMs = toMs - fromMs;
  const untilMs = Math.min(toMs + spanMs, nowMs);
  const sinceMs = Math.max(fromMs - spanMs, untilMs - SPAN_MS_MAX, 0);
  return Math.floor(sinceMs / 1_000) < Math.floor(untilMs / 1_000) ? { sinceMs, untilMs } : null;
}

/** Whether a view shows a time that was not asked for; what is newer than the answer is a matter of asking again. */
export function isOutside(held: Stretch | null, fromMs: number, toMs: number): boolean {
  if (held === null) return true;
  const sinceMs = Math.max(fromMs, toMs - SPAN_MS_MAX);
  return sinceMs < held.sinceMs || fromMs >= held.untilMs;
}

/** The gaps that touch a stretch, oldest first. */
export function gapsWithin(
  gaps: readonly Gap[],
  sinceMs: number,
  untilMs: number,
): readonly Gap[] {
  return gaps.filter((gap) => gap.sinceMs < untilMs && gap.untilMs > sinceMs);
}
