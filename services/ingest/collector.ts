import type { Buffer } from "node:buffer";
import type { Log } from "#adapters/log.ts";
import { Failure } from "#core/failure.ts";
import type { BreakCause } from "#core/mark.ts";
import type { Market } from "#core/market.ts";
import { type Frame, readFrame } from "#core/upbit/frame.ts";
import type { Clock } from "./clock.ts";
import { broken, type Coverage, linkUp, marks, opened, STARTED } from "./coverage.ts";
import type { Connection, LinkEvent } from "./link.ts";
import { listingChanges, type MarketList } from "./market_list.ts";
import type { IngestGauges, IngestMetrics } from "./metrics.ts";
import type { Outbox } from "./outbox.ts";
import { Pulse } from "./pulse.ts";
import type { RecordMaker } from "./records.ts";
import { acceptedMarkets, listFrame, subscribeFrame } from "./subscription.ts";

export interface CollectorPorts {
  readonly clock: Clock;
  readonly outbox: Pick<Outbox, "put" | "putMarks" | "queue">;
  readonly records: RecordMaker;
  readonly metrics: IngestMetrics;
  readonly log: Log;
  /** A new unique id for each subscribe frame; it is the session's id too. */
  readonly newTicket: () => string;
  /** Id of the next frame. */
  readonly nextFrameId: () => string;
}

/** A subscribe frame that was sent, and what we know of its fate. */
interface Asked {
  readonly ticket: string;
  readonly markets: readonly Market[];
  readonly atSteadyMs: number;
  /** Markets that sent something since. */
  readonly seen: Set<Market>;
  /** Whether the exchange was asked what it accepted. */
  listed: boolean;
  /** Whether it is known what the exchange accepted: the session is open. */
  settled: boolean;
}

/** A first snapshot shows that the subscription took effect (after 172–354 ms); without one it is asked about after this. */
const LIST_MS = 1_000;

/** How long the exchange may take to say what it accepted, before what arrived decides. */
const ANSWER_MS_MAX = 3_000;

/** The exchange takes 5 messages a second and 100 a minute of a connection; a subscription is two. */
const ASK_EVERY_MS_MIN = 5_000;

/** A session that ended because Kafka was away is followed by the next when so much of the outbox is free again. */
const LOAD_MAX_TO_ASK = 0.5;

/**
 * What ingest knows, and what it does about each event: frames go to Kafka as they are, and once a second the marks say
 * what is covered. Everything is synchronous; waiting is left to the link and the outbox.
 *
 * A session begins when the exchange has said what it accepted of the subscribe frame (`LIST_SUBSCRIPTIONS`, asked after
 * the first snapshot: before it, the answer is of the subscription before), or, if it never says, {@link ANSWER_MS_MAX}
 * later with the markets that sent something. Earlier would be a claim without evidence: the frame's sending proves
 * nothing, and after a second subscribe frame the next elements may still be of the first. What lies before is healed by
 * REST, the second in progress by its own frame at its end, which carries the whole second.
 */
export class Collector {
  readonly #ports: CollectorPorts;
  #coverage: Coverage = STARTED;
  #connection: Connection | null = null;
  #asked: Asked | null = null;
  #askedAtSteadyMs = -Infinity;
  #wanted: readonly Market[] = [];
  #published: MarketList = new Map();
  readonly #pulse = new Pulse();
  #beat = false;
  /** When the link last proved that nothing sent earlier is still on its way, ms. */
  #proofMs = 0;
  #frameAtSteadyMs: number;
  #pongAtSteadyMs: number;
  #stopped = false;

  constructor(ports: CollectorPorts) {
    this.#ports = ports;
    this.#frameAtSteadyMs = this.#pongAtSteadyMs = ports.clock.steadyMs();
  }

