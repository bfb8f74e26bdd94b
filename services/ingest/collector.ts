import type { Buffer } from "node:buffer";
import type { Log } from "#adapters/log.ts";
import { Failure } from "#core/failure.ts";
import type { Market } from "#core/market.ts";
import { ElementReader } from "#core/upbit/element_reader.ts";
import {
  ELEMENT_FRAME_FIELDS,
  type Frame,
  readElementFrame,
  readFrame,
} from "#core/upbit/frame.ts";
import { type Asked, Asking } from "./asking.ts";
import type { Clock } from "./clock.ts";
import type { Coverage } from "./coverage.ts";
import { FeedLag } from "./feed_lag.ts";
import type { CollectorState } from "./gauges.ts";
import type { Connection, LinkEvent } from "./link.ts";
import { Listings } from "./listings.ts";
import type { Listed, MarketList } from "./market_list.ts";
import type { IngestMetrics } from "./metrics.ts";
import type { Outbox } from "./outbox.ts";
import { Pulse } from "./pulse.ts";
import type { RecordMaker } from "./records.ts";
import { Sessions } from "./sessions.ts";
import { listFrame, subscribeFrame } from "./subscription.ts";
import { type Suspect, suspect } from "./suspect.ts";

export interface CollectorPorts {
  readonly clock: Clock;
  readonly outbox: Pick<Outbox, "put" | "putMarks" | "queue">;
  readonly records: RecordMaker;
  readonly metrics: IngestMetrics;
  readonly log: Log;
  /** A new unique id: of a subscribe frame and the session it begins, or of a session that goes on after a doubt. */
  readonly newTicket: () => string;
  /** Id of the next frame. */
  readonly nextFrameId: () => string;
  /** False where frames tell of another time than now, as in a replay (default true). */
  readonly followsTime?: boolean;
}

/** A session that ended because Kafka was away is followed by the next when so much of the outbox is free again. */
const LOAD_MAX_TO_ASK = 0.5;

/**
 * What ingest knows, and what it does about each event: frames go to Kafka as they are, and once a second the marks say
 * what is covered. Everything is synchronous; waiting is left to the link and the outbox.
 *
 * A session begins when the exchange has said what it accepted of the subscribe frame (`LIST_SUBSCRIPTIONS`, asked after
 * the first snapshot: before it, the answer is of the subscription before), or, if it never says, some
 * seconds later with the markets that sent something. Earlier would be a claim without evidence: the frame's sending proves
 * nothing, and after a second subscribe frame the next elements may still be of the first. What lies before is healed by
 * REST, the second in progress by its own frame at its end, which carries the whole second.
 */
export class Collector implements CollectorState {
  readonly #ports: CollectorPorts;
  readonly #asking = new Asking();
  readonly #listings: Listings;
  readonly #sessions: Sessions;
  readonly #pulse = new Pulse();
  readonly #lag = new FeedLag();
  readonly #elements = new ElementReader(ELEMENT_FRAME_FIELDS);
  #connection: Connection | null = null;
  #wanted: readonly Market[] = [];
  /** Markets asked for since the start: one that was just delisted may still have a word on its way. */
  readonly #everWanted = new Set<Market>();
  #beat = false;
  #frameAtSteadyMs: number;
  #pongAtSteadyMs: number;
  #stopped = false;

