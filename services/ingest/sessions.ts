import type { Log } from "#adapters/log.ts";
import type { BreakCause, Mark } from "#core/mark.ts";
import type { Market } from "#core/market.ts";
import { broken, type Coverage, linkUp, marks, opened, STARTED } from "./coverage.ts";
import type { IngestMetrics } from "./metrics.ts";

export interface SessionsPorts {
  /** Takes all marks, one a partition, or none. */
  readonly put: (marks: readonly Mark[]) => boolean;
  readonly nowMs: () => number;
  readonly newId: () => string;
  readonly metrics: Pick<IngestMetrics, "sessions" | "breaks">;
  readonly log: Log;
}

/** After a frame that may have been any market's candle, the next session begins so long after the last such frame. */
const DOUBT_MS = 1_000;

/** Sessions cut by doubt begin at most this often. Readers count 5 s less at each end: a shorter one would say nothing. */
const SESSION_EVERY_MS_MIN = 10_000;

/** What is covered, and the marks that say so. */
export class Sessions {
  readonly #ports: SessionsPorts;
  #coverage: Coverage = STARTED;
  /** When the link last proved that nothing sent earlier is still on its way, ms. */
  #proofMs = 0;
  /** When a frame came that may have been any market's candle, ms. */
  #doubtAtMs = 0;
  #openedAtMs = 0;

  constructor(ports: SessionsPorts) {
    this.#ports = ports;
  }

  get coverage(): Coverage {
    return this.#coverage;
  }

  linkUp(atMs: number): void {
    this.#coverage = linkUp(this.#coverage);
    this.#proofMs = atMs;
  }

  /** All that the exchange has to say of before this time has arrived and is on its way to Kafka. */
  proof(atMs: number): void {
    this.#proofMs = Math.max(this.#proofMs, atMs);
  }

  open(id: string, markets: readonly Market[], sinceMs: number): void {
    this.#openedAtMs = sinceMs;
    this.#coverage = opened(this.#coverage, id, markets, sinceMs);
    this.#ports.metrics.sessions.inc();
    this.#ports.log.info(
      { event: "session_open", session: id, markets: markets.length },
      "what these markets send is covered from now on",
    );
  }

  /** Also without a session the marks tell at once what became of the link. */
  end(link: "up" | "down", cause: BreakCause): void {
    const { metrics, log } = this.#ports;
    const { session } = this.#coverage;
    const put = this.#put({ link, cause });
    if (session !== null) {
      log.info({ event: "session_end", session: session.id, cause, put }, "session ended");
    }
    metrics.breaks.inc({ cause });
    this.#coverage = broken(link, cause);
  }

  /** A frame came that may have been any market's candle: no session may contain it. */
  doubt(atMs: number): void {
    this.#doubtAtMs = atMs;
    if (this.#coverage.session !== null) this.end("up", "error");
  }

  /** Only a doubt ended the session, the subscription is in force: the next session begins behind the doubt. */
  resume(accepted: readonly Market[]): void {
    if (this.#coverage.session !== null) return;
    const { nowMs, newId } = this.#ports;
    const notBeforeMs = Math.max(
      this.#doubtAtMs + DOUBT_MS,
      this.#openedAtMs + SESSION_EVERY_MS_MIN,
    );
    if (nowMs() >= notBeforeMs) this.open(newId(), accepted, nowMs());
  }

  /** Once a second. @returns whether there was room */
  mark(): boolean {
    return this.#put(null);
  }

  #put(end: Parameters<typeof marks>[3]): boolean {
    const { put, nowMs } = this.#ports;
    return put(marks(this.#coverage, this.#proofMs, nowMs(), end ?? null));
  }
}
