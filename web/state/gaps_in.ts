import type { Gap } from "#core/gap.ts";
import { bucketEndMs } from "#core/interval.ts";
import { gapsWithin } from "../model/gap_view.ts";
import type { App } from "./app.ts";

/** What was missed within the shown interval's bucket that starts then. Newest first. */
export function gapsIn(app: App, startsAtMs: number): readonly Gap[] {
  const untilMs = bucketEndMs(app.interval.value, startsAtMs);
  return gapsWithin(app.session.value.gapWatch.gaps.value, startsAtMs, untilMs);
}