  handle(event: LinkEvent): void {
    if (this.#stopped) return;
    switch (event.kind) {
      case "up":
        return this.#up(event.atMs, event.connection);
      case "frame":
        return this.#frame(event.atMs, event.bytes);
      case "pong":
        if (this.#pulse.silence === "chance") this.#proofMs = event.atMs;
        this.#pongAtSteadyMs = this.#ports.clock.steadyMs();
        return;
      case "down":
        return this.#down(event);
    }
  }

  /** The exchange's markets as of now; the same list again changes nothing. */
  setMarkets(list: MarketList): void {
    if (this.#stopped) return;
    this.#publish(list);
    const next = [...list.keys()];
    const known = new Set(this.#wanted);
    if (next.length === known.size && next.every((market) => known.has(market))) return;
    const { log } = this.#ports;
    log.info({ event: "markets", count: next.length, before: known.size }, "market list changed");
    this.#wanted = next;
    this.#ask();
  }

  /** Once a second. */
  tick(): void {
    if (this.#stopped) return;
    const { clock, outbox, metrics } = this.#ports;
    this.#listen();
    this.#ask();
    this.#settleLate();
    // marks that still wait say as much as newer ones could: nothing behind them is acknowledged yet
    const put = outbox.queue.marks === 0 && this.#putMarks(clock.nowMs(), null);
    metrics.marks.inc({ result: put ? "put" : "skipped" });
  }

  /** The last marks; nothing is handled afterwards. */
  stop(): void {
    if (this.#stopped) return;
    this.#endSession("down", "stopped");
    this.#stopped = true;
  }

  /** Why we are not collecting, in words; empty when we are. */
  complaints(): readonly string[] {
    const complaints: string[] = [];
    if (this.#wanted.length === 0) complaints.push("no market list yet");
    if (this.#coverage.link === "down") complaints.push("no connection to the exchange");
    else if (this.#coverage.session === null) complaints.push("no subscription accepted yet");
    if (this.#ports.outbox.queue.load > LOAD_MAX_TO_ASK) complaints.push("Kafka is behind");
    return complaints;
  }

  gauges(): IngestGauges {
    const { clock, outbox } = this.#ports;
    const since = (steadyMs: number): number => (clock.steadyMs() - steadyMs) / 1_000;
    const covered = (): readonly Market[] =>
      this.#coverage.session?.marketsByPartition.flat() ?? [];
    return {
      linkUp: () => this.#coverage.link === "up",
      secondsSinceFrame: () => since(this.#frameAtSteadyMs),
      secondsSincePong: () => since(this.#pongAtSteadyMs),
      sessionAgeSeconds: () => {
        const { session } = this.#coverage;
        return session === null ? 0 : (clock.nowMs() - session.sinceMs) / 1_000;
      },
      marketsAsked: () => this.#asked?.markets.length ?? 0,
      marketsCovered: () => covered().length,
      marketsSilent: () => covered().filter((market) => !this.#asked?.seen.has(market)).length,
      outboxRecords: () => outbox.queue.records,
      outboxBytes: () => outbox.queue.bytes,
    };
  }

  #up(atMs: number, connection: Connection): void {
    this.#ports.metrics.connects.inc({ result: "up" });
    this.#ports.log.info({ event: "link_up" }, "connected to the exchange");
    this.#connection = connection;
    this.#coverage = linkUp(this.#coverage);
    this.#proofMs = atMs;
    this.#askedAtSteadyMs = -Infinity;
    this.#ask();
  }

  #down({ cause, wasUp, detail }: Extract<LinkEvent, { kind: "down" }>): void {
    const { metrics, log } = this.#ports;
    this.#connection = null;
    if (!wasUp) {
      // the cause stays that of the break, whatever the attempts to mend it meet
      metrics.connects.inc({ result: "failed" });
      log.warn({ event: "connect_failed", detail }, "no connection to the exchange");
      return;
    }
    log.warn({ event: "link_down", cause, detail }, "connection to the exchange ended");
    this.#endSession("down", cause);
  }

  #frame(atMs: number, bytes: Buffer): void {
    const { metrics, log, records, nextFrameId } = this.#ports;
    const id = nextFrameId();
    this.#frameAtSteadyMs = this.#ports.clock.steadyMs();
    this.#hear();
    metrics.frameBytes.inc(bytes.length);
    let frame: Frame;
    try {
      frame = readFrame(bytes.toString());
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      metrics.frames.inc({ kind: "unreadable" });
      const { code, message } = error;
      log.warn({ event: code, frame: id, bytes: bytes.length }, message);
      if (!this.#put(records.deadLetter(bytes, atMs, id, `${code}: ${message}`))) return;
      // it may have been a candle: its second must not count as seen
      if (code === "frame_unreadable") this.#endSession("up", "error");
      else this.#proofMs = atMs;
      return;
    }
    metrics.frames.inc({ kind: frame.kind });
    switch (frame.kind) {
      case "candle":
      case "ticker": {
        const { kind, market, snapshot, knownAtMs } = frame;
        log.debug({ event: "frame", frame: id, kind, market }, "element received");
        this.#asked?.seen.add(market);
        if (snapshot) this.#list();
        if (!snapshot && knownAtMs !== null) {
          metrics.receivedAfterSeconds.observe({ kind }, Math.max(0, atMs - knownAtMs) / 1_000);
        }
        if (!this.#put(records.element(kind, market, bytes, atMs, id))) return;
        break;
      }
      case "error":
        log.error({ event: "exchange_error", name: frame.name, frame: id }, frame.message);
        this.#connection?.end("rejected", `${frame.name}: ${frame.message}`);
        return;
      case "subscriptions":
        this.#answer(atMs, frame);
        break;
      case "status":
        break;
    }
    this.#proofMs = atMs;
  }

  /** What does not fit is lost: the session ends where the last proof was, before it. */
  #put(record: Parameters<Outbox["put"]>[0]): boolean {
    if (this.#ports.outbox.put(record)) return true;
    this.#ports.metrics.dropped.inc();
    if (this.#asked !== null) {
      this.#ports.log.error(
        { event: "outbox_full" },
        "Kafka is away for too long: frames are lost",
      );
      this.#endSession(this.#coverage.link, "kafka_away");
    }
    return false;
  }

  /** Subscribes when there is reason to, and when the exchange and Kafka can take it; otherwise a later tick does. */
  #ask(): void {
    const { clock, outbox, newTicket, log } = this.#ports;
    if (this.#connection === null || this.#wanted.length === 0) return;
    if (this.#asked?.markets === this.#wanted) return;
    if (clock.steadyMs() - this.#askedAtSteadyMs < ASK_EVERY_MS_MIN) return;
    if (outbox.queue.load > LOAD_MAX_TO_ASK) return;
    if (this.#asked !== null) this.#endSession("up", "markets_changed");
    const ticket = newTicket();
    const atSteadyMs = this.#askedAtSteadyMs = clock.steadyMs();
    const markets = this.#wanted;
    this.#asked = { ticket, markets, atSteadyMs, seen: new Set(), listed: false, settled: false };
    this.#pulse.restart();
    log.info({ event: "subscribe", session: ticket, markets: markets.length }, "subscribing");
    this.#connection.sendText(subscribeFrame(ticket, markets));
  }

  /** Asks once what of the subscription was accepted. */
  #list(): void {
    if (this.#asked === null || this.#asked.listed) return;
    this.#asked.listed = true;
    this.#connection?.sendText(listFrame(this.#asked.ticket));
  }

  /** Once a second: a feed that should not be silent may still have lost its source. */
  #listen(): void {
    if (this.#asked === null) return;
    this.#pulse.tick(this.#beat);
    this.#beat = false;
    if (this.#pulse.silence === "dead") this.#connection?.end("silent", "pongs, but no frames");
  }

  /** A frame after a silence that was none of chance: what belongs into it may be missing, and it was not claimed. */
  #hear(): void {
    this.#beat = true;
    if (this.#pulse.silence !== "chance" && this.#asked !== null) {
      this.#endSession(this.#coverage.link, "silent");
      this.#pulse.restart();
    }
  }

  #answer(atMs: number, answer: Extract<Frame, { kind: "subscriptions" }>): void {
    const asked = this.#asked;
    if (asked === null || asked.settled) return;
    if (answer.ticket !== null && answer.ticket !== asked.ticket) return;
    const accepted = acceptedMarkets(asked.markets, answer.result);
    if (accepted !== null) this.#settle(asked, accepted, atMs);
  }

  /** Without an answer, a market's snapshot is the evidence that its code was accepted. */
  #settleLate(): void {
    const { clock, log } = this.#ports;
    const asked = this.#asked;
    if (asked === null || asked.settled) return;
    const askedForMs = clock.steadyMs() - asked.atSteadyMs;
    if (askedForMs >= LIST_MS) this.#list();
    if (askedForMs < ANSWER_MS_MAX || asked.seen.size === 0) return;
    log.warn({ event: "subscriptions_unanswered" }, "the exchange does not list subscriptions");
    const seen = asked.markets.filter((market) => asked.seen.has(market));
    this.#settle(asked, seen, clock.nowMs());
  }

  #settle(asked: Asked, accepted: readonly Market[], sinceMs: number): void {
    const { log, metrics } = this.#ports;
    asked.settled = true;
    this.#coverage = opened(this.#coverage, asked.ticket, accepted, sinceMs);
    metrics.sessions.inc();
    const taken = new Set(accepted);
    const ignored = asked.markets.filter((market) => !taken.has(market));
    log.info(
      { event: "session_open", session: asked.ticket, markets: accepted.length },
      "subscription accepted",
    );
    if (ignored.length > 0) {
      log.warn(
        { event: "markets_ignored", count: ignored.length, markets: ignored.slice(0, 20) },
        "the exchange ignores markets it lists: they are not covered",
      );
    }
  }

  #endSession(link: "up" | "down", cause: BreakCause): void {
    const { clock, metrics, log } = this.#ports;
    const { session } = this.#coverage;
    if (session !== null) {
      const put = this.#putMarks(clock.nowMs(), { link, cause });
      log.info({ event: "session_end", session: session.id, cause, put }, "session ended");
    }
    metrics.breaks.inc({ cause });
    this.#coverage = broken(link, cause);
    this.#asked = null;
  }

  #putMarks(nowMs: number, end: Parameters<typeof marks>[3]): boolean {
    const made = marks(this.#coverage, this.#proofMs, nowMs, end ?? null);
    return this.#ports.outbox.putMarks(this.#ports.records.marks(made));
  }

  /** Tells the listing topic what changed; what does not fit now is told after the next look at the list. */
  #publish(list: MarketList): void {
    const { records, outbox, clock } = this.#ports;
    const published = new Map(this.#published);
    for (const [market, element] of listingChanges(this.#published, list)) {
      if (!outbox.put(records.listing(market, element, clock.nowMs()))) break;
      if (element === null) published.delete(market);
      else published.set(market, element);
    }
    this.#published = published;
  }
}