  constructor(ports: CollectorPorts) {
    this.#ports = ports;
    const { clock, outbox, records, metrics, log, newTicket } = ports;
    this.#listings = new Listings({
      put: (record) => outbox.put(record),
      record: (market, element) => records.listing(market, element, clock.nowMs()),
    });
    this.#sessions = new Sessions({
      put: (marks) => outbox.putMarks(records.marks(marks)),
      nowMs: () => clock.nowMs(),
      newId: newTicket,
      metrics,
      log,
    });
    this.#frameAtSteadyMs = this.#pongAtSteadyMs = clock.steadyMs();
  }

  handle(event: LinkEvent): void {
    if (this.#stopped) return;
    switch (event.kind) {
      case "up":
        return this.#up(event.atMs, event.connection);
      case "frame":
        return this.#frame(event.atMs, event.bytes);
      case "pong":
        if (this.#pulse.silence === "chance") this.#proof(event.atMs);
        this.#pongAtSteadyMs = this.#ports.clock.steadyMs();
        return;
      case "down":
        return this.#down(event);
    }
  }

  /** The exchange's markets as of now; the same list again changes nothing. */
  setMarkets(listed: Listed): void {
    if (this.#stopped) return;
    this.#listings.publish(listed);
    const next = [...listed.list.keys()];
    const known = new Set(this.#wanted);
    if (next.length === known.size && next.every((market) => known.has(market))) return;
    const { log } = this.#ports;
    log.info({ event: "markets", count: next.length, before: known.size }, "market list changed");
    this.#wanted = next;
    for (const market of next) this.#everWanted.add(market);
    this.#ask();
  }

  /** What the listing topic held before our start. */
  setPublished(entries: MarketList): void {
    if (!this.#stopped) this.#listings.found(entries);
  }

  /** Once a second. */
  tick(): void {
    if (this.#stopped) return;
    const { outbox, metrics } = this.#ports;
    this.#listen();
    this.#lag.tick();
    this.#ask();
    this.#settleLate();
    const accepted = this.#asking.current?.accepted ?? null;
    if (accepted !== null) this.#sessions.resume(accepted);
    // marks that still wait say as much as newer ones could: nothing behind them is acknowledged yet
    const put = outbox.queue.marks === 0 && this.#sessions.mark();
    metrics.marks.inc({ result: put ? "put" : "skipped" });
    this.#count();
  }

  /** A tick is a second: what of the wanted markets it found covered. */
  #count(): void {
    const { metrics } = this.#ports;
    const markets = this.coverage.session?.marketsByPartition ?? [];
    const covered = markets.reduce((count, { length }) => count + length, 0);
    metrics.coveredSeconds.inc(covered);
    metrics.uncoveredSeconds.inc(Math.max(0, this.#wanted.length - covered));
  }

  /** The last marks, which every partition gets: readers then know that nobody follows the exchange. */
  stop(): void {
    if (this.#stopped) return;
    if (this.coverage.cause !== "stopped") this.#sessions.end("down", "stopped");
    this.#stopped = true;
  }

  /** Why we are not collecting, in words; empty when we are. */
  complaints(): readonly string[] {
    const complaints: string[] = [];
    if (this.#wanted.length === 0) complaints.push("no market list yet");
    if (this.coverage.link === "down") complaints.push("no connection to the exchange");
    else if (this.coverage.session === null) complaints.push("no subscription accepted yet");
    if (this.#ports.outbox.queue.load > LOAD_MAX_TO_ASK) complaints.push("Kafka is behind");
    return complaints;
  }

  get coverage(): Coverage {
    return this.#sessions.coverage;
  }

  /** The markets to be collected, as the exchange lists them now. */
  get markets(): readonly Market[] {
    return this.#wanted;
  }

  get asked(): Asked | null {
    return this.#asking.current;
  }

  get frameAtSteadyMs(): number {
    return this.#frameAtSteadyMs;
  }

  get pongAtSteadyMs(): number {
    return this.#pongAtSteadyMs;
  }

  #up(atMs: number, connection: Connection): void {
    this.#ports.metrics.connects.inc({ result: "up" });
    this.#ports.log.info({ event: "link_up" }, "connected to the exchange");
    this.#connection = connection;
    this.#sessions.linkUp(atMs);
    this.#asking.connected();
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
    this.#asking.forget();
    this.#sessions.end("down", cause);
  }

  #frame(atMs: number, bytes: Buffer): void {
    const { metrics, log, records, nextFrameId } = this.#ports;
    const id = nextFrameId();
    this.#frameAtSteadyMs = this.#ports.clock.steadyMs();
    this.#hear();
    metrics.frameBytes.inc(bytes.length);
    let frame: Frame;
    try {
      const quick = this.#elements.read(bytes);
      frame = (quick === null ? null : readElementFrame(quick.element)) ??
        readFrame(bytes.toString());
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const mayBe = error.code === "frame_unreadable"
        ? suspect(bytes)
        : { kind: "nothing" } as const;
      return this.#refuse(error, mayBe, atMs, bytes, id);
    }
    metrics.frames.inc({ kind: frame.kind });
    switch (frame.kind) {
      case "candle":
      case "ticker": {
        const { kind, market, snapshot, knownAtMs } = frame;
        if (!this.#everWanted.has(market)) {
          const failure = new Failure("market_unlisted", `${market} is none we asked for`);
          // a garbled code hides whose second it is
          const mayBe = kind === "candle" ? "anything" : "nothing";
          return this.#refuse(failure, { kind: mayBe }, atMs, bytes, id);
        }
        log.debug({ event: "frame_received", frame: id, kind, market }, "element received");
        this.#asking.heard(market);
        if (snapshot) this.#list(true);
        if (!snapshot && knownAtMs !== null) {
          metrics.receivedAfterSeconds.observe({ kind }, Math.max(0, atMs - knownAtMs) / 1_000);
          if (kind === "candle") this.#heardOf(knownAtMs, atMs);
        }
        if (!this.#put(records.element(kind, market, bytes, atMs, id))) return;
        break;
      }
      case "error":
        log.error({ event: "exchange_error", name: frame.name, frame: id }, frame.message);
        this.#connection?.end("rejected", `${frame.name}: ${frame.message}`);
        return;
      case "subscriptions": {
        const accepted = this.#asking.answered(frame);
        if (accepted !== null) this.#settle(accepted, atMs);
        break;
      }
      case "status":
        break;
    }
    this.#proof(atMs);
  }

  /** All that was sent before has arrived; of a feed that is behind, nothing is claimed that it has not sent yet. */
  #proof(atMs: number): void {
    this.#sessions.proof(atMs - this.#lag.behindMs);
  }

  /**
   * What cannot be read, or is of a market nobody asked for, is kept, and what it may have been is not covered. A candle whose
   * market can be seen goes the way of that market's candles: whoever stores them refuses it, and leaves a hole of a few
   * seconds in that market alone. One that may have been anybody's ends the session; the next goes on with the same
   * subscription.
   */
  #refuse(failure: Failure, mayBe: Suspect, atMs: number, bytes: Buffer, id: string): void {
    const { metrics, log, records } = this.#ports;
    const { code, message } = failure;
    metrics.frames.inc({ kind: "unreadable" });
    log.warn({ event: code, frame: id, bytes: bytes.length, may_be: mayBe }, message);
    const record = mayBe.kind === "candle"
      ? records.element("candle", mayBe.market, bytes, atMs, id)
      : records.deadLetter(bytes, atMs, id, failure);
    if (!this.#put(record)) return;
    if (mayBe.kind !== "anything") {
      this.#proof(atMs);
      return;
    }
    this.#sessions.doubt(atMs);
  }

  /** What does not fit is lost: the session ends where the last proof was, before it. */
  #put(record: Parameters<Outbox["put"]>[0]): boolean {
    if (this.#ports.outbox.put(record)) return true;
    this.#ports.metrics.dropped.inc();
    if (this.#asking.current !== null) {
      this.#ports.log.error(
        { event: "outbox_full" },
        "Kafka is away for too long: frames are lost",
      );
      this.#asking.forget();
      this.#sessions.end(this.coverage.link, "kafka_away");
    }
    return false;
  }

  /** Subscribes when there is reason to, and when the exchange and Kafka can take it; otherwise a later tick does. */
  #ask(): void {
    const { clock, outbox, newTicket, log } = this.#ports;
    if (this.#connection === null || !this.#asking.due(this.#wanted, clock.steadyMs())) return;
    if (outbox.queue.load > LOAD_MAX_TO_ASK) return;
    if (this.#asking.current !== null) this.#sessions.end("up", "markets_changed");
    const ticket = newTicket();
    const markets = this.#wanted;
    this.#asking.begin(ticket, markets, clock.steadyMs());
    this.#pulse.restart();
    log.info({ event: "subscribe", session: ticket, markets: markets.length }, "subscribing");
    this.#connection.sendText(subscribeFrame(ticket, markets));
  }

  /** Asks once what of the subscription was accepted. */
  #list(snapshot: boolean): void {
    if (!this.#asking.list(snapshot, this.#ports.clock.steadyMs())) return;
    this.#connection?.sendText(listFrame(this.#asking.current!.ticket));
  }

  /** Once a second: a feed that should not be silent may still have lost its source. */
  #listen(): void {
    if (this.#asking.current === null) return;
    this.#pulse.tick(this.#beat);
    this.#beat = false;
    if (this.#pulse.silence === "dead") this.#connection?.end("quiet", "pongs, but no frames");
  }

  /** A frame after a silence that was none of chance: what belongs into it may be missing, and it was not claimed. */
  #hear(): void {
    this.#beat = true;
    if (this.#pulse.silence !== "chance" && this.#asking.current !== null) {
      this.#asking.forget();
      this.#sessions.end(this.coverage.link, "quiet");
      this.#pulse.restart();
    }
  }

  #heardOf(secondEndMs: number, atMs: number): void {
    if (this.#ports.followsTime === false) return;
    const before = this.#lag.behindMs;
    this.#lag.heard(atMs, secondEndMs);
    const behindMs = this.#lag.behindMs;
    if (before === 0 && behindMs > 0) {
      this.#ports.log.warn(
        { event: "feed_behind", behind_ms: behindMs },
        "the exchange's seconds come late, or our clock is ahead: what has not come is not covered",
      );
    }
  }

  #settleLate(): void {
    const { clock, log } = this.#ports;
    this.#list(false);
    const seen = this.#asking.unanswered(clock.steadyMs());
    if (seen === null) return;
    log.warn({ event: "subscriptions_unanswered" }, "the exchange does not list subscriptions");
    this.#settle(seen, clock.nowMs());
  }

  #settle(accepted: readonly Market[], sinceMs: number): void {
    const { log } = this.#ports;
    const { ticket, markets } = this.#asking.current!;
    this.#sessions.open(ticket, accepted, sinceMs);
    const taken = new Set(accepted);
    const ignored = markets.filter((market) => !taken.has(market));
    if (ignored.length > 0) {
      log.warn(
        { event: "markets_ignored", count: ignored.length, markets: ignored.slice(0, 20) },
        "the exchange ignores markets it lists: they are not covered",
      );
    }
  }
}
