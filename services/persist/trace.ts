import type { Log } from "#adapters/log.ts";
import { HEADERS } from "#core/topics.ts";
import type { PersistPorts } from "./persist.ts";

/** Follows each frame at level `debug`: which second of it is stored now. */
export function traced(observe: PersistPorts["observe"], log: Log): PersistPorts["observe"] {
  return {
    ...observe,
    stored: (work, stored) => {
      observe.stored(work, stored);
      if (!log.isLevelEnabled("debug")) return;
      for (const { event, record } of work.seconds) {
        const frame = record.headers[HEADERS.frame];
        const { market, startsAtMs } = event;
        log.debug({ event: "frame_stored", frame, market, startsAtMs }, "in PostgreSQL");
      }
    },
  };
}
